// What must hold in a group whatever happens: a second book-keeping, apart from the code that it judges, fed after every
// event. The numbers (I1, I2, …) are used in its reports.
//
//   I1   one leader per term
//   I2   one vote per member and term
//   I3   equal (index, term): equal logs up to there
//   I4   a leader only appends
//   I5   all apply the same, and make the same snapshots
//   I6   a new leader has all that is committed
//   I7   committed is what is durable on a majority, up to an entry of the leader's own term
//   I8   terms, commit and applied only grow
//   I9   nothing leaves before what it claims is durable
//   I10  0 ≤ match < next ≤ last + 1, and match is true
//   I11  requests are contiguous, of known entries, within limits; parts of snapshots are parts of what somebody made
//   I12  a leader never campaigns; it has a majority's votes
//   I13  what a client was told is kept, once
//   I14  a read sees all that was acknowledged before it
//   I15  what is queued is bounded: requests on their way, uncommitted bytes, messages of a well group
//   R10  silence leads to an election: nothing else than R10 allows resets the timer
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "coordinator/raft/core/raft_core.h"

namespace mr::raft::test {

class Member;

class Checker {
 public:
  // The members that exist; they must outlive this.
  void Watch(const std::vector<Member*>& members) { members_ = members; }

  void OnBoot(const Member& member);
  void OnCrash(const Member& member);
  // After each input.
  void OnTick(const Member& member);
  void OnStep(const Member& member, const Message& message);
  void OnEvent(const Member& member) { CheckEvent(member, /*tick=*/false); }
  void OnDurable(const Member& member);
  void OnSend(const Member& member, const Message& message);
  void OnApply(const Member& member, const Entry& entry);
  void OnInstall(const Member& member, const SnapshotMeta& meta);

  // Clients. `index` of their command.
  void OnAcknowledged(Index index, Term term);
  Index acknowledged() const { return acknowledged_; }
  void OnRead(Index acknowledged_before, Index index);

  // The first violation, or empty.
  const std::string& problem() const { return problem_; }
  void Report(const std::string& rule, const Member* member, const std::string& text);

  Index committed() const { return committed_; }
  // Payload hash chain of the applied log; 0 if never applied.
  uint64_t AppliedHash(Index index) const;
  uint64_t leader_count() const { return leaders_.size(); }
  std::optional<NodeId> LeaderOf(Term term) const;

 private:
  struct Key {
    uint64_t index = 0;
    uint64_t term = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const {
      return key.index * 0x9e3779b97f4a7c15u ^ (key.term << 7);
    }
  };
  // What was seen of a member after its last event.
  struct Seen {
    bool alive = false;
    RoleKind role = RoleKind::kFollower;
    Term term;
    Index commit;
    Index applied;
    Index base;
    Index snapshot;
    std::vector<const Entry*> entries;  // after base
    Term durable_term;
    Index applied_by_machine;
    std::vector<Index> matches;  // of a leader, by node id
    uint32_t silent_ticks = 0;   // since something that may reset the election timer
  };

  void CheckEvent(const Member& member, bool tick);
  void CheckLog(const Member& member, Seen& seen);
  void CheckNewLeader(const Member& member);
  void CheckCommit(const Member& member, Index before);
  void CheckProgress(const Member& member);
  void CheckVote(const Member& member, Term term, NodeId candidate);
  void CheckAppend(const Member& member, const Message& message, const AppendRequest& request);
  void CheckPart(const Member& member, const Message& message, const SnapshotPart& part);
  void CheckSnapshot(const Member& member);
  void CheckUncommitted(const Member& member);
  uint64_t ChainOf(const Member& member, const Entry& entry, Term previous_term);
  Seen& SeenOf(const Member& member);

  std::vector<Member*> members_;
  std::vector<Seen> seen_;  // by node id
  std::map<Term, NodeId> leaders_;
  std::map<std::pair<NodeId, Term>, NodeId> votes_;
  std::unordered_map<Key, uint64_t, KeyHash> chain_;
  std::vector<std::pair<uint64_t, Term>> applied_;  // chain and term by index
  std::map<Index, std::shared_ptr<const std::string>> snapshots_;
  Index committed_;
  Term committed_term_;
  Index acknowledged_;
  std::string problem_;
};

}  // namespace mr::raft::test
