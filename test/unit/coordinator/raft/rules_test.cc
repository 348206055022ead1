// The rules of the core as tables, and mistakes that were found in other systems.
#include <gtest/gtest.h>

#include "test/sim/raft/lab.h"

namespace mr::raft::test {
namespace {

// Answers of one member to one message.
std::vector<Message> Ask(Lab& lab, int n, const Message& message) {
  lab.Drop();
  lab.Step(n, message);
  return lab.Take(Lab::All());
}

struct VoteCase {
  const char* what;
  uint64_t term;        // of the request
  uint64_t last_index;  // of the candidate
  uint64_t last_term;
  uint64_t voted_for;  // by the member, which is at term 5 with entries of terms 1 3 3
  bool granted;
};

TEST(RaftRules, Vote_IsGrantedOnlyToAnUpToDateCandidateAndOnce) {
  const std::vector<VoteCase> cases = {
      {"older term", 4, 9, 9, 0, false},
      {"shorter log of the same last term", 5, 2, 3, 0, false},
      {"longer log of an older last term", 5, 9, 2, 0, false},
      {"equal log", 5, 3, 3, 0, true},
      {"shorter log of a newer last term", 5, 1, 4, 0, true},
      {"voted for it already", 5, 3, 3, 2, true},
      {"voted for another", 5, 3, 3, 3, false},
      {"voted for another in an older term", 6, 3, 3, 3, true},
  };
  for (const VoteCase& test : cases) {
    Lab lab(3);
    lab.Start(0, {5}, {1, 3, 3}, {test.voted_for});
    const auto answers = Ask(
        lab, 0,
        {N(1), N(0), {test.term}, VoteRequest{false, false, {test.last_index}, {test.last_term}}});
    ASSERT_EQ(answers.size(), 1u) << test.what;
    EXPECT_EQ(As<VoteResponse>(answers[0])->granted, test.granted) << test.what;
    EXPECT_EQ(answers[0].term, Term{std::max<uint64_t>(test.term, 5)}) << test.what;
  }
}

TEST(RaftRules, PreVote_ChangesNothingAndChecksTheLog) {
  const std::vector<VoteCase> cases = {
      {"next term", 6, 3, 3, 0, true},
      {"next term, though it has voted", 6, 3, 3, 3, true},
      {"the same term", 5, 3, 3, 0, false},
      {"far in the future, with a short log", 99, 2, 3, 0, false},
      {"far in the future", 99, 3, 3, 0, true},
  };
  for (const VoteCase& test : cases) {
    Lab lab(3);
    lab.Start(0, {5}, {1, 3, 3}, {test.voted_for});
    const auto answers = Ask(
        lab, 0,
        {N(1), N(0), {test.term}, VoteRequest{true, false, {test.last_index}, {test.last_term}}});
    ASSERT_EQ(answers.size(), 1u) << test.what;
    EXPECT_TRUE(As<VoteResponse>(answers[0])->pre);
    EXPECT_EQ(As<VoteResponse>(answers[0])->granted, test.granted) << test.what;
    // A refusal carries the true term: a member with a higher term and a shorter log must not block
    // the group.
    EXPECT_EQ(answers[0].term, Term{test.granted ? test.term : 5}) << test.what;
    EXPECT_EQ(lab.core(0).term(), Term{5});
    EXPECT_EQ(lab.core(0).voted_for(), NodeId{test.voted_for});
  }
}

TEST(RaftRules, PreVote_RefusalWithANewerTermIsBelieved) {
  Lab lab(3);
  lab.Start(0, {8}, {8, 8, 8});
  lab.Start(1, {9}, {8});
  lab.Start(2, {8}, {8});
  lab.Crash(2);
  int ticks = 0;
  while (lab.Leader() < 0 && ++ticks < 200) lab.TickAll(1);
  EXPECT_EQ(lab.Leader(), 0) << "2 of 3 live, one with a newer term, the other with a longer log";
}

TEST(RaftRules, Stickiness_IgnoresCandidatesWhileTheLeaderIsWell) {
  Lab lab(3);
  lab.Elect(0);
  lab.TickAll(4);
  for (const int n : {0, 1}) {
    EXPECT_TRUE(Ask(lab, n, {N(2), N(n), {7}, VoteRequest{false, false, {9}, {9}}}).empty());
    EXPECT_EQ(lab.core(n).term(), Term{1});
  }
  const auto refused = Ask(lab, 1, {N(2), N(1), {7}, VoteRequest{true, false, {9}, {9}}});
  EXPECT_FALSE(As<VoteResponse>(refused.at(0))->granted);
  // The leader itself asked for the election: that is no disruption.
  Ask(lab, 1, {N(2), N(1), {7}, VoteRequest{false, true, {9}, {9}}});
  EXPECT_EQ(lab.core(1).term(), Term{7});
}

TEST(RaftRules, Stickiness_EndsWithTheLeadersSilence) {
  Lab lab(3);
  lab.Elect(0);
  lab.TickAll(4);
  lab.Tick(1, 20);
  const auto granted = Ask(lab, 1, {N(2), N(1), {2}, VoteRequest{true, false, {9}, {9}}});
  EXPECT_TRUE(As<VoteResponse>(granted.at(0))->granted);
}

TEST(RaftRules, OldTerms_AreToldTheNewOne) {
  Lab lab(3);
  lab.Start(0, {5}, {1});
  const std::vector<decltype(Message::body)> requests = {
      VoteRequest{}, VoteRequest{true, false, {9}, {9}}, AppendRequest{}, Heartbeat{},
      SnapshotPart{}};
  for (const auto& request : requests) {
    const auto answers = Ask(lab, 0, {N(1), N(0), {3}, request});
    ASSERT_EQ(answers.size(), 1u) << request.index();
    EXPECT_EQ(answers[0].term, Term{5});
  }
  EXPECT_TRUE(Ask(lab, 0, {N(1), N(0), {3}, AppendResponse{}}).empty())
      << "answers are not answered";
}

TEST(RaftRules, NonsenseIsDropped) {
  Lab lab(3);
  lab.Start(0, {5}, {1});
  const auto hole = std::make_shared<const Entry>(Entry{{7}, {5}, EntryKind::kCommand, ""});
  EXPECT_TRUE(Ask(lab, 0, {N(1), N(0), {5}, AppendRequest{{1}, {1}, {hole}, {0}}}).empty());
  EXPECT_TRUE(Ask(lab, 0, {N(8), N(0), {5}, Heartbeat{}}).empty());
  EXPECT_TRUE(Ask(lab, 0, {N(0), N(0), {9}, Heartbeat{}}).empty());
  EXPECT_EQ(lab.core(0).dropped_messages(), 3u);
  EXPECT_EQ(lab.core(0).term(), Term{5});
}

struct AppendCase {
  const char* what;
  uint64_t prev, prev_term;
  std::vector<uint64_t> terms;  // of the entries
  uint64_t commit;
  bool ok;
  uint64_t match_or_hint;
  std::vector<uint64_t> log;
  uint64_t commit_after;
};

TEST(RaftRules, Append_ReplacesFromTheFirstConflictOnly) {
  const std::vector<uint64_t> own = {1, 1, 2, 2, 3};
  const std::vector<AppendCase> cases = {
      {"empty, at the end", 5, 3, {}, 4, true, 5, own, 4},
      {"empty, in the middle: says nothing of what follows", 3, 2, {}, 9, true, 3, own, 3},
      {"equal entries cut nothing off", 1, 1, {1, 2}, 0, true, 3, own, 0},
      {"a conflict", 3, 2, {4, 4}, 9, true, 5, {1, 1, 2, 4, 4}, 5},
      {"new ones", 5, 3, {5}, 6, true, 6, {1, 1, 2, 2, 3, 5}, 6},
      {"beyond the end", 9, 3, {5}, 6, false, 5, own, 0},
      {"another term before", 5, 2, {5}, 6, false, 4, own, 0},
      {"much older", 4, 1, {5}, 6, false, 2, own, 0},
  };
  for (const AppendCase& test : cases) {
    Lab lab(3);
    lab.Start(0, {5}, own);
    AppendRequest request{{test.prev}, {test.prev_term}, {}, {test.commit}};
    for (const uint64_t term : test.terms)
      request.entries.push_back(std::make_shared<const Entry>(Entry{
          {test.prev + request.entries.size() + 1},
          {term},
          EntryKind::kCommand,
          MakeCommand(
              0, static_cast<uint32_t>(1000 * term + test.prev + request.entries.size() + 1))}));
    const auto answers = Ask(lab, 0, {N(1), N(0), {5}, request});
    ASSERT_EQ(answers.size(), 1u) << test.what;
    const auto* response = As<AppendResponse>(answers[0]);
    EXPECT_EQ(response->ok, test.ok) << test.what;
    EXPECT_EQ((response->ok ? response->match : response->hint_index).value, test.match_or_hint)
        << test.what;
    EXPECT_EQ(lab.Terms(0), test.log) << test.what;
    EXPECT_EQ(lab.core(0).commit(), Index{test.commit_after}) << test.what;
  }
}

TEST(RaftRulesDeathTest, BrokenPromisesStopTheNode) {
  Lab lab(3);
  lab.Elect(0);
  lab.Propose(0, 1);
  lab.Deliver();
  lab.TickAll(4);
  const Entry other{{2}, {1}, EntryKind::kCommand, ""};
  EXPECT_DEATH(lab.Step(1, {N(0), N(1), {1}, Heartbeat{{99}, 0}}), "has lost it");
  EXPECT_DEATH(lab.Step(1, {N(2), N(1), {1}, AppendRequest{}}), "two leaders in term 1");
  EXPECT_DEATH(lab.Step(0, {N(2), N(0), {1}, Heartbeat{}}), "two leaders in term 1");
  static_cast<void>(other);
}

TEST(RaftRules, CheckQuorum_LeaderWithoutAMajorityStepsDownInItsTerm) {
  Lab lab(5);
  lab.Elect(0);
  for (int i = 0; i < 39; ++i) {
    lab.Tick(0);
    lab.Deliver([](const Message& m) { return m.from == N(1) || m.to == N(1); });
    lab.Drop();
  }
  EXPECT_EQ(lab.core(0).role(), RoleKind::kLeader) << "the first period begins full";
  lab.Tick(0, 2);
  EXPECT_EQ(lab.core(0).role(), RoleKind::kFollower);
  EXPECT_EQ(lab.core(0).term(), Term{1});
  EXPECT_EQ(lab.core(0).Propose("x").code, ProposeCode::kNotLeader);
}

TEST(RaftRules, Timeout_IsDrawnBetweenTAndTwoTAndAnew) {
  Lab lab(3);
  lab.StartAll();
  std::set<int> waits;
  for (int round = 0; round < 60; ++round) {
    int ticks = 0;
    lab.Drop();
    while (lab.wire().empty()) {
      lab.Tick(0);
      ++ticks;
    }
    EXPECT_GE(ticks, 20);
    EXPECT_LT(ticks, 40);
    waits.insert(ticks);
  }
  EXPECT_GT(waits.size(), 8u);
}

TEST(RaftRules, Propose_LimitsAndRefusals) {
  RaftOptions options;
  options.max_proposal_bytes = 100;
  options.max_uncommitted_bytes = 250;
  Lab lab(3, options);
  lab.Elect(0);
  EXPECT_EQ(lab.Propose(1, 1).code, ProposeCode::kNotLeader);
  EXPECT_EQ(lab.core(1).leader(), N(0));
  EXPECT_EQ(lab.Propose(0, 1, 101).code, ProposeCode::kTooLarge);
  EXPECT_EQ(lab.Propose(0, 1, 100).code, ProposeCode::kOk);
  EXPECT_EQ(lab.Propose(0, 2, 100).code, ProposeCode::kOk);
  EXPECT_EQ(lab.Propose(0, 3, 100).code, ProposeCode::kBusy);
  lab.Deliver();
  EXPECT_EQ(lab.Propose(0, 3, 100).code, ProposeCode::kOk);
}

TEST(RaftRules, Transfer_HandsOverToAFollowerThatHasEverything) {
  Lab lab(3);
  lab.Elect(0);
  lab.Propose(0, 1);
  EXPECT_FALSE(lab.core(0).Transfer(N(0)));
  EXPECT_TRUE(lab.core(0).Transfer(N(2)));
  EXPECT_EQ(lab.Propose(0, 2).code, ProposeCode::kBusy);
  lab.Deliver();
  EXPECT_EQ(lab.Leader(), 2)
      << "without waiting for a time-out, and through the others' stickiness";
  EXPECT_EQ(lab.core(2).term(), Term{2});
}

TEST(RaftRules, Transfer_IsGivenUpAfterAnElectionTime) {
  Lab lab(3);
  lab.Elect(0);
  lab.Propose(0, 1);
  lab.Drop(Lab::To(2));
  ASSERT_TRUE(lab.core(0).Transfer(N(2)));
  for (int i = 0; i < 21; ++i) {
    lab.Tick(0);
    lab.Drop(Lab::To(2));
    lab.Deliver(Lab::Between(0, 1));
    lab.Deliver(Lab::Between(1, 0));
  }
  EXPECT_EQ(lab.Propose(0, 2).code, ProposeCode::kOk);
}

TEST(RaftRules, ReadIndex_WaitsForTheOwnTermsFirstCommit) {
  Lab lab(3);
  for (int n = 0; n < 3; ++n) lab.Start(n, {3}, {1, 2, 3});
  lab.TimeOut(0);
  lab.Deliver([](const Message& m) { return As<VoteRequest>(m) || As<VoteResponse>(m); });
  ASSERT_EQ(lab.core(0).role(), RoleKind::kLeader);
  const auto appends = lab.Take([](const Message& m) { return As<AppendRequest>(m) != nullptr; });
  ASSERT_TRUE(lab.core(0).ReadIndex(5));
  lab.Settle(0);
  for (int i = 0; i < 6; ++i) {
    lab.Tick(0);
    lab.Deliver([](const Message& m) { return As<Heartbeat>(m) || As<HeartbeatResponse>(m); });
    lab.Take([](const Message& m) { return As<AppendRequest>(m) != nullptr; });
  }
  EXPECT_TRUE(lab.reads().empty()) << "it does not know yet how far its predecessor has committed";
  for (const Message& message : appends) lab.Step(static_cast<int>(message.to.value) - 1, message);
  lab.Deliver();
  lab.TickAll(4);
  ASSERT_EQ(lab.reads().size(), 1u);
  EXPECT_TRUE(lab.reads()[0].ok);
  EXPECT_GE(lab.reads()[0].index, Index{4});
}

TEST(RaftRules, ReadIndex_AloneIsAnsweredAfterTheNoOp) {
  Lab lab(1);
  lab.StartAll();
  ASSERT_TRUE(lab.core(0).ReadIndex(1));
  lab.Settle(0);
  ASSERT_EQ(lab.reads().size(), 1u);
  EXPECT_EQ(lab.reads()[0].index, Index{1});
  EXPECT_TRUE(lab.core(0).voted_for() == N(0));
}

TEST(RaftRules, SingleMember_CommitsOnlyWhatIsSynced) {
  Lab lab(1);
  lab.StartAll();
  ASSERT_EQ(lab.core(0).Propose(MakeCommand(0, 1)).code, ProposeCode::kOk);
  const Ready ready = lab.core(0).TakeReady();
  EXPECT_EQ(ready.entries.size(), 1u);
  EXPECT_TRUE(ready.committed.empty()) << "it is not on the disk yet";
  EXPECT_EQ(lab.core(0).commit(), Index{1});
  // Another comes while the first is being written.
  ASSERT_EQ(lab.core(0).Propose(MakeCommand(0, 2)).code, ProposeCode::kOk);
  lab.core(0).Advance();
  EXPECT_EQ(lab.core(0).commit(), Index{2});
  const Ready next = lab.core(0).TakeReady();
  EXPECT_EQ(next.committed.size(), 1u);
  lab.core(0).Advance();
}

TEST(RaftRules, Packing_StopsAtTheFirstEntryThatDoesNotFit) {
  RaftOptions options;
  options.max_append_bytes = 100;
  Lab lab(3, options);
  lab.Elect(0);
  for (const size_t bytes : {40, 40, 40, 300, 10, 10})
    lab.core(0).Propose(MakeCommand(0, 1, bytes));
  lab.Settle(0);
  std::vector<size_t> sizes;
  Index next{2};
  for (const Message& message : lab.wire())
    if (const auto* append = As<AppendRequest>(message); append && message.to == N(1)) {
      sizes.push_back(append->entries.size());
      for (const EntryPtr& entry : append->entries) {
        EXPECT_EQ(entry->index, next);
        next = Next(next);
      }
    }
  EXPECT_EQ(sizes, (std::vector<size_t>{2, 1, 1, 2}));
}

TEST(RaftRules, StaleRefusals_MoveNothing) {
  Lab lab(3);
  lab.Elect(0);
  for (int i = 0; i < 5; ++i) lab.Propose(0, i);
  lab.Deliver();
  ASSERT_EQ(lab.core(0).progress(N(1))->match, Index{6});
  lab.Step(0, {N(1), N(0), {1}, AppendResponse{{3}, false, {}, {1}, {1}}});
  EXPECT_EQ(lab.core(0).progress(N(1))->match, Index{6});
  EXPECT_EQ(lab.core(0).progress(N(1))->state, Progress::State::kReplicate);
}

TEST(RaftRules, Window_StopsAndReopens) {
  RaftOptions options;
  options.max_inflight = 2;
  options.max_append_entries = 1;
  Lab lab(3, options);
  lab.Elect(0);
  lab.Deliver();
  for (int i = 0; i < 5; ++i) lab.Propose(0, i);
  EXPECT_EQ(lab.Take(Lab::Of<AppendRequest>(0, 1)).size(), 2u) << "and they are lost";
  lab.Drop();
  lab.TickAll(6);
  EXPECT_EQ(lab.core(1).log().last(), Index{6});
  EXPECT_EQ(lab.core(1).commit(), Index{6});
}

TEST(RaftRules, Candidacy_ThatIsOverAsksForNothing) {
  Lab lab(3);
  lab.Start(0, {5}, {1, 3, 3});
  RaftCore& core = lab.core(0);
  while (core.role() == RoleKind::kFollower) core.Tick();
  const auto entry = std::make_shared<const Entry>(Entry{{2}, {5}, EntryKind::kNoOp, ""});
  core.Step({N(1), N(0), {5}, AppendRequest{{1}, {1}, {entry}, {0}}});
  for (const Message& message : core.TakeReady().messages)
    EXPECT_FALSE(As<VoteRequest>(message)) << "it would boast of entries that are replaced";
  core.Advance();
}

// Two requests are on their way; the older one arrives last.
TEST(RaftRules, Append_LateShorterRequestCutsNothingOff) {
  Lab lab(3);
  lab.Elect(0);
  lab.Propose(0, 1);
  lab.Propose(0, 2);
  auto requests = lab.Take(Lab::Of<AppendRequest>(0, 1));
  ASSERT_EQ(requests.size(), 2u);
  lab.Step(1, requests[0]);
  lab.Step(1, requests[1]);
  ASSERT_EQ(lab.core(1).log().last(), Index{3});
  lab.Step(1, requests[0]);
  EXPECT_EQ(lab.core(1).log().last(), Index{3});
}

TEST(RaftRules, Append_OverwriteWhileWritingIsNotCountedAsWritten) {
  Lab lab(3);
  lab.Start(1, {2}, {1});
  RaftCore& core = lab.core(1);
  const auto entry = [](uint64_t term) {
    return std::make_shared<const Entry>(Entry{{2}, {term}, EntryKind::kCommand, "x"});
  };
  core.Step({N(0), N(1), {2}, AppendRequest{{1}, {1}, {entry(2)}, {0}}});
  const Ready first = core.TakeReady();
  ASSERT_EQ(first.entries.size(), 1u);
  // While this is being written: another leader's entry, and then the first one's again.
  core.Step({N(2), N(1), {3}, AppendRequest{{1}, {1}, {entry(3)}, {0}}});
  core.Step({N(0), N(1), {4}, AppendRequest{{1}, {1}, {entry(2)}, {0}}});
  core.Advance();
  EXPECT_EQ(core.stable(), Index{1});
  const Ready second = core.TakeReady();
  EXPECT_EQ(second.entries.size(), 1u) << "it is written once more before it is acknowledged";
  core.Advance();
  EXPECT_EQ(core.stable(), Index{2});
}

}  // namespace
}  // namespace mr::raft::test
