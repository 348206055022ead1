#include "test/sim/coordinator_disk.h"

#include <algorithm>
#include <utility>

#include "common/base/strings.h"
#include "test/sim/replay.h"

namespace mr::sim {

using test::Fault;
using test::FaultCall;

namespace {

constexpr uint64_t kCutOffWithinCalls = 40;

}  // namespace

CoordinatorDisk::CoordinatorDisk(World& world, const Options& options) : world_(world), options_(options) {
  env_.ForgetCalls();
}

std::optional<CoordinatorDisk::Opened> CoordinatorDisk::Open() {
  raft::StorageOptions storage;
  storage.segment_bytes = options_.segment_bytes;
  storage.snapshot_log_bytes = options_.snapshot_log_bytes;
  storage.seed = world_.random().Next() | 1;
  JournalContents contents;
  auto journal = Journal::Open(env_, "/state/coord", storage, contents);
  if (!journal) {
    world_.Note(StrCat("coordinator does not start: ", ErrorCodeName(journal.error().code)));
    if (!faulty_) world_.Blame(StrCat("the journal cannot be opened: ", journal.error().text));
    return std::nullopt;
  }
  journal_ = std::move(*journal);
  if (journal_->epoch() <= last_epoch_) world_.Blame(StrCat("epoch ", journal_->epoch(), " after ", last_epoch_));
  last_epoch_ = journal_->epoch();
  Compare(contents);
  Result<coordinator::State> state = ReplayRecords(contents.snapshot, contents.records, "/state/coord");
  if (!state) {
    world_.Blame(state.error().text);
    return std::nullopt;
  }
  return Opened{journal_->epoch(), std::move(*state)};
}

Result<size_t> CoordinatorDisk::FindPosition(const JournalContents& contents) const {
  if (contents.snapshot.empty()) return size_t{0};
  const auto found = snapshots_.find(contents.snapshot);
  if (found == snapshots_.end()) return Fail(ErrorCode::kDataLoss, "a snapshot that nobody took");
  return found->second;
}

// What was answered is there, and nothing that was never written; in its order, with the same bytes.
void CoordinatorDisk::Compare(const JournalContents& contents) {
  const Result<size_t> position = FindPosition(contents);
  if (!position) return world_.Blame(position.error().text);
  const size_t found = *position + contents.records.size();
  const std::string what = StrCat("the disk has ", found, " records of ", records_.size(), " (", *position,
                                  " in a snapshot), ", synced_, " were synced, ", written_, " written");
  world_.Note(what);
  if (found < synced_ || found < written_ || found > records_.size()) return world_.Blame(what);
  if (!std::equal(contents.records.begin(), contents.records.end(),
                  records_.begin() + static_cast<std::ptrdiff_t>(*position))) {
    return world_.Blame("a record on the disk is not the one that was written");
  }
  records_.resize(found);
  synced_ = written_ = found;  // opening has synced them
  std::erase_if(snapshots_, [&](const auto& entry) { return entry.second > found; });
}

void CoordinatorDisk::LosePower() {
  const size_t unsynced = files_.UnsyncedSectors();
  // Between nothing at all and nearly everything.
  const double kept = static_cast<double>(world_.random().Below(5)) / 4;
  files_.LosePower([&] { return world_.random().Chance(kept); });
  world_.Note(StrCat("coordinator's host loses its power with ", unsynced, " sectors unsynced"));
  written_ = synced_;
}

Status CoordinatorDisk::Append(std::span<const std::string> records) {
  records_.insert(records_.end(), records.begin(), records.end());
  MR_RETURN_IF_ERROR(journal_->Append(records));
  written_ = records_.size();
  return {};
}

Status CoordinatorDisk::Sync() {
  MR_RETURN_IF_ERROR(journal_->Sync());
  synced_ = records_.size();
  return {};
}

Status CoordinatorDisk::SaveSnapshot(const std::string& state) {
  snapshots_[state] = records_.size();  // if it fails it may be there all the same
  world_.Note(StrCat("coordinator takes a snapshot of ", records_.size(), " records"));
  return journal_->SaveSnapshot(state);
}

// ---- faults --------------------------------------------------------------------------------------------------------

void CoordinatorDisk::FillUp() {
  faulty_ = true;
  env_.SetPlan([](const FaultCall& call) {
    return call.op == "Append" ? Fault::kTorn : call.op == "CreateNew" ? Fault::kFail : Fault::kNone;
  }, ErrorCode::kNoSpace);
}

void CoordinatorDisk::BreakDown() {
  faulty_ = true;
  env_.SetPlan([this](const FaultCall&) {
    if (world_.random().Chance(0.5)) return Fault::kNone;
    const uint64_t kind = world_.random().Below(3);
    return kind == 0 ? Fault::kFail : kind == 1 ? Fault::kFailAfter : Fault::kTorn;
  }, ErrorCode::kIo);
}

void CoordinatorDisk::CutOffSoon() {
  faulty_ = true;
  const uint64_t at = env_.call_count() + 1 + world_.random().Below(kCutOffWithinCalls);
  const Fault first = world_.random().Chance(0.5) ? Fault::kTorn : Fault::kFail;
  env_.SetPlan([this, at, first](const FaultCall& call) {
    if (call.number < at) return Fault::kNone;
    cut_off_ = true;
    return call.number == at ? first : Fault::kFail;
  }, ErrorCode::kIo);
}

void CoordinatorDisk::Mend() {
  faulty_ = false;
  cut_off_ = false;
  env_.Heal();
}

}  // namespace mr::sim
