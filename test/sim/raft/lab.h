// A group whose every message is delivered by hand: for schedules that must happen exactly so.
// Members are n0, n1, … as in the schedules' texts; n0 is NodeId 1. Disks are instant, the checker
// runs after every step, and a violation fails the test.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "test/sim/raft/checker.h"
#include "test/sim/raft/member.h"

namespace mr::raft::test {

inline NodeId N(int member) { return {static_cast<uint64_t>(member) + 1}; }

template <class Body>
const Body* As(const Message& message) {
  return std::get_if<Body>(&message.body);
}

class Lab {
 public:
  using Filter = std::function<bool(const Message&)>;
  static Filter All() {
    return [](const Message&) { return true; };
  }
  static Filter Between(int from, int to) {
    return [=](const Message& m) { return m.from == N(from) && m.to == N(to); };
  }
  static Filter To(int to) {
    return [=](const Message& m) { return m.to == N(to); };
  }
  static Filter From(int from) {
    return [=](const Message& m) { return m.from == N(from); };
  }
  template <class Body>
  static Filter Of(int from, int to) {
    return [=](const Message& m) { return m.from == N(from) && m.to == N(to) && As<Body>(m); };
  }

  explicit Lab(int members, const RaftOptions& raft = {}, uint32_t snapshot_every = 0);
  ~Lab();  // fails the test for a violation

  Member& member(int n) { return *members_[static_cast<size_t>(n)]; }
  RaftCore& core(int n) { return member(n).core(); }
  Checker& checker() { return checker_; }
  int size() const { return static_cast<int>(members_.size()); }
  // What is on its way, oldest first.
  std::vector<Message>& wire() { return wire_; }
  const std::vector<ReadState>& reads() const { return reads_; }

  // A disk as it is at the start: entries 1… of these terms, the vote, then boot.
  void Start(int n, Term term, const std::vector<uint64_t>& entry_terms, NodeId vote = {});
  void StartAll();  // with empty disks, those not yet started

  void Tick(int n, int ticks = 1);
  void TickAll(int ticks, bool deliver = true);
  // Ticks until the member campaigns; its requests are on the wire.
  void TimeOut(int n);
  void Step(int n, const Message& message);
  // Delivers what matches, and what that causes if it matches too, until there is no more.
  int Deliver(const Filter& filter = All());
  // Delivers the first match only; the message stays away. False: there was none.
  bool DeliverOne(const Filter& filter);
  void Drop(const Filter& filter = All());
  // Takes messages off the wire, to be given to Step later.
  std::vector<Message> Take(const Filter& filter);
  ProposeResult Propose(int n, int number, size_t bytes = 8);
  void Crash(int n) { member(n).Crash(0); }
  void Restart(int n);
  // Time-out, votes, and everything that follows.
  void Elect(int n);
  int Leader() const;                        // of the newest term, or -1
  std::vector<uint64_t> Terms(int n) const;  // of the log, from its base
  void Settle(int n);                        // carries out what the member has ready

 private:
  Checker checker_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<Message> wire_;
  std::vector<ReadState> reads_;
};

}  // namespace mr::raft::test
