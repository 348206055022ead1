#include "test/sim/raft/lab.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/logging.h"

namespace mr::raft::test {

Lab::Lab(int members, const RaftOptions& raft, uint32_t snapshot_every) {
  RaftOptions options = raft;
  for (int n = 0; n < members; ++n) options.quorum.incoming.insert(N(n));
  std::vector<Member*> watched;
  for (int n = 0; n < members; ++n) {
    options.self = N(n);
    members_.push_back(std::make_unique<Member>(MemberOptions{options, snapshot_every, 0},
                                                static_cast<uint64_t>(n) + 7, &checker_));
    watched.push_back(members_.back().get());
  }
  checker_.Watch(watched);
}

Lab::~Lab() { EXPECT_EQ(checker_.problem(), ""); }

void Lab::Start(int n, Term term, const std::vector<uint64_t>& entry_terms, NodeId vote) {
  Disk& disk = member(n).disk();
  disk.hard_state = {term, vote};
  for (const uint64_t entry_term : entry_terms) {
    const Index index = Next(disk.last());
    disk.entries.push_back(std::make_shared<const Entry>(
        Entry{index,
              {entry_term},
              EntryKind::kCommand,
              MakeCommand(0, static_cast<uint32_t>(1000 * entry_term + index.value))}));
  }
  Restart(n);
}

void Lab::StartAll() {
  for (int n = 0; n < size(); ++n)
    if (!member(n).alive()) Restart(n);
}

void Lab::Restart(int n) {
  member(n).Boot();
  Settle(n);
}

void Lab::Settle(int n) {
  while (member(n).Begin()) {
    Member::Output output = member(n).Finish();
    for (Message& message : output.messages) wire_.push_back(std::move(message));
    reads_.insert(reads_.end(), output.reads.begin(), output.reads.end());
  }
}

void Lab::Tick(int n, int ticks) {
  for (int i = 0; i < ticks; ++i) {
    core(n).Tick();
    checker_.OnTick(member(n));
    Settle(n);
  }
}

void Lab::TickAll(int ticks, bool deliver) {
  for (int i = 0; i < ticks; ++i) {
    for (int n = 0; n < size(); ++n)
      if (member(n).alive()) Tick(n);
    if (deliver) Deliver();
  }
}

void Lab::TimeOut(int n) {
  for (int i = 0; i < 200; ++i) {
    const size_t before = wire_.size();
    Tick(n);
    for (size_t at = before; at < wire_.size(); ++at)
      if (As<VoteRequest>(wire_[at])) return;
    if (core(n).role() == RoleKind::kLeader && size() == 1) return;
  }
  ADD_FAILURE() << "n" << n << " does not campaign";
}

void Lab::Step(int n, const Message& message) {
  if (!member(n).alive()) return;
  core(n).Step(message);
  checker_.OnStep(member(n), message);
  Settle(n);
}

bool Lab::DeliverOne(const Filter& filter) {
  const auto found = std::find_if(wire_.begin(), wire_.end(), filter);
  if (found == wire_.end()) return false;
  const Message message = std::move(*found);
  wire_.erase(found);
  Step(static_cast<int>(message.to.value) - 1, message);
  return true;
}

int Lab::Deliver(const Filter& filter) {
  int count = 0;
  while (DeliverOne(filter)) {
    if (++count <= 100'000) continue;
    ADD_FAILURE() << "the messages do not end";
    break;
  }
  return count;
}

void Lab::Drop(const Filter& filter) { Take(filter); }

std::vector<Message> Lab::Take(const Filter& filter) {
  std::vector<Message> taken, rest;
  for (Message& message : wire_) (filter(message) ? taken : rest).push_back(std::move(message));
  wire_ = std::move(rest);
  return taken;
}

ProposeResult Lab::Propose(int n, int number, size_t bytes) {
  const ProposeResult result =
      core(n).Propose(MakeCommand(0, static_cast<uint32_t>(number), bytes));
  checker_.OnEvent(member(n));
  Settle(n);
  return result;
}

void Lab::Elect(int n) {
  StartAll();
  // The others must have forgotten their leader, if any, or they would not vote for another.
  for (int other = 0; other < size(); ++other)
    if (other != n && member(other).alive() && core(other).leader() != NodeId{} &&
        core(other).role() != RoleKind::kLeader) {
      for (uint32_t i = 0; i < core(other).options().election_ticks; ++i)
        if (core(other).role() == RoleKind::kFollower) Tick(other);
      Drop(From(other));
    }
  TimeOut(n);
  Deliver();
  ASSERT_EQ(core(n).role(), RoleKind::kLeader);
}

int Lab::Leader() const {
  int leader = -1;
  for (int n = 0; n < size(); ++n) {
    const Member& member = *members_[static_cast<size_t>(n)];
    if (!member.alive() || member.core().role() != RoleKind::kLeader) continue;
    if (leader < 0 || member.core().term() > members_[static_cast<size_t>(leader)]->core().term())
      leader = n;
  }
  return leader;
}

std::vector<uint64_t> Lab::Terms(int n) const {
  const EntryLog& log = members_[static_cast<size_t>(n)]->core().log();
  std::vector<uint64_t> terms;
  for (Index index = Next(log.base()); index <= log.last(); index = Next(index))
    terms.push_back(log.At(index)->term.value);
  return terms;
}

}  // namespace mr::raft::test
