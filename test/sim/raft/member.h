// One simulated member: the real core, a disk that keeps what was synced, and a small state
// machine.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "coordinator/raft/core/raft_core.h"

namespace mr::raft::test {

class Checker;

// What a power cut leaves.
struct Disk {
  HardState hard_state;
  Snapshot snapshot;
  SnapshotMeta base;  // of the entry before entries[0]
  std::deque<EntryPtr> entries;

  Index last() const { return {base.index.value + entries.size()}; }
  std::optional<Term> TermInLog(Index index) const;
  std::optional<Term> TermAt(Index index) const;  // also of the snapshot
  // Replaces everything from the first of them on.
  void Write(const std::vector<EntryPtr>& news);
  void Install(const Snapshot& news);
  void Compact(const Snapshot& news, Index keep_after);
};

// A few registers: a command sets one of them and is told what was there. Hashes what it did, in order. Each client's
// each command happens once; a repeated one is told the same again.
inline constexpr uint32_t kRegisters = 4;
struct StateMachine {
  struct Session {
    uint32_t number = 0;
    uint64_t result = 0;
  };
  Index applied;
  uint64_t hash = 0;
  uint64_t commands = 0;
  uint64_t registers[kRegisters] = {};
  std::map<uint32_t, Session> last_of_client;

  // What the command is told.
  uint64_t Apply(const Entry& entry);
  std::string Save() const;
  void Load(const std::string& text);
};

// A command is its client, a number that grows per client, and filling. Client 0 repeats nothing.
std::string MakeCommand(uint32_t client, uint32_t number, size_t bytes = 8);
struct Command {
  uint32_t client = 0;
  uint32_t number = 0;

  uint32_t target() const { return number % kRegisters; }               // the register
  uint64_t value() const { return (uint64_t{client} << 32) | number; }  // for it
};
Command ParseCommand(const std::string& payload);

struct MemberOptions {
  RaftOptions raft;
  uint32_t snapshot_every = 0;  // applied entries; 0: never
  uint32_t keep_entries = 0;    // before the snapshot, for followers that are a little behind
};

class Member {
 public:
  Member(MemberOptions options, uint64_t seed, Checker* checker);

  NodeId id() const { return options_.raft.self; }
  bool alive() const { return core_ != nullptr; }
  RaftCore& core() { return *core_; }
  const RaftCore& core() const { return *core_; }
  Disk& disk() { return disk_; }
  const Disk& disk() const { return disk_; }
  const StateMachine& state() const { return state_; }
  const MemberOptions& options() const { return options_; }
  uint64_t boot() const { return boot_; }
  uint64_t sync_count() const { return sync_count_; }

  // Starts from the disk.
  void Boot();
  // While a Ready is being written the member takes no input, as its real shell.
  bool writing() const { return pending_.has_value(); }
  // Takes a Ready if there is one; it is carried out by Finish().
  bool Begin();
  struct Applied {
    Index index;
    Term term;
    Command command;
    uint64_t result = 0;
  };
  struct Output {
    std::vector<Message> messages;
    std::vector<Applied> applied;
    std::vector<ReadState> reads;
  };
  Output Finish();
  // The first `steps` of what is pending (hard state, snapshot, each entry) reach the disk, the
  // rest is lost.
  void Crash(uint64_t steps);
  uint64_t pending_steps() const;

 private:
  void Persist(uint64_t steps);
  void ApplyOne(const EntryPtr& entry, Output& output);
  void MaybeSnapshot();

  MemberOptions options_;
  Random random_;
  Checker* checker_;
  Disk disk_;
  StateMachine state_;
  std::unique_ptr<RaftCore> core_;
  std::optional<Ready> pending_;
  uint64_t boot_ = 0;
  uint64_t sync_count_ = 0;
};

// The mistake that a mutants build makes, by name; empty otherwise. From the environment:
// MR_RAFT_MUTANT.
const std::string& ActiveMutant();

}  // namespace mr::raft::test
