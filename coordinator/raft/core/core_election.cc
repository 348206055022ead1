// Terms, votes, and who becomes leader.
#include <algorithm>

#include "common/base/logging.h"
#include "coordinator/raft/core/mutants.h"
#include "coordinator/raft/core/raft_core.h"

namespace mr::raft {

// The only place that clears the vote. Whatever was not yet sent belongs to the old term and is
// dropped: every message may be lost anyway.
void RaftCore::AdvanceTerm(Term term) {
  CHECK(term > hard_state_.term);
  hard_state_.term = term;
  if (!Mutated(Mutant::kL16NewTermKeepsVote)) hard_state_.voted_for = {};
  leader_ = {};
  incoming_.reset();
  if (!Mutated(Mutant::kL22StampsTermAtSend)) outbox_.clear();
  BecomeFollower();
}

// Terms come before everything else. False: the message ends here.
bool RaftCore::AdmitTerm(const Message& message) {
  const auto* request = std::get_if<VoteRequest>(&message.body);
  const auto* response = std::get_if<VoteResponse>(&message.body);
  // A pre-vote's term is hypothetical; only a refusal carries a real one.
  if (request != nullptr && request->pre) return true;
  if (response != nullptr && response->pre && response->granted) return true;
  if (response != nullptr && response->pre && Mutated(Mutant::kF20PreVoteRefusalHidesTerm))
    return true;
  if (message.term > term()) {
    // While a leader is well, nobody can unseat it by having been away.
    if (request != nullptr && !request->transfer && InLease()) return false;
    AdvanceTerm(message.term);
    return true;
  }
  if (message.term < term()) {
    if (Mutated(Mutant::kL21AcceptsOldReplies) &&
        std::holds_alternative<AppendResponse>(message.body))
      return true;
    if (Mutated(Mutant::kL13CountsAnyVote) && response != nullptr) return true;
    AnswerOldTerm(message);
    return false;
  }
  return true;
}

// A sender that is behind learns the term from the answer; answers are not answered.
void RaftCore::AnswerOldTerm(const Message& message) {
  if (std::holds_alternative<VoteRequest>(message.body))
    Send(message.from, VoteResponse{});
  else if (const auto* append = std::get_if<AppendRequest>(&message.body))
    RefuseAppend(message.from, *append);
  else if (std::holds_alternative<Heartbeat>(message.body))
    Send(message.from, HeartbeatResponse{});
  else if (const auto* part = std::get_if<SnapshotPart>(&message.body))
    Send(message.from, SnapshotResponse{part->meta});
}

// A leader's check-quorum makes it step down when it has lost the majority, so one that still leads
// has it.
bool RaftCore::InLease() const {
  if (role() == RoleKind::kLeader) return true;
  if (Mutated(Mutant::kF18OldLeaderBlocksPreVote) && leader_ != NodeId{}) return true;
  return leader_ != NodeId{} && contact_age_ < options_.election_ticks;
}

bool RaftCore::LogUpToDate(const VoteRequest& request) const {
  Term mine = log_.last_term();
  if (Mutated(Mutant::kF22CompactedTermIsZero) && log_.last() == log_.base()) mine = {};
  if (request.last_term != mine) return request.last_term > mine;
  return request.last_index >= log_.last();
}

void RaftCore::ResetElectionTimer() {
  election_elapsed_ = 0;
  election_timeout_ =
      options_.election_ticks + static_cast<uint32_t>(random_(options_.election_ticks));
}

void RaftCore::OnElectionTimeout() {
  ResetElectionTimer();
  leader_ = {};
  if (incoming_) {
    // Half a snapshot came from a leader that is gone; campaign at the next time-out.
    incoming_.reset();
    return;
  }
  if (install_ || (outstanding_ && outstanding_->installs)) return;
  Campaign(/*pre=*/true, /*transfer=*/false);
}

void RaftCore::Campaign(bool pre, bool transfer) {
  if (!Mutated(Mutant::kL24DefersElection))
    CHECK(role() != RoleKind::kLeader) << "a leader does not campaign";
  const NodeId self = options_.self;
  if (pre) {
    role_ = PreCandidate{{self}};
  } else {
    AdvanceTerm({term().value + 1});
    hard_state_.voted_for = self;
    role_ = Candidate{{self}};
    if (Mutated(Mutant::kF15OwnVoteMissing)) hard_state_.voted_for = {};
  }
  ResetElectionTimer();
  RequestVotes(pre, transfer);
  if (!options_.quorum.IsMajority({self})) return;
  if (pre) return Campaign(/*pre=*/false, transfer);
  BecomeLeader();
}

void RaftCore::RequestVotes(bool pre, bool transfer) {
  const Term term_asked{term().value + (pre ? 1 : 0)};
  for (const NodeId id : members_)
    if (id != options_.self)
      SendIn(id, term_asked, VoteRequest{pre, transfer, log_.last(), log_.last_term()});
}

// The vote stays: it belongs to the term, not to the role.
void RaftCore::BecomeFollower() {
  if (Mutated(Mutant::kL11FollowingClearsVote)) hard_state_.voted_for = {};
  if (Leader* leader = leader_state()) {
#ifdef MR_RAFT_MUTANTS
    for (const auto& [id, progress] : leader->progress)
      MutantMemoryOf(this).matches[id] = progress.match;
#endif
    FailReads(*leader);
    ResetElectionTimer();
  }
  // Requests that were not sent yet speak of a candidacy that is over, and of a log that may change
  // now.
  std::erase_if(outbox_, [](const Message& message) {
    return std::holds_alternative<VoteRequest>(message.body);
  });
  role_ = Follower{};
}

void RaftCore::BecomeLeader() {
  CHECK(role() == RoleKind::kCandidate || Mutated(Mutant::kL13CountsAnyVote) ||
        Mutated(Mutant::kF16PreVotesAreVotes));
  Leader leader;
  for (const NodeId id : members_) {
    if (id == options_.self) continue;
    Progress& progress = leader.progress[id];
    progress.next = Next(log_.last());
    progress.recent_active = true;  // a majority has just voted; the first period begins full
#ifdef MR_RAFT_MUTANTS
    if (Mutated(Mutant::kL20KeepsOldProgress))
      progress.match = std::min(MutantMemoryOf(this).matches[id], log_.last());
#endif
  }
  leader_ = options_.self;
  role_ = std::move(leader);
  election_elapsed_ = 0;
  // With an entry of its own term the leader can commit those of older terms.
  leader_state()->term_start = AppendOwn(EntryKind::kNoOp, "");
}

void RaftCore::OnVoteRequest(const Message& message, const VoteRequest& request) {
  if (request.pre) {
    const bool log_ok = LogUpToDate(request) || Mutated(Mutant::kF17PreVoteIgnoresLog);
    const bool granted = message.term > term() && log_ok && !InLease();
    if (granted && Mutated(Mutant::kF19PreVoteResetsTimer)) ResetElectionTimer();
    return SendIn(message.from, granted ? message.term : term(), VoteResponse{true, granted});
  }
  const bool free = hard_state_.voted_for == NodeId{} && leader_ == NodeId{};
  const bool granted = (free || hard_state_.voted_for == message.from) && LogUpToDate(request);
  if (granted) {
    if (role() == RoleKind::kPreCandidate) BecomeFollower();
    hard_state_.voted_for = message.from;
    ResetElectionTimer();
  }
  Send(message.from, VoteResponse{false, granted});
}

// A vote counts only in the role, the term and the round that it was asked in; voters are a set.
void RaftCore::OnVoteResponse(const Message& message, const VoteResponse& response) {
  if (!response.granted) return;
#ifdef MR_RAFT_MUTANTS
  if (Mutated(Mutant::kL13CountsAnyVote) && !response.pre && role() != RoleKind::kLeader) {
    std::set<NodeId>& votes = MutantMemoryOf(this).votes;
    votes.insert(message.from);
    votes.insert(options_.self);
    if (!options_.quorum.IsMajority(votes)) return;
    votes.clear();
    return BecomeLeader();
  }
#endif
  if (response.pre) {
    auto* round = std::get_if<PreCandidate>(&role_);
    if (Mutated(Mutant::kF16PreVotesAreVotes)) {
      if (auto* candidate = std::get_if<Candidate>(&role_)) {
        candidate->votes.insert(message.from);
        if (options_.quorum.IsMajority(candidate->votes)) return BecomeLeader();
      }
    }
    if (round == nullptr || message.term.value != term().value + 1) return;
    round->votes.insert(message.from);
    if (options_.quorum.IsMajority(round->votes)) Campaign(/*pre=*/false, /*transfer=*/false);
    return;
  }
  auto* round = std::get_if<Candidate>(&role_);
  if (round == nullptr) return;
  round->votes.insert(message.from);
  if (options_.quorum.IsMajority(round->votes)) BecomeLeader();
}

void RaftCore::OnTimeoutNow(const Message& message) {
  if (role() != RoleKind::kFollower || leader_ != message.from || incoming_ || install_) return;
  Campaign(/*pre=*/false, /*transfer=*/true);
}

}  // namespace mr::raft
