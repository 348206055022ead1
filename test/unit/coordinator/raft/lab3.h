// The helpers of the well-known Raft lab's tests, on a group in virtual time. Its scenarios are told anew in
// lab3a_test.cc to lab3d_test.cc; where the lab counts log indexes, client commands are counted here, as a leader's
// first entry is its own.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "test/sim/raft/world.h"

namespace mr::raft::test {

class Lab3 {
 public:
  static constexpr uint64_t kElectionTimeout = 1 * kSecond;  // T of the members' default options

  struct Setup {
    bool reliable = true;
    uint32_t snapshot_every = 0;
  };
  explicit Lab3(int servers) : Lab3(servers, Setup()) {}
  Lab3(int servers, Setup setup);
  ~Lab3();  // fails the test for what the checker found

  World& world() { return world_; }
  int size() const { return world_.size(); }
  void RunFor(uint64_t us) { world_.RunFor(us); }
  uint64_t Below(uint64_t bound) { return random_.Below(bound); }
  uint32_t NewNumber() { return next_number_++; }

  void SetReliable(bool reliable);
  void SetLongReordering(bool on) { world_.options().late = on ? 0.3 : 0; }
  void Disconnect(int n) { world_.Isolate(n, true); }
  void Connect(int n) { world_.Isolate(n, false); }
  void ConnectAll();
  bool alive(int n) { return world_.member(n).alive(); }
  bool connected(int n) { return alive(n) && world_.connected(n); }
  void CrashAndRestart(int n);

  // Some connected member leads, and never two in one term. -1 (and a failure): nobody within 5 s.
  int CheckOneLeader();
  // All connected members are in this term; 0 (and a failure): they disagree.
  uint64_t CheckTerms();
  void CheckNoLeader();

  ProposeResult Start(int n, uint32_t number, size_t bytes = 8);
  // Members that have applied the entry there.
  int CountApplied(Index index);
  // The command that was applied there, if any was.
  std::optional<uint32_t> AppliedAt(Index index) const;
  bool IsApplied(uint32_t number) const { return at_.contains(number); }
  // Client commands that were applied up to there.
  uint64_t Ordinal(Index index) const;
  // Has the command committed by at least `expected` members, within 10 s; gives its index. Without `retry` the first
  // leader that takes it must get it committed.
  Index One(uint32_t number, int expected, bool retry, size_t bytes = 8);
  Index One(int expected, bool retry = true) { return One(NewNumber(), expected, retry); }
  // All of these, given to the group at once.
  void All(std::vector<uint32_t> numbers, int expected);

 private:
  static WorldOptions Options(int servers, const Setup& setup);
  bool Within(uint64_t us, const std::function<bool()>& done);

  World world_;
  Random random_;
  uint32_t next_number_ = 1'000'000;
  std::map<Index, uint32_t> commands_;  // applied, by index
  std::map<uint32_t, Index> at_;
};

}  // namespace mr::raft::test
