// Consensus: which entries the group has agreed on, and who may add some. Raft (Ongaro and
// Ousterhout 2014; Ongaro's thesis) with pre-vote, check-quorum and leader stickiness always on.
//
// Pure: no clock, thread, I/O, log or global; randomness is given. One thread. The owner feeds it
// messages, ticks and requests, and carries out one Ready at a time in a fixed order:
//
//   hard state durable → snapshot durable → entries appended and synced → messages sent → committed
//   entries applied and answered → Advance()
//
// Nothing of a Ready is visible before it is durable, and any error of the first three ends the
// process: a failed sync cannot be repeated. Members never change while the group runs.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "coordinator/raft/core/entry_log.h"
#include "coordinator/raft/core/messages.h"
#include "coordinator/raft/core/progress.h"
#include "coordinator/raft/core/quorum.h"

namespace mr::raft {

struct RaftOptions {
  NodeId self;
  Quorum quorum;
  uint32_t election_ticks = 20;  // T: elections time out after T to 2T-1 ticks of silence
  uint32_t heartbeat_ticks = 2;
  uint32_t max_append_entries = 256;
  uint64_t max_append_bytes = 64u << 10;  // of payload; one larger entry goes alone
  uint64_t max_proposal_bytes = 1u << 20;
  uint64_t max_uncommitted_bytes = 8u << 20;
  uint32_t max_inflight = 16;  // append requests to one follower
  uint64_t max_inflight_bytes = 2u << 20;
  uint64_t snapshot_part_bytes = 256u << 10;
  uint32_t snapshot_window = 4;           // parts to one follower
  uint32_t snapshot_give_up_ticks = 600;  // without an answer
};

// Uniform in [0, bound).
using RandomBelow = std::function<uint64_t(uint64_t bound)>;

// What the disk gave back at start-up.
struct Restored {
  HardState hard_state;
  Snapshot snapshot;              // the newest whole one, if any
  std::vector<EntryPtr> entries;  // contiguous; those up to the snapshot's index are ignored
};

enum class RoleKind : uint8_t { kFollower, kPreCandidate, kCandidate, kLeader };
std::string_view RoleName(RoleKind role);

// The answer to ReadIndex(context).
struct ReadState {
  uint64_t context = 0;
  bool ok = false;  // false: leadership was lost, ask again
  Index index;      // the read is linearizable once this is applied
};

struct Ready {
  uint64_t sequence = 0;
  std::optional<HardState> hard_state;
  std::optional<Snapshot> snapshot;  // replaces state and log up to its index
  // Contiguous. The first may lie at or before the old end: everything from there on is replaced.
  std::vector<EntryPtr> entries;
  std::vector<Message> messages;
  std::vector<EntryPtr> committed;  // to apply, in order, each once
  std::vector<ReadState> reads;
};

enum class ProposeCode : uint8_t {
  kOk,
  kNotLeader,  // ask leader()
  kBusy,       // too much is uncommitted, or leadership is being handed over: try later
  kTooLarge,   // above max_proposal_bytes
};
struct ProposeResult {
  ProposeCode code = ProposeCode::kOk;
  Index index;  // where it will be committed, if an entry of `term` is ever committed there
  Term term;
};

class RaftCore {
 public:
  RaftCore(RaftOptions options, Restored restored, RandomBelow random);

  // Messages that make no sense (unknown sender, holes) are dropped and counted.
  void Step(const Message& message);
  void Tick();
  ProposeResult Propose(std::string payload);
  // False: not the leader. Otherwise a ReadState with this context follows.
  bool ReadIndex(uint64_t context);
  // Hands leadership to `target`; false: not the leader, or no such follower. Proposals are refused
  // until it happens or T ticks have passed.
  bool Transfer(NodeId target);
  // Sending to `peer` failed: its queue was full, or nobody is there.
  void ReportUnreachable(NodeId peer);
  // `snapshot` is durable and contains everything applied up to its index; the log up to
  // `keep_after` may go. CHECK: snapshot index ≤ applied().
  void Compact(Snapshot snapshot, Index keep_after);
  // More of the log may go: everything up to `upto`. CHECK: the snapshot contains it.
  void CompactLog(Index upto);

  bool HasReady();
  Ready TakeReady();  // CHECK: none is outstanding
  void Advance();     // the Ready that was taken is carried out

  RoleKind role() const { return static_cast<RoleKind>(role_.index()); }
  Term term() const { return hard_state_.term; }
  NodeId voted_for() const { return hard_state_.voted_for; }
  NodeId leader() const { return leader_; }  // 0 = unknown
  Index commit() const { return commit_; }
  Index applied() const { return applied_; }
  Index stable() const { return stable_; }  // durable up to here
  const EntryLog& log() const { return log_; }
  const Snapshot& snapshot() const { return snapshot_; }
  const RaftOptions& options() const { return options_; }
  // Of the leader, else null.
  const Progress* progress(NodeId peer) const;
  uint64_t dropped_messages() const { return dropped_messages_; }

 private:
  struct Follower {};
  struct PreCandidate {
    std::set<NodeId> votes;
  };
  struct Candidate {
    std::set<NodeId> votes;
  };
  struct PendingRead {
    uint64_t context = 0;
    Index index;
    uint64_t seq = 0;  // confirmed when a majority has answered this round
  };
  struct Leader {
    std::map<NodeId, Progress> progress;  // of the others
    uint32_t heartbeat_elapsed = 0;
    Index term_start;              // the no-op of this term
    std::vector<uint64_t> unread;  // contexts that wait for a round of reads
    std::vector<PendingRead> reads;
    uint64_t read_seq = 0;
    NodeId transferee;  // 0 = none
    uint32_t transfer_elapsed = 0;
    uint64_t uncommitted_bytes = 0;
  };
  // Leader-only state dies with leadership. In the order of RoleKind.
  using Role = std::variant<Follower, PreCandidate, Candidate, Leader>;
  struct Incoming {
    SnapshotMeta meta;
    NodeId from;
    uint64_t checksum = 0;
    uint64_t total_bytes = 0;
    std::string data;
  };
  struct Outstanding {
    Index stable;
    Index applied;
    bool installs = false;
  };

  // core_election.cc
  void AdvanceTerm(Term term);
  bool AdmitTerm(const Message& message);
  void AnswerOldTerm(const Message& message);
  bool InLease() const;
  bool LogUpToDate(const VoteRequest& request) const;
  void ResetElectionTimer();
  void OnElectionTimeout();
  void Campaign(bool pre, bool transfer);
  void RequestVotes(bool pre, bool transfer);
  void BecomeFollower();
  void BecomeLeader();
  void OnVoteRequest(const Message& message, const VoteRequest& request);
  void OnVoteResponse(const Message& message, const VoteResponse& response);
  void OnTimeoutNow(const Message& message);

  // core_follower.cc
  bool OnLeaderMessage(const Message& message);
  bool WellFormed(const Message& message, const AppendRequest& request) const;
  void OnAppend(const Message& message, const AppendRequest& request);
  void RefuseAppend(NodeId to, const AppendRequest& request);
  void StoreEntries(const AppendRequest& request);
  void OnHeartbeat(const Message& message, const Heartbeat& heartbeat);
  void OnSnapshotPart(const Message& message, const SnapshotPart& part);
  bool CollectPart(const Message& message, const SnapshotPart& part);
  void InstallSnapshot(const SnapshotMeta& meta, std::string data);
  void CommitTo(Index index);

  // core_leader.cc
  Leader* leader_state() { return std::get_if<Leader>(&role_); }
  Index AppendOwn(EntryKind kind, std::string payload);
  void TickLeader();
  void CheckQuorum();
  void BroadcastHeartbeat();
  void MaybeCommit();
  Progress* Heard(const Message& message);
  void OnAppendResponse(const Message& message, const AppendResponse& response);
  void OnAppendRefused(Progress& progress, const AppendResponse& response);
  void OnMatch(Progress& progress, Index match);
  void OnHeartbeatResponse(const Message& message, const HeartbeatResponse& response);
  void OnSnapshotResponse(const Message& message, const SnapshotResponse& response);
  void MaybeHandOver();
  void StartReads();
  void ConfirmReads();
  void FailReads(Leader& leader);

  // core_sending.cc
  void Send(NodeId to, decltype(Message::body) body);
  void SendIn(NodeId to, Term term, decltype(Message::body) body);
  void Flush();
  void SendAppends(NodeId to, Progress& progress);
  bool SendAppend(NodeId to, Progress& progress, Index end);
  Index PackingEnd(Index from) const;
  void StartSnapshot(Progress& progress);
  void SendSnapshotParts(NodeId to, Progress& progress);
  void SendSnapshotPart(NodeId to, const Progress::Transfer& transfer, uint64_t offset);

  RaftOptions options_;
  std::set<NodeId> members_;
  RandomBelow random_;
  HardState hard_state_;
  HardState saved_;  // handed out last
  NodeId leader_;
  EntryLog log_;
  Index commit_;
  Index applied_;
  Index stable_;
  Snapshot snapshot_;
  Role role_;
  uint32_t election_elapsed_ = 0;
  uint32_t election_timeout_ = 0;
  uint32_t contact_age_ = 0;  // ticks since a leader of the present term was heard
  std::optional<Incoming> incoming_;
  std::optional<Snapshot> install_;
  std::vector<Message> outbox_;
  std::vector<ReadState> reads_;
  bool dirty_ = false;
  std::optional<Outstanding> outstanding_;
  uint64_t sequence_ = 0;
  uint64_t dropped_messages_ = 0;
};

}  // namespace mr::raft
