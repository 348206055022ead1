#include "coordinator/replica/member_store.h"

#include <algorithm>
#include <utility>

namespace mr::coordinator {
namespace {

constexpr uint64_t kSnapshotFactor = 4;
// Entries in memory stand for nothing but the snapshot that could replace them.
constexpr uint64_t kVolatileLogBytes = 4u << 20;

}  // namespace

Result<DiskStore::Opened> DiskStore::Open(Env& env, const std::string& directory, const raft::StorageOptions& options) {
  raft::Recovered recovered;
  Opened opened;
  opened.store = std::make_unique<DiskStore>();
  MR_ASSIGN_OR_RETURN(opened.store->storage_, raft::LogStorage::Open(env, directory, options, recovered));
  opened.store->snapshot_log_bytes_ = options.snapshot_log_bytes;
  opened.restored.hard_state = recovered.hard_state;
  if (recovered.snapshot.index.value > 0) {
    opened.restored.snapshot = {recovered.snapshot,
                                std::make_shared<const std::string>(std::move(recovered.snapshot_bytes))};
  }
  for (raft::Entry& entry : recovered.entries)
    opened.restored.entries.push_back(std::make_shared<const raft::Entry>(std::move(entry)));
  opened.warnings = std::move(recovered.warnings);
  return opened;
}

Status DiskStore::Persist(const raft::Ready& ready) {
  if (ready.hard_state) MR_RETURN_IF_ERROR(storage_->SaveHardState(*ready.hard_state));
  if (ready.snapshot) MR_RETURN_IF_ERROR(storage_->SaveSnapshot(ready.snapshot->meta, *ready.snapshot->data));
  if (ready.entries.empty()) return {};
  MR_RETURN_IF_ERROR(storage_->Append(ready.entries));
  return storage_->Sync();
}

bool DiskStore::WantsSnapshot() const {
  return storage_->log_bytes() > std::max(snapshot_log_bytes_, kSnapshotFactor * storage_->snapshot_bytes());
}

Status DiskStore::SaveSnapshot(const raft::SnapshotMeta& meta, std::string_view bytes) {
  return storage_->SaveSnapshot(meta, bytes);
}

Status VolatileStore::Persist(const raft::Ready& ready) {
  for (const raft::EntryPtr& entry : ready.entries) bytes_ += entry->payload.size();
  return {};
}

bool VolatileStore::WantsSnapshot() const { return bytes_ > kVolatileLogBytes; }

Status VolatileStore::SaveSnapshot(const raft::SnapshotMeta& /*meta*/, std::string_view /*bytes*/) {
  bytes_ = 0;
  return {};
}

}  // namespace mr::coordinator
