#include "coordinator/raft/core/raft_core.h"

#include <algorithm>
#include <utility>

#include "common/base/logging.h"
#include "coordinator/raft/core/mutants.h"

namespace mr::raft {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

std::string_view RoleName(RoleKind role) {
  switch (role) {
    case RoleKind::kFollower:
      return "follower";
    case RoleKind::kPreCandidate:
      return "pre-candidate";
    case RoleKind::kCandidate:
      return "candidate";
    case RoleKind::kLeader:
      return "leader";
  }
  return "?";
}

RaftCore::RaftCore(RaftOptions options, Restored restored, RandomBelow random)
    : options_(std::move(options)),
      members_(options_.quorum.Members()),
      random_(std::move(random)),
      hard_state_(restored.hard_state),
      saved_(restored.hard_state),
      log_(restored.snapshot.meta.index, restored.snapshot.meta.term),
      commit_(restored.snapshot.meta.index),
      applied_(restored.snapshot.meta.index),
      snapshot_(std::move(restored.snapshot)) {
#ifdef MR_RAFT_MUTANTS
  MutantMemoryOf(this) = {};
#endif
  CHECK(members_.contains(options_.self)) << "node " << options_.self.value << " is no member";
  for (EntryPtr& entry : restored.entries)
    if (entry->index > log_.base()) log_.Append(std::move(entry));
  CHECK(log_.last_term() <= hard_state_.term) << "the log is of a newer term than the hard state";
  stable_ = log_.last();
  contact_age_ = options_.election_ticks;
  ResetElectionTimer();
  // Nobody else to wait for; the same path otherwise.
  if (members_.size() == 1) Campaign(/*pre=*/true, /*transfer=*/false);
}

void RaftCore::Step(const Message& message) {
  if (message.to != options_.self || message.from == options_.self ||
      !members_.contains(message.from)) {
    ++dropped_messages_;
    return;
  }
  dirty_ = true;
  if (!AdmitTerm(message)) return;
  if (Mutated(Mutant::kL17AnyMessageResetsTimer)) election_elapsed_ = 0;
  std::visit(Overloaded{
                 [&](const VoteRequest& body) { OnVoteRequest(message, body); },
                 [&](const VoteResponse& body) { OnVoteResponse(message, body); },
                 [&](const AppendRequest& body) { OnAppend(message, body); },
                 [&](const AppendResponse& body) { OnAppendResponse(message, body); },
                 [&](const Heartbeat& body) { OnHeartbeat(message, body); },
                 [&](const HeartbeatResponse& body) { OnHeartbeatResponse(message, body); },
                 [&](const SnapshotPart& body) { OnSnapshotPart(message, body); },
                 [&](const SnapshotResponse& body) { OnSnapshotResponse(message, body); },
                 [&](const TimeoutNow&) { OnTimeoutNow(message); },
             },
             message.body);
#ifdef MR_RAFT_MUTANTS
  int& deferred = MutantMemoryOf(this).election_deferred;
  if (deferred != 0 && --deferred == 0) Campaign(/*pre=*/false, /*transfer=*/false);
#endif
}

void RaftCore::Tick() {
  dirty_ = true;
  if (leader_state() != nullptr) return TickLeader();
  if (contact_age_ < options_.election_ticks) ++contact_age_;
  if (Mutated(Mutant::kL10TimerStopsInCandidate) && role() != RoleKind::kFollower) return;
  if (++election_elapsed_ < election_timeout_) return;
#ifdef MR_RAFT_MUTANTS
  if (Mutated(Mutant::kL24DefersElection) && MutantMemoryOf(this).election_deferred == 0) {
    MutantMemoryOf(this).election_deferred = 2;
    return;
  }
#endif
  OnElectionTimeout();
}

void RaftCore::Compact(Snapshot snapshot, Index keep_after) {
  CHECK(snapshot.data != nullptr);
  CHECK(snapshot.meta.index <= applied_) << "a snapshot of what is not applied yet";
  if (snapshot.meta.index <= snapshot_.meta.index) return;
  snapshot_ = std::move(snapshot);
  CompactLog(std::min(keep_after, snapshot_.meta.index));
}

void RaftCore::CompactLog(Index upto) {
  CHECK(upto <= snapshot_.meta.index) << "only what a snapshot contains may go";
  if (upto > log_.base()) log_.CompactTo(upto, *log_.TermAt(upto));
}

bool RaftCore::HasReady() {
  Flush();
  return hard_state_ != saved_ || install_ || stable_ < log_.last() || applied_ < commit_ ||
         !outbox_.empty() || !reads_.empty();
}

Ready RaftCore::TakeReady() {
  CHECK(!outstanding_) << "one Ready at a time";
  Flush();
  Ready ready;
  ready.sequence = ++sequence_;
  if (hard_state_ != saved_) ready.hard_state = hard_state_;
  if (Mutated(Mutant::kL19ForgetsVote) && hard_state_.term == saved_.term) ready.hard_state.reset();
  saved_ = hard_state_;
  outstanding_ = Outstanding{log_.last(), commit_, install_.has_value()};
  ready.snapshot = std::move(install_);
  install_.reset();
  ready.entries = log_.Slice(Next(stable_), Next(log_.last()));
  ready.messages = std::move(outbox_);
  outbox_.clear();
  ready.committed = log_.Slice(Next(applied_), Next(commit_));
  ready.reads = std::move(reads_);
  reads_.clear();
  if (Mutated(Mutant::kL22StampsTermAtSend))
    for (Message& message : ready.messages) message.term = term();
#ifdef MR_RAFT_MUTANTS
  if (Mutated(Mutant::kL15ReadyIsReused)) {
    // As if the caller's object were filled in place: what is absent keeps its old value.
    std::optional<HardState>& reused = MutantMemoryOf(this).hard_state;
    if (ready.hard_state) reused = ready.hard_state;
    ready.hard_state = reused;
  }
#endif
  return ready;
}

void RaftCore::Advance() {
  CHECK(outstanding_) << "no Ready was taken";
  // An overwrite in the meantime has lowered outstanding_->stable: what was written is not what
  // counts.
  stable_ = std::max(stable_, outstanding_->stable);
  applied_ = std::max(applied_, outstanding_->applied);
  outstanding_.reset();
  dirty_ = true;
  MaybeCommit();
}

}  // namespace mr::raft
