// Mistakes 10 to 16 and 24 of the list that this system is built on: elections. Each is a schedule
// that went wrong somewhere; the checker of the lab watches every step besides.
#include <gtest/gtest.h>

#include "test/sim/raft/lab.h"

namespace mr::raft::test {
namespace {

RaftOptions QuickElections() {
  RaftOptions options;
  options.election_ticks = 10;
  return options;
}

// The election ran inside the timer, and a split vote blocked for ever.
TEST(RaftLessons, Lesson10_SplitVotesEndInALeader) {
  for (const int size : {2, 4}) {
    for (uint32_t seed = 0; seed < 1000; ++seed) {
      Lab lab(size, QuickElections());
      for (int n = 0; n < size; ++n) lab.member(n).disk().hard_state.term = {seed + 1};
      lab.StartAll();
      // All at once, and the first round of real votes is split: everybody votes for itself.
      for (int n = 0; n < size; ++n) lab.TimeOut(n);
      lab.Deliver([](const Message& m) {
        const auto* response = As<VoteResponse>(m);
        const auto* request = As<VoteRequest>(m);
        return (response && response->pre) || (request && request->pre);
      });
      int ticks = 0;
      while (lab.Leader() < 0 && ++ticks < 200) lab.TickAll(1);
      EXPECT_LT(ticks, 200) << size << " members, seed " << seed;
    }
  }
}

TEST(RaftLessons, Lesson10_CandidateWithoutAnswersCampaignsAgain) {
  Lab lab(3, QuickElections());
  lab.StartAll();
  lab.TimeOut(0);
  lab.Deliver([](const Message& m) {
    return (As<VoteRequest>(m) && As<VoteRequest>(m)->pre) ||
           (As<VoteResponse>(m) && As<VoteResponse>(m)->pre);
  });
  ASSERT_EQ(lab.core(0).role(), RoleKind::kCandidate);
  ASSERT_EQ(lab.core(0).term(), Term{1});
  lab.Drop();
  lab.TimeOut(0);
  lab.Deliver();
  EXPECT_EQ(lab.core(0).role(), RoleKind::kLeader);
  EXPECT_EQ(lab.core(0).term(), Term{2});
}

// A heartbeat, or stepping down in the same term, cleared the vote. The schedule of a real double
// leader.
TEST(RaftLessons, Lesson11_FormerCandidateKeepsItsVote) {
  Lab lab(5);
  for (const int n : {0, 1, 3, 4}) lab.Start(n, {2}, {1, 1, 2, 2});
  lab.Start(2, {2}, {1, 1, 2, 2, 2});
  // n1, n2, n3 become candidates of term 3; each has voted for itself.
  for (const int n : {1, 2, 3}) lab.TimeOut(n);
  const auto pre = [](const Message& m) {
    return (As<VoteRequest>(m) && As<VoteRequest>(m)->pre) ||
           (As<VoteResponse>(m) && As<VoteResponse>(m)->pre);
  };
  lab.Deliver(pre);
  for (const int n : {1, 2, 3}) ASSERT_EQ(lab.core(n).role(), RoleKind::kCandidate);
  for (const int n : {0, 4}) {
    ASSERT_TRUE(lab.DeliverOne(Lab::Of<VoteRequest>(2, n)));
    ASSERT_TRUE(lab.DeliverOne(Lab::Of<VoteResponse>(n, 2)));
  }
  ASSERT_EQ(lab.core(2).role(), RoleKind::kLeader);
  ASSERT_TRUE(lab.DeliverOne(Lab::Of<AppendRequest>(2, 1)));
  ASSERT_EQ(lab.core(1).role(), RoleKind::kFollower);
  EXPECT_EQ(lab.core(1).voted_for(), N(1));
  // The late request of n3, of the same term.
  ASSERT_TRUE(lab.DeliverOne(Lab::Of<VoteRequest>(3, 1)));
  const auto answers = lab.Take(Lab::Of<VoteResponse>(1, 3));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_FALSE(As<VoteResponse>(answers[0])->granted);
}

TEST(RaftLessons, Lesson11_HeartbeatKeepsTheVote) {
  Lab lab(3);
  lab.Elect(0);
  lab.TickAll(10);
  EXPECT_EQ(lab.core(1).voted_for(), N(0));
  EXPECT_EQ(lab.member(1).disk().hard_state, (HardState{{1}, N(0)}));
  lab.Crash(1);
  lab.Restart(1);
  lab.Step(1, {N(2), N(1), {1}, VoteRequest{false, true, {9}, {1}}});
  EXPECT_EQ(lab.core(1).voted_for(), N(0));
}

// A lock was held during a request. Here nothing ever waits: a peer that never reads changes
// nothing.
TEST(RaftLessons, Lesson12_PeerThatNeverReadsHoldsUpNobody) {
  Lab lab(3);
  lab.Elect(0);
  const auto others = [](const Message& m) { return m.to != N(2); };
  for (int i = 0; i < 200; ++i) {  // then nothing to do: heartbeats only
    if (i < 100) {
      ASSERT_EQ(lab.Propose(0, i).code, ProposeCode::kOk);
    }
    lab.Deliver(others);
    lab.Tick(0);
    lab.Tick(1);
    lab.Deliver(others);
    lab.Drop();
  }
  EXPECT_EQ(lab.core(0).role(), RoleKind::kLeader);
  EXPECT_EQ(lab.core(0).term(), Term{1});
  EXPECT_EQ(lab.core(1).role(), RoleKind::kFollower);
  EXPECT_EQ(lab.core(0).commit(), Index{101});
  EXPECT_LE(lab.core(0).progress(N(2))->inflight.size(), lab.core(0).options().max_inflight);
}

// The majority arrived when the node was no longer a candidate of that term.
TEST(RaftLessons, Lesson13_GrantsOfAnOlderTermDoNotCount) {
  Lab lab(5);
  for (int n = 0; n < 5; ++n) lab.Start(n, {4}, {1});
  const auto pre = [](const Message& m) {
    return (As<VoteRequest>(m) && As<VoteRequest>(m)->pre) ||
           (As<VoteResponse>(m) && As<VoteResponse>(m)->pre);
  };
  lab.TimeOut(0);
  lab.Deliver(pre);
  ASSERT_EQ(lab.core(0).term(), Term{5});
  for (const int n : {1, 2}) ASSERT_TRUE(lab.DeliverOne(Lab::Of<VoteRequest>(0, n)));
  const auto grants = lab.Take(Lab::To(0));  // of term 5
  ASSERT_EQ(grants.size(), 2u);
  lab.Drop();
  // Another is elected in term 6, and n0 follows it.
  for (int i = 0; i < 5 && lab.core(3).role() != RoleKind::kLeader; ++i) {
    lab.TimeOut(3);
    lab.Deliver([](const Message& m) { return m.from != N(0) && m.to != N(0); });
  }
  ASSERT_EQ(lab.core(3).role(), RoleKind::kLeader);
  ASSERT_TRUE(lab.DeliverOne(Lab::Of<AppendRequest>(3, 0)));
  ASSERT_EQ(lab.core(0).term(), Term{6});
  for (const Message& grant : grants) lab.Step(0, grant);
  EXPECT_EQ(lab.core(0).role(), RoleKind::kFollower);
  EXPECT_EQ(lab.core(0).term(), Term{6});
}

TEST(RaftLessons, Lesson13_OneVoterCountsOnce) {
  Lab lab(5);
  lab.StartAll();
  lab.TimeOut(0);
  const Message would{N(1), N(0), {1}, VoteResponse{true, true}};
  for (int i = 0; i < 4; ++i) lab.Step(0, would);
  EXPECT_EQ(lab.core(0).role(), RoleKind::kPreCandidate);
  lab.Step(0, {N(2), N(0), {1}, VoteResponse{true, true}});
  ASSERT_EQ(lab.core(0).role(), RoleKind::kCandidate);
  // Grants of the pre-vote round are no votes.
  for (const int n : {1, 2, 3, 4}) lab.Step(0, {N(n), N(0), {1}, VoteResponse{true, true}});
  EXPECT_EQ(lab.core(0).role(), RoleKind::kCandidate);
  lab.Drop(Lab::To(2));
  ASSERT_TRUE(lab.DeliverOne([](const Message& m) {
    return m.to == N(1) && As<VoteRequest>(m) && !As<VoteRequest>(m)->pre;
  }));
  const auto grants = lab.Take(Lab::Between(1, 0));
  ASSERT_EQ(grants.size(), 1u);
  for (int i = 0; i < 3; ++i) lab.Step(0, grants[0]);
  EXPECT_EQ(lab.core(0).role(), RoleKind::kCandidate);
}

// Check, then act, with something in between. A read is decided while leading, and answered only
// while leading.
TEST(RaftLessons, Lesson14_ReadDoesNotOutliveLeadership) {
  Lab lab(3);
  lab.Elect(0);
  lab.TickAll(4);
  ASSERT_TRUE(lab.core(0).ReadIndex(77));
  lab.Settle(0);
  EXPECT_TRUE(lab.reads().empty()) << "nobody has confirmed it yet";
  lab.Drop();
  lab.Step(0, {N(1), N(0), {9}, HeartbeatResponse{}});
  ASSERT_EQ(lab.core(0).role(), RoleKind::kFollower);
  ASSERT_EQ(lab.reads().size(), 1u);
  EXPECT_EQ(lab.reads()[0].context, 77u);
  EXPECT_FALSE(lab.reads()[0].ok);
}

// Decoding into a used object kept old fields: every Ready is made fresh.
TEST(RaftLessons, Lesson15_ReadyCarriesNothingOfTheOneBefore) {
  Lab lab(1);
  lab.StartAll();
  ASSERT_EQ(lab.core(0).role(), RoleKind::kLeader);
  ASSERT_EQ(lab.core(0).Propose(MakeCommand(0, 1)).code, ProposeCode::kOk);
  const Ready first = lab.core(0).TakeReady();
  EXPECT_FALSE(first.hard_state) << "term and vote have been durable since the election";
  EXPECT_EQ(first.entries.size(), 1u);
  lab.core(0).Advance();
  const Ready second = lab.core(0).TakeReady();
  EXPECT_FALSE(second.hard_state);
  EXPECT_TRUE(second.entries.empty());
  EXPECT_EQ(second.committed.size(), 1u);
  EXPECT_EQ(first.entries.size(), 1u) << "and it is a value: what was taken stays as it was";
  lab.core(0).Advance();
}

// The vote must be free again as soon as the term grows, by whatever message.
TEST(RaftLessons, Lesson16_NewTermFreesTheVote) {
  Lab lab(3);
  lab.Start(0, {3}, {1});
  lab.Start(1, {3}, {1});
  lab.Start(2, {3}, {1});
  lab.Elect(0);
  ASSERT_EQ(lab.core(0).term(), Term{4});
  ASSERT_EQ(lab.core(0).voted_for(), N(0));
  // Meanwhile the others were at term 6, without a leader.
  lab.Step(0, {N(1), N(0), {6}, AppendResponse{{1}, false, {}, {1}, {1}}});
  EXPECT_EQ(lab.core(0).term(), Term{6});
  EXPECT_EQ(lab.core(0).voted_for(), NodeId{});
  lab.Drop();
  lab.Step(0, {N(1), N(0), {6}, VoteRequest{false, false, {9}, {4}}});
  const auto answers = lab.Take(Lab::Of<VoteResponse>(0, 1));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(As<VoteResponse>(answers[0])->granted);
}

// The timer's decision and the election were two steps; in between the node had become leader of
// term 43, and deposed itself at 44. Both orders of the same instant.
TEST(RaftLessons, Lesson24_TimerAndDecidingVoteAtTheSameInstant) {
  for (const bool timer_first : {true, false}) {
    Lab lab(3, QuickElections());
    for (int n = 0; n < 3; ++n) lab.Start(n, {42}, {42});
    const auto pre = [](const Message& m) {
      return (As<VoteRequest>(m) && As<VoteRequest>(m)->pre) ||
             (As<VoteResponse>(m) && As<VoteResponse>(m)->pre);
    };
    lab.TimeOut(0);
    lab.Deliver(pre);
    ASSERT_EQ(lab.core(0).role(), RoleKind::kCandidate);
    ASSERT_EQ(lab.core(0).term(), Term{43});
    ASSERT_TRUE(lab.DeliverOne(Lab::Of<VoteRequest>(0, 2)));
    const auto votes = lab.Take(Lab::Between(2, 0));
    ASSERT_EQ(votes.size(), 1u);
    // To the very tick before the time-out, found with a copy of the same random numbers: the timer
    // is drawn at most at 2T-1, so the vote is given after each possible number of ticks.
    for (int ticks = 0; ticks < 20 && lab.core(0).role() == RoleKind::kCandidate; ++ticks) {
      Lab copy(3, QuickElections());
      for (int n = 0; n < 3; ++n) copy.Start(n, {42}, {42});
      copy.TimeOut(0);
      copy.Deliver(pre);
      copy.DeliverOne(Lab::Of<VoteRequest>(0, 2));
      const auto vote = copy.Take(Lab::Between(2, 0));
      copy.Drop();
      copy.Tick(0, ticks);
      if (timer_first) copy.Tick(0);
      copy.Step(0, vote[0]);
      if (!timer_first) copy.Tick(0);
      if (copy.core(0).role() != RoleKind::kLeader) {
        // The timer was first: this vote came too late, and the next round is by the book.
        copy.Drop();
        copy.TickAll(60);
        EXPECT_GE(copy.Leader(), 0);
        continue;
      }
      copy.TickAll(100);
      EXPECT_EQ(copy.core(0).role(), RoleKind::kLeader) << ticks;
      EXPECT_EQ(copy.core(0).term(), Term{43}) << ticks;
    }
  }
}

}  // namespace
}  // namespace mr::raft::test
