// One member of the replicated log, with its disk, its connections and its state machine. A coordinator alone is a
// group of one on the same path.
//
// The owner feeds it time, messages and proposals, and calls Pump, which carries out what follows in the order that
// consensus demands: durable, sent, applied. One thread, no waiting but for the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "coordinator/raft/core/raft_core.h"
#include "coordinator/replica/disk_book.h"
#include "coordinator/replica/group.h"
#include "coordinator/replica/member_store.h"
#include "coordinator/replica/peer_links.h"

namespace mr::coordinator {

// What the log is about. Apply is called once per entry, in order.
class StateMachine {
 public:
  virtual ~StateMachine() = default;
  // Errors: the entry cannot be understood; the member must stop.
  virtual Status Apply(const raft::Entry& command) = 0;
  // The whole state in bytes, and the state from them; after Load, Apply goes on with what follows.
  virtual std::string Save() = 0;
  virtual Status Load(std::string_view bytes) = 0;
};

struct ReplicaOptions {
  raft::NodeId self{1};
  Group group;                    // none: alone
  std::string client_endpoint{};  // told to the other members
  Duration tick = std::chrono::milliseconds(25);
  uint32_t heartbeat_ticks = 2;
  uint32_t election_ticks = 16;  // silence of the leader for T to 2T-1 ticks begins an election
  uint64_t keep_entries = 10'000;  // behind a snapshot, for followers that are a little late
};

// What this member knows of the leader. node 0: nobody leads, as far as is known here.
struct LeaderHint {
  raft::NodeId node;
  std::string client_endpoint;  // may be unknown yet
  raft::Term term;
};

// One other member, as the leader sees it.
struct PeerStatus {
  raft::NodeId node;
  std::string endpoint;
  bool answers = false;
  raft::Index match;
};

struct ReplicaCounts {
  uint64_t elections = 0;       // that this member began
  uint64_t leader_changes = 0;  // terms in which it knew a leader
  uint64_t proposals = 0;
  uint64_t entries_applied = 0;
  uint64_t snapshots_saved = 0;
  uint64_t snapshots_loaded = 0;  // from another member
  uint64_t syncs = 0;
  Duration sync_time{};  // of all together
  Duration longest_sync{};
};

class Replica {
 public:
  // Loads the machine with what the disk has. `links` and `book`: null for a group of one. `machine` must outlive it.
  static Result<std::unique_ptr<Replica>> Open(const ReplicaOptions& options, std::unique_ptr<MemberStore> store,
                                               raft::Restored restored, StateMachine& machine,
                                               std::unique_ptr<PeerLinks> links, std::unique_ptr<DiskBook> book,
                                               raft::RandomBelow random);

  // A raft message, or what the caller has to look at itself: messages about plugins.
  struct News {
    raft::NodeId from;
    PeerBody body;
  };
  // Takes what has come from the other members; what is not the log's own business is returned. Errors: of the disk.
  Result<std::vector<News>> Receive();
  // Ticks once at most, however long ago the last time was: after a pause the others are heard first.
  void Tick(Time now);
  Time next_tick() const { return next_tick_; }

  // Only while leading(): these come next in the log. False: it leads no more.
  bool Propose(std::vector<std::string> commands);
  // The newest proposal.
  raft::Index proposed() const { return proposed_; }
  // Proposals are more than the others can keep up with: take no new requests for now.
  bool congested() const;
  // Asks the others whether this member still leads; Confirmed() tells. False: it does not.
  bool AskToRead(uint64_t context);
  // Reads that were answered since the last call: with the index that must be applied, or nothing if it leads no more.
  std::map<uint64_t, std::optional<raft::Index>> TakeReads() { return std::exchange(reads_, {}); }
  // Everything that is due. Errors: of the disk, or of the machine; the process must end, nothing is answered any more.
  Status Pump();
  Status Idle() { return store_->Idle(); }

  // It leads, and has applied everything that was agreed on before its term.
  bool leading() const;
  raft::Term term() const { return core_->term(); }
  raft::Index applied() const { return core_->applied(); }
  raft::Index commit() const { return core_->commit(); }
  raft::RoleKind role() const { return core_->role(); }
  raft::NodeId self() const { return options_.self; }
  const Group& group() const { return options_.group; }
  LeaderHint leader() const;
  // How many workers are alive, counted by this leader: a new one waits for as many. All members tell each other the newest
  // count, so that one that was away knows it too.
  void CountWorkers(uint32_t alive) { TakeWorkers({core_->term(), alive}); }
  // The newest count known here, of any leader.
  const WorkerCount& workers() const { return workers_; }
  std::vector<PeerStatus> peers() const;  // of the leader; else empty
  const ReplicaCounts& counts() const { return counts_; }
  uint64_t entries_in_memory() const { return core_->log().last().value - core_->log().base().value; }
  uint64_t dropped_messages() const;
  // Hands leadership to the member that is nearest; false: there is none, or it does not lead.
  bool HandOver();
  PeerLinks* links() { return links_.get(); }

 private:
  Replica(const ReplicaOptions& options, std::unique_ptr<MemberStore> store, StateMachine& machine)
      : options_(options), store_(std::move(store)), machine_(machine) {}
  Result<bool> Admit(const PeerMessage& message);
  Status CheckNothingIsLost(const raft::Message& message) const;
  Status CarryOut(raft::Ready ready);
  Status Apply(const raft::Entry& entry);
  Status LoadSnapshot(const raft::Snapshot& snapshot);
  Status SaveSnapshot();
  void CompactSome();
  void Notice();
  void TakeWorkers(const WorkerCount& count);

  const ReplicaOptions options_;
  std::unique_ptr<MemberStore> store_;
  StateMachine& machine_;
  std::unique_ptr<PeerLinks> links_;
  std::unique_ptr<DiskBook> book_;
  std::unique_ptr<raft::RaftCore> core_;
  std::string members_;  // as the log or its snapshot says; empty: alone
  raft::Term applied_term_;
  raft::Index proposed_;
  raft::Index compact_to_;  // what the newest snapshot made superfluous, dropped little by little
  std::map<uint64_t, std::optional<raft::Index>> reads_;
  std::map<raft::NodeId, std::string> client_endpoints_;
  Time now_{};                          // of the last Tick
  std::map<raft::NodeId, Time> heard_;  // when a member last said anything
  WorkerCount workers_;
  std::set<raft::NodeId> strangers_;  // members with another disk than theirs, already complained of
  Time next_tick_{};
  Time next_hello_{};
  raft::NodeId noticed_leader_;
  raft::Term noticed_term_;
  raft::RoleKind noticed_role_ = raft::RoleKind::kFollower;
  ReplicaCounts counts_;
  SystemClock clock_;  // of syncs, for the counts
};

}  // namespace mr::coordinator
