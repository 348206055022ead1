// Mistakes that were found in other systems in the field, as schedules (F05, F17, F20, F21, F26, F36; others are among the
// rules and lessons).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/hash.h"
#include "lab3.h"
#include "test/sim/raft/lab.h"

namespace mr::raft::test {
namespace {

template <class Body>
std::vector<const Body*> Of(const Ready& ready) {
  std::vector<const Body*> found;
  for (const Message& message : ready.messages)
    if (const Body* body = As<Body>(message)) found.push_back(body);
  return found;
}

EntryPtr CommandAt(uint64_t index, uint64_t term) {
  return std::make_shared<const Entry>(Entry{{index}, {term}, EntryKind::kCommand, MakeCommand(0, 1)});
}

// A request comes twice, the second time while the entries of the first are still being written.
TEST(RaftField, F05_RepetitionIsNotAcknowledgedBeforeTheEntriesAreDurable) {
  Lab lab(3);
  lab.Start(1, {2}, {1});
  RaftCore& core = lab.core(1);
  const Message request{N(0), N(1), {2}, AppendRequest{{1}, {1}, {CommandAt(2, 2)}, {0}}};
  core.Step(request);
  const Ready writing = core.TakeReady();
  ASSERT_EQ(writing.entries.size(), 1u);
  ASSERT_EQ(Of<AppendResponse>(writing).size(), 1u);  // leaves when the entry is durable
  core.Step(request);
  core.Step({N(0), N(1), {2}, Heartbeat{{0}, 0}});
  EXPECT_EQ(core.stable(), Index{1});
  core.Advance();
  const Ready next = core.TakeReady();
  EXPECT_TRUE(next.entries.empty());
  ASSERT_EQ(Of<AppendResponse>(next).size(), 1u);
  EXPECT_EQ(Of<AppendResponse>(next)[0]->match, Index{2});
  core.Advance();
}

// A member that is far behind and restarts again and again brought leader after leader down.
TEST(RaftField, F17_LaggardThatRestartsDisturbsNobody) {
  Lab3 lab(3);
  lab.One(3);
  const int leader = lab.CheckOneLeader(), laggard = (leader + 1) % 3;
  const Term term = lab.world().member(leader).core().term();
  lab.Disconnect(laggard);
  for (int i = 0; i < 1000; ++i) lab.Start(leader, lab.NewNumber());
  lab.One(2);
  for (int i = 0; i < 20; ++i) {
    lab.CrashAndRestart(laggard);
    if (i % 2 == 0) lab.Connect(laggard);
    lab.RunFor(lab.Below(3 * Lab3::kElectionTimeout));
    lab.Disconnect(laggard);
  }
  lab.Connect(laggard);
  lab.One(3);
  EXPECT_EQ(lab.CheckOneLeader(), leader);
  EXPECT_EQ(lab.CheckTerms(), term.value);
}

// The same while leaders are really lost: each loss costs one election.
TEST(RaftField, F17_EachLossOfALeaderCostsOneElection) {
  Lab3 lab(5);
  lab.One(5);
  uint64_t term = lab.CheckTerms();
  for (int loss = 0; loss < 10; ++loss) {
    const int leader = lab.CheckOneLeader(), laggard = (leader + 1) % 5;
    lab.world().Crash(leader);
    lab.CrashAndRestart(laggard);
    lab.One(4);
    lab.CrashAndRestart(laggard);
    lab.world().Restart(leader);
    lab.One(5);
    const uint64_t now = lab.CheckTerms();
    EXPECT_GT(now, term);
    EXPECT_LE(now, term + 2) << "one, and at most one more for a split vote";
    term = now;
  }
}

// One has the newer term and the shorter log: nobody could win, as its term was not believed or its log not accepted.
TEST(RaftField, F20_NewerTermWithAShorterLogBlocksNobody) {
  for (const bool both : {false, true}) {
    Lab lab(3);
    lab.Start(0, {9}, {1, 1, 1});
    lab.Start(1, {8}, {1, 1, 1, 7, 7, 7, 8, 8, 8});
    lab.Start(2, {8}, {1, 1, 1, 7, 7, 7, 8, 8, 8});
    if (both) lab.Crash(2);  // the two must come to terms
    uint32_t ticks = 0;
    const uint32_t limit = 10 * lab.core(0).options().election_ticks;
    while (lab.Leader() < 0 && ticks < limit) {
      lab.TickAll(1);
      ++ticks;
    }
    EXPECT_LT(ticks, limit);
    EXPECT_NE(lab.Leader(), 0);
  }
}

// Candidates that cannot win are paced: they do not fill the network.
TEST(RaftField, F21_PreVotesArePaced) {
  Lab3 lab(3);
  lab.One(3);
  const int leader = lab.CheckOneLeader();
  lab.world().Crash(leader);
  lab.world().Crash((leader + 1) % 3);
  const uint64_t before = lab.world().counters().messages;
  lab.RunFor(60 * kSecond);
  // At most one round to two others per election time-out.
  EXPECT_LE(lab.world().counters().messages - before, 2 * 60u);
  EXPECT_GE(lab.world().counters().messages - before, 2 * 20u);
}

// The timer fires while an entry is being written: a candidate must not boast of it before it is durable.
TEST(RaftField, F26_CandidateNamesOnlyWhatIsDurable) {
  Lab lab(3);
  lab.Start(1, {2}, {1});
  RaftCore& core = lab.core(1);
  core.Step({N(0), N(1), {2}, AppendRequest{{1}, {1}, {CommandAt(2, 2)}, {0}}});
  const Ready writing = core.TakeReady();
  ASSERT_EQ(writing.entries.size(), 1u);
  for (uint32_t i = 0; i < 2 * core.options().election_ticks; ++i) core.Tick();
  ASSERT_EQ(core.role(), RoleKind::kPreCandidate);
  EXPECT_TRUE(Of<VoteRequest>(writing).empty());
  core.Advance();  // now it is
  const Ready next = core.TakeReady();
  ASSERT_FALSE(Of<VoteRequest>(next).empty());
  EXPECT_EQ(Of<VoteRequest>(next)[0]->last_index, Index{2});
  EXPECT_EQ(core.stable(), Index{2});
  core.Advance();
}

// The same with a power cut in between: what the vote said must be on the disk afterwards.
TEST(RaftField, F26_PowerCutWhileWritingLeavesNoBoast) {
  Lab lab(3);
  lab.Start(1, {2}, {1});
  Member& member = lab.member(1);
  member.core().Step({N(0), N(1), {2}, AppendRequest{{1}, {1}, {CommandAt(2, 2)}, {0}}});
  ASSERT_TRUE(member.Begin());
  member.Crash(0);  // nothing of it reached the disk
  lab.Restart(1);
  lab.TimeOut(1);
  const auto requests = lab.Take(Lab::Of<VoteRequest>(1, 0));
  ASSERT_FALSE(requests.empty());
  EXPECT_EQ(As<VoteRequest>(requests[0])->last_index, Index{1});
}

// The timer fires while a snapshot is being installed: log and state are of two minds then.
TEST(RaftField, F36_NobodyCampaignsWhileItInstalls) {
  Lab lab(3);
  lab.Start(1, {4}, {1});
  RaftCore& core = lab.core(1);
  StateMachine state;
  state.applied = {6};
  const std::string data = state.Save();
  core.Step({N(0), N(1), {4}, SnapshotPart{{{6}, {4}}, 0, data.size(), Hash64(data), data}});
  const Ready installing = core.TakeReady();
  ASSERT_TRUE(installing.snapshot.has_value());
  for (uint32_t i = 0; i < 4 * core.options().election_ticks; ++i) core.Tick();
  core.Step({N(2), N(1), {5}, VoteRequest{true, false, {1}, {1}}});  // behind the snapshot
  EXPECT_TRUE(Of<VoteRequest>(installing).empty());
  core.Advance();
  const Ready next = core.TakeReady();
  for (const VoteRequest* request : Of<VoteRequest>(next)) {
    EXPECT_EQ(request->last_index, Index{6});
    EXPECT_EQ(request->last_term, Term{4});
  }
  ASSERT_EQ(Of<VoteResponse>(next).size(), 1u);
  EXPECT_FALSE(Of<VoteResponse>(next)[0]->granted);
  core.Advance();
}

}  // namespace
}  // namespace mr::raft::test
