// Mistakes 17 to 25 of the list that this system is built on: what is replicated, and when it is
// committed.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "test/sim/raft/lab.h"

namespace mr::raft::test {
namespace {

// Only the present leader's messages and a granted vote reset the election timer.
TEST(RaftLessons, Lesson17_HopelessCandidateDoesNotKeepOthersFromCampaigning) {
  Lab lab(3);
  lab.Start(0, {5}, {1, 2, 3});
  lab.Start(1, {5}, {1, 2, 3});
  lab.Start(2, {5}, {1});
  int ticks = 0;
  while (lab.core(0).role() == RoleKind::kFollower && ++ticks < 100) {
    // A candidate that cannot win, a stale leader, and a pre-vote: none of them is a reason to
    // wait.
    lab.Step(0, {N(2), N(0), lab.core(0).term(), VoteRequest{false, false, {1}, {1}}});
    lab.Step(0, {N(2), N(0), {2}, Heartbeat{}});
    lab.Step(0, {N(2), N(0), {lab.core(0).term().value + 1}, VoteRequest{true, false, {9}, {9}}});
    lab.Drop();
    lab.Tick(0);
  }
  EXPECT_LT(ticks, 40);
}

// Figure 8 of the paper: an entry of an older term on a majority is not committed by that.
TEST(RaftLessons, Lesson17_Figure8OldTermIsNotCommittedByCounting) {
  Lab lab(5);
  for (int n = 0; n < 5; ++n) lab.Start(n, {1}, {1});
  lab.Elect(0);  // term 2: its no-op is entry 2
  for (int n = 1; n < 5; ++n) ASSERT_EQ(lab.core(n).commit(), Index{2});
  // n0 writes entry 3 of term 2 to n1 only, and crashes.
  lab.Propose(0, 1);
  ASSERT_TRUE(lab.DeliverOne(Lab::Of<AppendRequest>(0, 1)));
  lab.Crash(0);
  lab.Drop();
  // n4 is elected by n2 and n3, writes its own entry 3, and crashes before it tells anybody.
  for (const int n : {2, 3}) lab.Tick(n, 20);
  lab.Drop();
  lab.TimeOut(4);
  const auto votes = [](const Message& m) { return As<VoteRequest>(m) || As<VoteResponse>(m); };
  lab.Drop(Lab::Between(4, 1));
  lab.Deliver(votes);
  ASSERT_EQ(lab.core(4).role(), RoleKind::kLeader);
  ASSERT_EQ(lab.core(4).term(), Term{3});
  lab.Crash(4);
  lab.Drop();
  // n0 comes back and is elected in term 4 by n1 and n2.
  lab.Restart(0);
  lab.Tick(1, 20);
  lab.Tick(2, 20);
  lab.Drop();
  lab.TimeOut(0);
  while (lab.core(0).role() != RoleKind::kLeader) {
    lab.Deliver(votes);
    if (lab.core(0).role() == RoleKind::kLeader) break;
    lab.Drop();
    lab.TimeOut(0);
  }
  ASSERT_GE(lab.core(0).term(), Term{4});
  // Entry 3 of term 2 reaches n2 without the no-op of this term: it is on 3 of 5, and not
  // committed.
  Message append = lab.Take(Lab::Of<AppendRequest>(0, 2)).at(0);
  lab.Drop();
  AppendRequest old_only = *As<AppendRequest>(append);
  old_only.prev_index = {2};
  old_only.prev_term = {2};
  old_only.entries = {lab.core(0).log().At({3})};
  append.body = old_only;
  lab.Step(2, append);
  ASSERT_EQ(lab.Terms(2), (std::vector<uint64_t>{1, 2, 2}));
  lab.Deliver(Lab::Of<AppendResponse>(2, 0));
  lab.Step(0, {N(1), N(0), lab.core(0).term(), AppendResponse{{2}, true, {3}, {}, {}}});
  EXPECT_EQ(lab.core(0).commit(), Index{0})
      << "restarted, and nothing of this term is on a majority";
  // With the entry of its own term on a majority, both are.
  lab.Drop();
  lab.Tick(0, 2);
  lab.Deliver([](const Message& m) { return m.from != N(3) && m.to != N(3); });
  EXPECT_GE(lab.core(0).commit(), Index{4});
}

// A message that aliased the log: the log was overwritten before the message was sent.
TEST(RaftLessons, Lesson18_MessageKeepsItsBytesWhenTheLogIsOverwritten) {
  Lab lab(3);
  lab.Elect(0);
  lab.Propose(0, 1);
  auto held = lab.Take(Lab::Of<AppendRequest>(0, 2));
  lab.Drop();
  ASSERT_FALSE(held.empty());
  const EntryPtr sent = As<AppendRequest>(held.back())->entries.back();
  const Entry before = *sent;
  // A leader of term 2 replaces the entry in n0's log.
  const Index prev = Previous(sent->index);
  const Term prev_term = *lab.core(0).log().TermAt(prev);
  const auto other = std::make_shared<const Entry>(
      Entry{sent->index, {2}, EntryKind::kCommand, MakeCommand(0, 2)});
  lab.core(0).Step({N(1), N(0), {2}, AppendRequest{prev, prev_term, {other}, {0}}});
  ASSERT_EQ(*lab.core(0).log().TermAt(sent->index), Term{2});
  EXPECT_EQ(*sent, before);
}

// What persist() really has to do: everything a message claims is durable before the message
// leaves.
TEST(RaftLessons, Lesson19_NothingLeavesBeforeItIsDurable) {
  Lab lab(3);
  lab.StartAll();
  lab.Step(1, {N(0), N(1), {5}, VoteRequest{false, false, {0}, {0}}});
  // A second candidate of the term, which the first vote has made impossible, after a crash too.
  EXPECT_EQ(lab.member(1).disk().hard_state, (HardState{{5}, N(0)}));
  lab.Crash(1);
  lab.Restart(1);
  lab.Step(1, {N(2), N(1), {5}, VoteRequest{false, false, {7}, {4}}});
  const auto answers = lab.Take(Lab::Of<VoteResponse>(1, 2));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_FALSE(As<VoteResponse>(answers[0])->granted);
  // The vote alone, in a term that is durable already, is written too.
  lab.Step(2, {N(0), N(2), {6}, HeartbeatResponse{}});
  ASSERT_EQ(lab.member(2).disk().hard_state, (HardState{{6}, {}}));
  lab.Step(2, {N(0), N(2), {6}, VoteRequest{false, false, {0}, {0}}});
  EXPECT_EQ(lab.member(2).disk().hard_state, (HardState{{6}, N(0)}));
}

TEST(RaftLessons, Lesson19_EntriesAreSyncedBeforeTheyAreAcknowledged) {
  Lab lab(3);
  lab.Elect(0);
  ASSERT_EQ(lab.core(1).Propose(MakeCommand(0, 1)).code, ProposeCode::kNotLeader);
  lab.Propose(0, 1);
  lab.Deliver();
  EXPECT_EQ(lab.member(1).disk().last(), Index{2});
  // The checker compares every message with the disk of its sender; see its rule I9.
}

// Term hints: at most one refusal per term of difference.
struct Backup {
  std::vector<uint64_t> leader;
  std::vector<uint64_t> follower;
  int refusals_max;
};

int RefusalsUntilEqual(const std::vector<uint64_t>& leader, const std::vector<uint64_t>& follower) {
  Lab lab(3);
  const Term newest{std::max(leader.back(), follower.back())};
  lab.Start(0, newest, leader);
  lab.Start(1, newest, follower);
  lab.Start(2, newest, leader);
  lab.TimeOut(0);
  lab.Drop(Lab::To(1));
  lab.Deliver([](const Message& m) { return m.to != N(1); });
  EXPECT_EQ(lab.core(0).role(), RoleKind::kLeader);
  // A heartbeat's answer reopens the way to n1, if the first request was among what was dropped.
  lab.Tick(0, 2);
  std::set<Index> refused;  // the same request may have been sent twice
  while (lab.DeliverOne(Lab::All())) {
    for (const Message& message : lab.wire()) {
      const auto* response = As<AppendResponse>(message);
      if (message.from == N(1) && response && !response->ok) refused.insert(response->request_prev);
    }
    lab.Deliver(Lab::From(1));
  }
  EXPECT_EQ(lab.Terms(1), lab.Terms(0));
  return static_cast<int>(refused.size());
}

TEST(RaftLessons, Lesson20_BacksUpByTerms) {
  const std::vector<Backup> cases = {
      {{1, 3, 3, 3, 5, 5, 5, 5, 5}, {1, 1, 1, 1, 2, 2}, 2},
      {{1, 3, 3, 3, 3, 3, 3, 3, 7}, {1, 3, 3, 4, 4, 5, 5, 5, 6}, 2},
      // Figure 7 of the paper: the leader of term 8, and the six logs it may meet.
      {{1, 1, 1, 4, 4, 5, 5, 6, 6, 6}, {1, 1, 1, 4, 4, 5, 5, 6, 6}, 1},
      {{1, 1, 1, 4, 4, 5, 5, 6, 6, 6}, {1, 1, 1, 4}, 1},
      {{1, 1, 1, 4, 4, 5, 5, 6, 6, 6}, {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6}, 1},
      {{1, 1, 1, 4, 4, 5, 5, 6, 6, 6}, {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7}, 1},
      {{1, 1, 1, 4, 4, 5, 5, 6, 6, 6}, {1, 1, 1, 4, 4, 4, 4}, 2},
      {{1, 1, 1, 4, 4, 5, 5, 6, 6, 6}, {1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3}, 3},
  };
  for (const Backup& test : cases)
    EXPECT_LE(RefusalsUntilEqual(test.leader, test.follower), test.refusals_max)
        << testing::PrintToString(test.follower);
}

TEST(RaftLessons, Lesson20_LongTailsOfThreeTermsTakeAFewRoundTrips) {
  std::vector<uint64_t> leader(1, 1), follower(1, 1);
  for (const uint64_t term : {2, 4, 6}) follower.insert(follower.end(), 3333, term);
  for (const uint64_t term : {3, 5, 7}) leader.insert(leader.end(), 3333, term);
  EXPECT_LE(RefusalsUntilEqual(leader, follower), 8);
}

// What was known of the followers in an older reign says nothing about this one.
TEST(RaftLessons, Lesson20_ProgressIsMadeAnewAtEachElection) {
  Lab lab(3);
  lab.Elect(0);
  for (int i = 0; i < 5; ++i) lab.Propose(0, i);
  lab.Deliver();
  ASSERT_EQ(lab.core(0).progress(N(1))->match, Index{6});
  lab.Step(0, {N(1), N(0), {5}, HeartbeatResponse{}});
  ASSERT_EQ(lab.core(0).role(), RoleKind::kFollower);
  lab.Drop();
  for (const int n : {1, 2}) lab.Tick(n, 20);
  lab.Drop();
  lab.TimeOut(0);
  lab.Deliver([](const Message& m) { return As<VoteRequest>(m) || As<VoteResponse>(m); });
  ASSERT_EQ(lab.core(0).role(), RoleKind::kLeader);
  EXPECT_EQ(lab.core(0).progress(N(1))->match, Index{0});
  EXPECT_EQ(lab.core(0).progress(N(2))->match, Index{0});
  EXPECT_EQ(lab.core(0).progress(N(1))->next, Index{7});
}

// A reply of an older term arrives in a newer reign of the same leader.
TEST(RaftLessons, Lesson21_ReplyOfAnOldTermMovesNothing) {
  Lab lab(3);
  lab.Start(0, {3}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  lab.Start(1, {3}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  lab.Start(2, {3}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  lab.Elect(0);
  ASSERT_EQ(lab.core(0).term(), Term{4});
  for (int i = 0; i < 4; ++i) lab.Propose(0, i);
  // n1 has everything, up to 15; the answer is late.
  lab.Deliver(Lab::Of<AppendRequest>(0, 1));
  const auto late = lab.Take(Lab::Of<AppendResponse>(1, 0));
  ASSERT_FALSE(late.empty());
  lab.Drop();
  // A leader of term 5 replaces n0's entries from 12 on; n0 is elected again.
  const auto other = std::make_shared<const Entry>(Entry{{12}, {5}, EntryKind::kNoOp, ""});
  lab.Step(0, {N(2), N(0), {5}, AppendRequest{{11}, {4}, {other}, {0}}});
  ASSERT_EQ(lab.core(0).log().last(), Index{12});
  for (const int n : {1, 2}) lab.Tick(n, 20);
  for (int i = 0; i < 10 && lab.core(0).role() != RoleKind::kLeader; ++i) {
    lab.Drop();
    lab.TimeOut(0);
    lab.Deliver([](const Message& m) { return As<VoteRequest>(m) || As<VoteResponse>(m); });
  }
  ASSERT_EQ(lab.core(0).role(), RoleKind::kLeader);
  const Index before = lab.core(0).progress(N(1))->match;
  const Index next = lab.core(0).progress(N(1))->next;
  for (const Message& message : late) lab.Step(0, message);
  EXPECT_EQ(lab.core(0).progress(N(1))->match, before);
  EXPECT_EQ(lab.core(0).progress(N(1))->next, next);
  lab.Step(0, {N(1), N(0), late[0].term, AppendResponse{Previous(next), false, {}, {1}, {1}}});
  EXPECT_EQ(lab.core(0).progress(N(1))->next, next);
}

// Work started in one term must not leave in the next: what was not sent when the term changed is
// dropped.
TEST(RaftLessons, Lesson22_QueuedMessagesDieWithTheirTerm) {
  Lab lab(3);
  lab.Elect(0);
  lab.TickAll(4);
  RaftCore& core = lab.core(0);
  ASSERT_EQ(core.Propose(MakeCommand(0, 1)).code, ProposeCode::kOk);
  ASSERT_TRUE(core.HasReady());  // the requests are built, of term 1
  core.Step({N(1), N(0), {7}, HeartbeatResponse{}});
  ASSERT_EQ(core.role(), RoleKind::kFollower);
  const Ready ready = core.TakeReady();
  for (const Message& message : ready.messages)
    EXPECT_FALSE(As<AppendRequest>(message)) << "of term " << message.term.value;
  core.Advance();
}

// A lone proposal must never wait for company: one sync here, one there, one round trip.
TEST(RaftLessons, Lesson23_LoneProposalGoesAtOnceUnderEveryCap) {
  for (const uint32_t cap : {1u, 20u, 256u}) {
    RaftOptions options;
    options.max_append_entries = cap;
    Lab lab(3, options);
    lab.Elect(0);
    lab.TickAll(4);
    const uint64_t syncs = lab.member(0).sync_count();
    lab.Propose(0, 1);
    EXPECT_EQ(lab.member(0).sync_count(), syncs + 1);
    lab.Deliver(Lab::Of<AppendRequest>(0, 1));
    lab.Deliver(Lab::Of<AppendResponse>(1, 0));
    EXPECT_EQ(lab.core(0).commit(), Index{2}) << "cap " << cap;
  }
}

TEST(RaftLessons, Lesson23_ConcurrentProposalsShareSyncsAndRequests) {
  for (const uint32_t cap : {1u, 20u, 256u}) {
    RaftOptions options;
    options.max_append_entries = cap;
    options.max_append_bytes = 1 << 20;
    options.max_inflight = 2000;
    Lab lab(3, options);
    lab.Elect(0);
    lab.TickAll(4);
    const uint64_t leader_syncs = lab.member(0).sync_count();
    for (int i = 0; i < 1000; ++i)
      ASSERT_EQ(lab.core(0).Propose(MakeCommand(0, static_cast<uint32_t>(i))).code,
                ProposeCode::kOk);
    lab.Settle(0);
    EXPECT_EQ(lab.member(0).sync_count(), leader_syncs + 1);
    const auto requests = lab.Take(Lab::Of<AppendRequest>(0, 1));
    EXPECT_LE(requests.size(), (1000 + cap - 1) / cap + 2);
    for (const Message& message : requests) lab.Step(1, message);
    lab.Deliver();
    EXPECT_EQ(lab.core(0).commit(), Index{1001});
  }
}

// Index 49 was committed with two of five: match came from the leader's log at the time of the
// reply, not from what the reply acknowledged. The schedule is the one of the log file.
TEST(RaftLessons, Lesson25_MatchIsWhatWasAcknowledged) {
  Lab lab(5);
  // S0 leads term 9 with commit 6 and last 48; S1 has 1..6, S2 has 1, S3 and S4 have 1..29.
  const auto start = [&](int n, uint64_t last) {
    std::vector<uint64_t> terms(last, 8);
    for (uint64_t i = 0; i < std::min<uint64_t>(last, 6); ++i) terms[i] = 1;
    lab.Start(n, {8}, terms);
  };
  start(0, 47);
  start(1, 6);
  start(2, 1);
  start(3, 29);
  start(4, 29);
  lab.TimeOut(0);
  const auto votes = [](const Message& m) { return As<VoteRequest>(m) || As<VoteResponse>(m); };
  lab.Deliver(votes);
  ASSERT_EQ(lab.core(0).term(), Term{9});
  ASSERT_EQ(lab.core(0).log().last(), Index{48});  // with the no-op
  lab.Drop();
  // What each acknowledges is what its request carried.
  const auto request = [&](int to, uint64_t from, uint64_t upto) {
    const EntryLog& log = lab.core(0).log();
    return Message{
        N(0),
        N(to),
        {9},
        AppendRequest{{from - 1}, *log.TermAt({from - 1}), log.Slice({from}, {upto + 1}), {6}}};
  };
  const Message to1 = request(1, 7, 48), to4 = request(4, 30, 48);
  lab.Propose(0, 1);  // the command at 49
  lab.Drop();
  const Message to2 = request(2, 2, 49), to3 = request(3, 30, 49);
  lab.Step(1, to1);
  lab.Deliver(Lab::Between(1, 0));
  EXPECT_EQ(lab.core(0).commit(), Index{0});
  lab.Step(2, to2);
  lab.Deliver(Lab::Between(2, 0));
  EXPECT_EQ(lab.core(0).progress(N(1))->match, Index{48});
  EXPECT_EQ(lab.core(0).progress(N(2))->match, Index{49});
  EXPECT_EQ(lab.core(0).commit(), Index{48}) << "49 is on two of five";
  lab.Drop();
  lab.Step(4, to4);
  lab.Deliver(Lab::Between(4, 0));
  EXPECT_EQ(lab.core(0).commit(), Index{48});
  lab.Step(3, to3);
  lab.Deliver(Lab::Between(3, 0));
  EXPECT_EQ(lab.core(0).commit(), Index{49});
}

// "makeslice: len out of range": a bound frozen in an older round met a nextIndex that a reply had
// moved past it.
TEST(RaftLessons, Lesson25_OlderBoundMeetsMovedNext) {
  Lab lab(5);
  for (int n = 0; n < 5; ++n) lab.Start(n, {8}, std::vector<uint64_t>(86, 8));
  lab.TimeOut(0);
  lab.Deliver([](const Message& m) { return As<VoteRequest>(m) || As<VoteResponse>(m); });
  lab.Drop(Lab::To(3));
  lab.Deliver();
  ASSERT_EQ(lab.core(0).log().last(), Index{87});
  lab.Propose(0, 1);  // 88
  lab.Drop(Lab::To(3));
  lab.Deliver();
  // n3 is heard of, while 88 is the last entry: whatever that starts has 88 as its bound.
  lab.Step(0, {N(3), N(0), {9}, HeartbeatResponse{}});
  lab.Propose(0, 2);  // 89
  lab.Drop(Lab::To(3));
  const EntryLog& log = lab.core(0).log();
  lab.Step(3, {N(0), N(3), {9}, AppendRequest{{86}, {8}, log.Slice({87}, {90}), {0}}});
  lab.Deliver(Lab::Between(3, 0));
  EXPECT_EQ(lab.core(0).progress(N(3))->match, Index{89});
  EXPECT_EQ(lab.core(0).progress(N(3))->next, Index{90});
  lab.Tick(0, 3);
  for (const Message& message : lab.wire())
    if (const auto* append = As<AppendRequest>(message); append && message.to == N(3)) {
      EXPECT_TRUE(append->entries.empty());
    }
  lab.Deliver();
  EXPECT_EQ(lab.Terms(3), lab.Terms(0));
}

}  // namespace
}  // namespace mr::raft::test
