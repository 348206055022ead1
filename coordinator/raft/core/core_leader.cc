// What a leader does: proposals, commitment, followers' answers, reads, handing over.
#include <algorithm>
#include <utility>

#include "common/base/logging.h"
#include "coordinator/raft/core/mutants.h"
#include "coordinator/raft/core/raft_core.h"

namespace mr::raft {

const Progress* RaftCore::progress(NodeId peer) const {
  const auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr) return nullptr;
  const auto found = leader->progress.find(peer);
  return found == leader->progress.end() ? nullptr : &found->second;
}

ProposeResult RaftCore::Propose(std::string payload) {
  Leader* leader = leader_state();
  if (leader == nullptr) return {ProposeCode::kNotLeader, {}, {}};
  if (payload.size() > options_.max_proposal_bytes) return {ProposeCode::kTooLarge, {}, {}};
  const bool full = leader->uncommitted_bytes > 0 &&
                    leader->uncommitted_bytes + payload.size() > options_.max_uncommitted_bytes;
  if (full || leader->transferee != NodeId{}) return {ProposeCode::kBusy, {}, {}};
  dirty_ = true;
  return {ProposeCode::kOk, AppendOwn(EntryKind::kCommand, std::move(payload)), term()};
}

Index RaftCore::AppendOwn(EntryKind kind, std::string payload) {
  const Index index = Next(log_.last());
  leader_state()->uncommitted_bytes += payload.size();
  log_.Append(std::make_shared<const Entry>(Entry{index, term(), kind, std::move(payload)}));
  return index;
}

bool RaftCore::ReadIndex(uint64_t context) {
  Leader* leader = leader_state();
  if (leader == nullptr) return false;
  dirty_ = true;
  leader->unread.push_back(context);
  return true;
}

bool RaftCore::Transfer(NodeId target) {
  Leader* leader = leader_state();
  if (leader == nullptr || !leader->progress.contains(target)) return false;
  leader->transferee = target;
  leader->transfer_elapsed = 0;
  dirty_ = true;
  MaybeHandOver();
  return true;
}

// Only to a follower that has everything: it must win at once.
void RaftCore::MaybeHandOver() {
  Leader* leader = leader_state();
  if (leader == nullptr || leader->transferee == NodeId{}) return;
  if (leader->progress.at(leader->transferee).match == log_.last())
    Send(leader->transferee, TimeoutNow{});
}

void RaftCore::ReportUnreachable(NodeId peer) {
  Leader* leader = leader_state();
  if (leader == nullptr || !leader->progress.contains(peer)) return;
  Progress& progress = leader->progress.at(peer);
  if (progress.state != Progress::State::kReplicate) return;
  progress.BecomeProbe();
  progress.paused = true;  // until it is heard of again
}

void RaftCore::TickLeader() {
  Leader* leader = leader_state();
  if (Mutated(Mutant::kL12WaitsForAnswers))
    for (const auto& [id, progress] : leader->progress)
      if (progress.match < log_.last()) return;
  if (leader->transferee != NodeId{} && ++leader->transfer_elapsed >= options_.election_ticks)
    leader->transferee = {};
  for (auto& [id, progress] : leader->progress)
    if (progress.state == Progress::State::kSnapshot &&
        ++progress.transfer.idle_ticks >= options_.snapshot_give_up_ticks)
      progress.BecomeProbe();
  if (++election_elapsed_ >= options_.election_ticks) {
    election_elapsed_ = 0;
    CheckQuorum();
    leader = leader_state();
    if (leader == nullptr) return;
  }
#ifdef MR_RAFT_MUTANTS
  for (const auto& [id, end] : std::exchange(MutantMemoryOf(this).bounds, {}))
    Distance(leader->progress.at(id).next, end);  // entries to send, by a bound of another moment
#endif
  if (++leader->heartbeat_elapsed >= options_.heartbeat_ticks) BroadcastHeartbeat();
}

// A leader that has not heard of a majority for T ticks cannot commit and may not keep others from
// electing.
void RaftCore::CheckQuorum() {
  std::set<NodeId> heard{options_.self};
  for (auto& [id, progress] : leader_state()->progress) {
    if (progress.recent_active) heard.insert(id);
    progress.recent_active = false;
  }
  if (options_.quorum.IsMajority(heard)) return;
  leader_ = {};
  BecomeFollower();
}

void RaftCore::BroadcastHeartbeat() {
  Leader* leader = leader_state();
  leader->heartbeat_elapsed = 0;
  for (const auto& [id, progress] : leader->progress)
    Send(id, Heartbeat{std::min(progress.match, commit_), leader->read_seq});
  MaybeHandOver();
}

// Counts only what is durable, this node's own entries too, and only entries of this term: an older
// entry on a majority can still be replaced (Figure 8 of the paper).
void RaftCore::MaybeCommit() {
  Leader* leader = leader_state();
  if (leader == nullptr) return;
  const uint64_t reached = options_.quorum.Reached([&](NodeId id) {
    if (id == options_.self)
      return Mutated(Mutant::kF01CountsUnsynced) ? log_.last().value : stable_.value;
    return leader->progress.at(id).match.value;
  });
  const Index index{reached};
  if (index <= commit_) return;
  if (log_.TermAt(index) != term() && !Mutated(Mutant::kL17CommitsOldTermsByCount)) return;
  for (Index i = Next(commit_); i <= index; i = Next(i)) {
    const Entry& entry = *log_.At(i);
    if (entry.term == term()) leader->uncommitted_bytes -= entry.payload.size();
  }
  commit_ = index;
  dirty_ = true;
}

// A message of a follower in this term; null if this node does not lead.
Progress* RaftCore::Heard(const Message& message) {
  Leader* leader = leader_state();
  if (leader == nullptr) return nullptr;
  Progress& progress = leader->progress.at(message.from);
  progress.recent_active = true;
  return &progress;
}

void RaftCore::OnAppendResponse(const Message& message, const AppendResponse& response) {
  Progress* progress = Heard(message);
  if (progress == nullptr) return;
  if (!response.ok) return OnAppendRefused(*progress, response);
  Index match = response.match;
  if (Mutated(Mutant::kL25MatchIsLast)) match = log_.last();
  if (match > log_.last()) {
    ++dropped_messages_;
    if (!Mutated(Mutant::kL21AcceptsOldReplies)) return;
    match = log_.last();
  }
  OnMatch(*progress, match);
}

void RaftCore::OnMatch(Progress& progress, Index match) {
  using State = Progress::State;
  progress.match = std::max(progress.match, match);
  progress.next = std::max(progress.next, Next(progress.match));
  if (!Mutated(Mutant::kF31WindowNeverReopens)) progress.FreeInflightTo(match);
  if (progress.state == State::kProbe) progress.BecomeReplicate();
  if (progress.state == State::kSnapshot) {
    if (progress.match >= log_.base())
      progress.BecomeReplicate();
    else if (progress.match >= progress.transfer.snapshot.meta.index)
      progress.BecomeProbe();  // the log was compacted beyond it meanwhile: the newer snapshot is next
  }
  MaybeCommit();
  MaybeHandOver();
}

// Only the refusal of the request that is outstanding says something new; others are late.
void RaftCore::OnAppendRefused(Progress& progress, const AppendResponse& response) {
  using State = Progress::State;
  if (Mutated(Mutant::kF29StaleRefusalMovesMatch)) {
    progress.match = std::min(progress.match, response.hint_index);
    return progress.BecomeProbe();
  }
  if (progress.state == State::kReplicate) {
    if (response.request_prev > progress.match) progress.BecomeProbe();
    return;
  }
  if (progress.state != State::kProbe || response.request_prev != Previous(progress.next)) return;
  // This log's last entry that can agree with the hint: one request per term of difference.
  const Index hint = std::min(response.hint_index, Previous(progress.next));
  Index next = Next(hint);  // below the base a snapshot is needed, and SendAppend sees it
  if (hint >= log_.base()) {
    const Index same = log_.LastWithTermAtMost(hint, response.hint_term);
    next = *log_.TermAt(same) <= response.hint_term ? Next(same) : same;
  }
  if (Mutated(Mutant::kL20BacksUpByOne)) next = Previous(progress.next);
  progress.next = std::max(next, Next(progress.match));
  progress.paused = false;
}

void RaftCore::OnHeartbeatResponse(const Message& message, const HeartbeatResponse& response) {
  Progress* progress = Heard(message);
  if (progress == nullptr) return;
  progress->paused = false;
  if (progress->state == Progress::State::kReplicate && Next(progress->match) < progress->next)
    progress->nudge = !Mutated(Mutant::kF31WindowNeverReopens);
  if (progress->state == Progress::State::kSnapshot) {
    Progress::Transfer& transfer = progress->transfer;
    if (!transfer.answered) {
      transfer.sent = transfer.acked;
      transfer.started = false;
    }
    transfer.answered = false;
  }
#ifdef MR_RAFT_MUTANTS
  if (Mutated(Mutant::kL25FrozenBound))
    MutantMemoryOf(this).bounds[message.from] = Next(log_.last());
#endif
  progress->read_seq = std::max(progress->read_seq, response.read_seq);
  ConfirmReads();
}

void RaftCore::OnSnapshotResponse(const Message& message, const SnapshotResponse& response) {
  Progress* progress = Heard(message);
  if (progress == nullptr) return;
  if (response.done) {
    if (response.meta.index <= log_.last()) OnMatch(*progress, response.meta.index);
    return;
  }
  Progress::Transfer& transfer = progress->transfer;
  if (progress->state != Progress::State::kSnapshot || response.meta != transfer.snapshot.meta ||
      response.next_offset > transfer.snapshot.data->size())
    return;
  // What a follower has of a snapshot only grows, until it is restarted and has forgotten all of it. Other answers came
  // late: to go back for them would send the window again for every pair of messages that changed places.
  if (response.next_offset < transfer.acked && response.next_offset != 0) return;
  transfer.idle_ticks = 0;
  if (response.next_offset == transfer.acked) {
    // Something came there before this part did, which is lost or was overtaken: it goes again, once.
    if (transfer.sent > transfer.acked && transfer.resent != transfer.acked) {
      transfer.resent = transfer.acked;
      SendSnapshotPart(message.from, transfer, transfer.acked);
    }
    return;
  }
  transfer.answered = true;
  if (response.next_offset < transfer.acked) {
    transfer.sent = 0;
    transfer.resent.reset();
  }
  transfer.acked = response.next_offset;
  transfer.sent = std::max(transfer.sent, transfer.acked);
}

// Begins a round for the reads that wait; they share it. Not before an entry of this term is
// committed: until then this leader does not know how far its predecessors have committed.
void RaftCore::StartReads() {
  Leader* leader = leader_state();
  const bool knows = commit_ >= leader->term_start || Mutated(Mutant::kF37ReadsBeforeOwnCommit);
  if (leader->unread.empty() || !knows) return;
  ++leader->read_seq;
  for (const uint64_t context : leader->unread)
    leader->reads.push_back({context, commit_, leader->read_seq});
  leader->unread.clear();
  BroadcastHeartbeat();
  ConfirmReads();
}

void RaftCore::ConfirmReads() {
  Leader* leader = leader_state();
  if (leader->reads.empty()) return;
  const uint64_t reached = options_.quorum.Reached([&](NodeId id) {
    return id == options_.self ? leader->read_seq : leader->progress.at(id).read_seq;
  });
  const auto end = std::find_if(leader->reads.begin(), leader->reads.end(),
                                [&](const PendingRead& read) { return read.seq > reached; });
  for (auto read = leader->reads.begin(); read != end; ++read)
    reads_.push_back({read->context, true, read->index});
  leader->reads.erase(leader->reads.begin(), end);
}

void RaftCore::FailReads(Leader& leader) {
  const bool ok = Mutated(Mutant::kL14ReadsOutliveLeadership);
  for (const PendingRead& read : leader.reads) reads_.push_back({read.context, ok, read.index});
  for (const uint64_t context : leader.unread) reads_.push_back({context, ok, commit_});
}

}  // namespace mr::raft
