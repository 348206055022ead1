// A group in virtual time: network, disks, clocks, clients and faults, all drawn from one seed. The
// same run again does the same. One thread; times in virtual microseconds.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "test/sim/linearizability.h"
#include "test/sim/raft/checker.h"
#include "test/sim/raft/member.h"

namespace mr::raft::test {

inline constexpr uint64_t kMs = 1000;
inline constexpr uint64_t kSecond = 1000 * kMs;

struct WorldOptions {
  int members = 3;
  RaftOptions raft;
  uint32_t snapshot_every = 0;
  uint32_t keep_entries = 0;
  uint64_t tick_us = 50 * kMs;
  double clock_spread = 0;  // clocks run at 1/(1+s) … 1+s of the true rate

  double drop = 0;
  double duplicate = 0;
  uint64_t delay_min_us = 500;
  uint64_t delay_max_us = 2 * kMs;
  double late = 0;  // chance of 200–2200 ms instead
  size_t inbox_max = 256;  // of one member; what comes when it is full is lost

  uint64_t sync_us = 1 * kMs;  // a write and its sync, at most
  double slow_sync = 0;        // chance of one longer than an election time-out

  int clients = 0;
  double reads = 0.2;  // of the clients' operations
  size_t command_bytes = 8;
  uint64_t fault_every_us = 0;  // 0: none
  bool crashes = true;
  bool cuts = true;
  bool pauses = true;
  bool transfers = true;

  std::string Describe() const;
};
WorldOptions SwarmOptions(uint64_t seed);

class World {
 public:
  World(WorldOptions options, uint64_t seed);

  void RunFor(uint64_t us);
  void RunEvents(uint64_t count);
  // False: not within `us`.
  bool RunUntil(const std::function<bool()>& done, uint64_t us);

  uint64_t now_us() const { return now_us_; }
  uint64_t events() const { return events_; }
  uint64_t trace_hash() const { return trace_hash_; }
  Checker& checker() { return checker_; }
  Member& member(int n) { return *nodes_[static_cast<size_t>(n)].member; }
  const Member& member(int n) const { return *nodes_[static_cast<size_t>(n)].member; }
  int size() const { return static_cast<int>(nodes_.size()); }
  WorldOptions& options() { return options_; }  // network and faults may change while it runs

  void Crash(int n);
  void Restart(int n);
  void Pause(int n, uint64_t us);
  void Cut(int from, int to, bool cut) { cut_[Link(from, to)] = cut; }
  void Isolate(int n, bool isolated);  // both directions, from everybody
  void Heal();                         // every link; everybody runs, on time
  bool connected(int n) const { return !nodes_[static_cast<size_t>(n)].isolated; }
  // Gives the command to that member, whoever it is.
  ProposeResult Propose(int n, std::string payload);
  int Leader() const;  // of the newest term among those alive, or -1

  // Phase B of a random run: everything is healed, and must work again. Reports to the checker.
  void CheckLiveness();
  uint64_t acknowledged_count() const { return acknowledged_count_; }
  // What the clients asked and were told, up to the first so many operations.
  std::vector<mr::test::Operation> History(size_t operations_max) const;

  struct Counters {
    uint64_t requests = 0;  // votes, entries, heartbeats, snapshot parts
    uint64_t messages = 0;
    uint64_t entry_bytes = 0;
  };
  const Counters& counters() const { return counters_; }
  std::function<void(int n, const Member::Applied&)> on_applied;
  void set_trace(bool on) { trace_ = on; }

 private:
  enum class Kind : uint8_t { kTick, kDeliver, kSynced, kWake, kClient, kFault };
  struct Event {
    uint64_t at_us = 0;
    uint64_t order = 0;  // of those at the same time, at random
    Kind kind = Kind::kTick;
    int node = 0;       // or client
    uint64_t boot = 0;  // the event is void if the member was restarted since
    uint32_t slot = 0;  // of a message
    bool operator>(const Event& other) const {
      return at_us != other.at_us ? at_us > other.at_us : order > other.order;
    }
  };
  struct Node {
    std::unique_ptr<Member> member;
    std::deque<Message> inbox;
    bool tick_due = false;
    bool isolated = false;
    double clock_rate = 1;
    uint64_t paused_until_us = 0;
  };
  struct Client {
    uint32_t number = 0;  // of the operation under way; 0: none yet
    bool reading = false;
    uint32_t tries = 0;  // of reads
    std::optional<Index> read_at;  // confirmed: the answer is what is there once this is applied
    size_t operation = 0;          // in history_
    int node = -1;       // that was asked
    Index index;
    Term term;
    Index acknowledged_before;
    uint64_t deadline_us = 0;
    uint32_t acknowledged = 0;
    uint32_t acknowledged_write = 0;
    bool waiting = false;
  };

  size_t Link(int from, int to) const { return static_cast<size_t>(from * size() + to); }
  void Schedule(uint64_t after_us, Kind kind, int node, uint64_t boot = 0, uint32_t slot = 0);
  bool RunOne();
  void Trace(const Event& event);
  void ScheduleTick(int n);
  void Transmit(const Message& message);
  void Input(int n);  // what has come in, then one Ready
  void Kick(int n);
  void Finish(int n);
  void OnApplied(int n, const Member::Applied& applied);
  void OnRead(const ReadState& read);
  void AnswerReads(int n);
  void Told(Client& client, uint64_t result);
  void RunClient(int c);
  void RunFault();
  bool Busy(int n) const;

  WorldOptions options_;
  uint64_t seed_;
  Random order_random_, net_random_, disk_random_, client_random_, fault_random_;
  Checker checker_;
  std::vector<Node> nodes_;
  std::vector<Client> clients_;
  std::vector<bool> cut_;
  std::vector<Event> heap_;
  std::vector<Message> slots_;
  std::vector<uint32_t> free_slots_;
  uint64_t now_us_ = 0;
  uint64_t events_ = 0;
  uint64_t trace_hash_ = 0;
  uint64_t acknowledged_count_ = 0;
  std::vector<mr::test::Operation> history_;
  Counters counters_;
  bool trace_ = false;
};

// One random run: faults for `events` events, then healing. The problem, or empty.
struct RunResult {
  std::string problem;
  uint64_t events = 0;
  uint64_t trace_hash = 0;
  uint64_t acknowledged = 0;
  uint64_t terms = 0;
};
RunResult RunSeed(uint64_t seed, uint64_t events, bool trace);

}  // namespace mr::raft::test
