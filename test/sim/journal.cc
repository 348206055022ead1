#include "test/sim/journal.h"

#include <algorithm>

namespace mr::sim {
namespace {

constexpr uint64_t kSnapshotFactor = 4;

}  // namespace

Result<std::unique_ptr<Journal>> Journal::Open(Env& env, const std::string& directory,
                                               const raft::StorageOptions& options, JournalContents& contents) {
  raft::Recovered recovered;
  auto journal = std::make_unique<Journal>();
  MR_ASSIGN_OR_RETURN(journal->storage_, raft::LogStorage::Open(env, directory, options, recovered));
  journal->snapshot_log_bytes_ = options.snapshot_log_bytes;
  // The only member elects itself, and begins its term as every leader does.
  journal->term_ = {recovered.hard_state.term.value + 1};
  MR_RETURN_IF_ERROR(journal->storage_->SaveHardState({journal->term_, options.node}));
  const raft::Entry first{Next(journal->storage_->last_index()), journal->term_, raft::EntryKind::kNoOp, {}};
  MR_RETURN_IF_ERROR(journal->storage_->Append(std::span(&first, 1)));
  MR_RETURN_IF_ERROR(journal->storage_->Sync());
  contents = JournalContents{std::move(recovered.snapshot_bytes), {}, std::move(recovered.warnings)};
  for (raft::Entry& entry : recovered.entries) {
    if (entry.kind == raft::EntryKind::kCommand) contents.records.push_back(std::move(entry.payload));
  }
  return journal;
}

Status Journal::Append(std::span<const std::string> records) {
  std::vector<raft::Entry> entries;
  entries.reserve(records.size());
  raft::Index index = storage_->last_index();
  for (const std::string& record : records) {
    index = Next(index);
    entries.push_back({index, term_, raft::EntryKind::kCommand, record});
  }
  return storage_->Append(entries);
}

bool Journal::WantsSnapshot() const {
  return storage_->log_bytes() > std::max(snapshot_log_bytes_, kSnapshotFactor * storage_->snapshot_bytes());
}

Status Journal::SaveSnapshot(std::string_view state) {
  return storage_->SaveSnapshot({storage_->last_index(), term_}, state);
}

}  // namespace mr::sim
