// What a follower does with the leader's log, heartbeats and snapshots.
#include <algorithm>

#include "common/base/hash.h"
#include "common/base/logging.h"
#include "coordinator/raft/core/mutants.h"
#include "coordinator/raft/core/raft_core.h"

namespace mr::raft {

// A message that only the leader of this term sends. Terms are equal here.
bool RaftCore::OnLeaderMessage(const Message& message) {
  CHECK(role() != RoleKind::kLeader && (leader_ == NodeId{} || leader_ == message.from))
      << "two leaders in term " << term().value << ": node " << message.from.value << " and node "
      << leader_.value;
  if (role() != RoleKind::kFollower || Mutated(Mutant::kL11FollowingClearsVote)) BecomeFollower();
  leader_ = message.from;
  contact_age_ = 0;
  ResetElectionTimer();
  return true;
}

bool RaftCore::WellFormed(const Message& message, const AppendRequest& request) const {
  Index index = request.prev_index;
  Term term = request.prev_term;
  for (const EntryPtr& entry : request.entries) {
    if (entry == nullptr || entry->index != Next(index) || entry->term < term) return false;
    index = entry->index;
    term = entry->term;
  }
  return term <= message.term;
}

void RaftCore::OnAppend(const Message& message, const AppendRequest& request) {
  if (!WellFormed(message, request)) {
    ++dropped_messages_;
    return;
  }
  OnLeaderMessage(message);
  AppendResponse response{request.prev_index, /*ok=*/true, commit_, {}, {}};
  if (request.prev_index >= commit_) {
    if (!log_.Has(request.prev_index, request.prev_term))
      return RefuseAppend(message.from, request);
    StoreEntries(request);
    response.match = {request.prev_index.value + request.entries.size()};
    if (Mutated(Mutant::kF28AcksOwnLast)) response.match = log_.last();
    CommitTo(std::min(request.commit, response.match));
  }
  Send(message.from, response);
}

// The hint skips a whole term at a time: entries of a newer term than prev_term cannot be the
// leader's.
void RaftCore::RefuseAppend(NodeId to, const AppendRequest& request) {
  AppendResponse response{request.prev_index, /*ok=*/false, {}, {}, {}};
  response.hint_index = log_.LastWithTermAtMost(request.prev_index, request.prev_term);
  response.hint_term = *log_.TermAt(response.hint_index);
  Send(to, response);
}

// Replaces the log from the first real conflict only: a late, shorter request must not cut off
// entries that a newer one of the same leader has brought.
void RaftCore::StoreEntries(const AppendRequest& request) {
  for (const EntryPtr& entry : request.entries) {
    if (log_.Has(entry->index, entry->term) && !Mutated(Mutant::kF12TruncatesEqualEntries))
      continue;
    if (entry->index <= log_.last()) {
      CHECK(entry->index > commit_ || Mutated(Mutant::kF12TruncatesEqualEntries))
          << "entry " << entry->index.value << " is committed and would be replaced";
      if (Mutated(Mutant::kL18OverwritesSharedEntries))
        const_cast<Entry&>(*log_.At(entry->index)) = *entry;
      log_.TruncateFrom(entry->index);
      // What is being written this moment is not this log any more.
      stable_ = std::min(stable_, Previous(entry->index));
      if (outstanding_) outstanding_->stable = std::min(outstanding_->stable, stable_);
    }
    log_.Append(entry);
  }
}

void RaftCore::OnHeartbeat(const Message& message, const Heartbeat& heartbeat) {
  OnLeaderMessage(message);
  CHECK(heartbeat.commit <= log_.last())
      << "this node has acknowledged entry " << heartbeat.commit.value
      << " and has lost it: its log ends at " << log_.last().value;
  CommitTo(heartbeat.commit);
  Send(message.from, HeartbeatResponse{heartbeat.read_seq});
}

void RaftCore::CommitTo(Index index) {
  CHECK(index <= log_.last());
  commit_ = std::max(commit_, index);
}

void RaftCore::OnSnapshotPart(const Message& message, const SnapshotPart& part) {
  OnLeaderMessage(message);
  SnapshotResponse response{part.meta, 0, true};
  const bool has_it = part.meta.index <= commit_ || log_.Has(part.meta.index, part.meta.term);
  if (has_it) {
    // The entries after it may be good, and are kept.
    CommitTo(std::max(commit_, part.meta.index));
    incoming_.reset();
  } else if (CollectPart(message, part)) {
    InstallSnapshot(part.meta, std::move(incoming_->data));
    incoming_.reset();
  } else {
    response.done = false;
    response.next_offset = incoming_ ? incoming_->data.size() : 0;
  }
  Send(message.from, response);
}

// True when the snapshot is whole and its checksum right. Parts come in order, each exactly once;
// anything else is answered with the offset that is wanted.
bool RaftCore::CollectPart(const Message& message, const SnapshotPart& part) {
  const bool same = incoming_ && incoming_->meta == part.meta && incoming_->from == message.from &&
                    incoming_->checksum == part.checksum &&
                    incoming_->total_bytes == part.total_bytes;
  if (!same) {
    const bool first = part.offset == 0 || Mutated(Mutant::kF34ResumesInTheMiddle);
    incoming_.reset();
    if (!first) return false;
    incoming_ = Incoming{part.meta, message.from, part.checksum, part.total_bytes, {}};
    if (Mutated(Mutant::kF34ResumesInTheMiddle)) incoming_->data.resize(part.offset);
  }
  const uint64_t have = incoming_->data.size();
  if (part.offset != have || part.data.size() > part.total_bytes - have) return false;
  incoming_->data += part.data;
  if (incoming_->data.size() < part.total_bytes) return false;
  if (Hash64(incoming_->data) == part.checksum || Mutated(Mutant::kF34ResumesInTheMiddle))
    return true;
  incoming_.reset();
  return false;
}

void RaftCore::InstallSnapshot(const SnapshotMeta& meta, std::string data) {
  CHECK(meta.index > commit_);
  if (Mutated(Mutant::kF33KeepsForeignSuffix) && meta.index < log_.last()) {
    log_.CompactTo(meta.index, *log_.TermAt(meta.index));
  } else {
    log_.Reset(meta.index, meta.term);
    stable_ = meta.index;
  }
  if (outstanding_) outstanding_->stable = std::min(outstanding_->stable, stable_);
  commit_ = applied_ = meta.index;
  snapshot_ = {meta, std::make_shared<const std::string>(std::move(data))};
  install_ = snapshot_;
}

}  // namespace mr::raft
