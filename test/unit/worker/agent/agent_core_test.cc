#include <csignal>

#include "common/abi/mr_abi.h"
#include "test/unit/worker/agent/agent_core_fixture.h"

namespace mr::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(AgentCoreTest, Start_RegistersThenAsksForWorkAtOnce) {
  Step(Ticked{});
  ASSERT_TRUE(Sent<wire::RegisterRequest>());
  EXPECT_FALSE(Sent<wire::WorkRequest>());
  Register();
  const auto work = Sent<wire::WorkRequest>();
  ASSERT_TRUE(work);
  EXPECT_EQ(work->free_slots, 2u);
  EXPECT_TRUE(core_.registered());
}

TEST_F(AgentCoreTest, Register_RefusedForGoodEndsTheWorker) {
  Step(Ticked{});
  Note();
  Answer(Channel::kReport, wire::ErrorResponse{ErrorCode::kUnsupported, "protocol 2"});
  EXPECT_TRUE(HasExit(6));
}

TEST_F(AgentCoreTest, SendRefused_TriesAgainSoonWithTheSameId) {
  Step(Ticked{});
  const uint64_t id = All<SendRequest>().front().request_id;
  Step(SendRefused{Channel::kReport});
  EXPECT_LE(core_.NextDeadline() - clock_.Read().mono, milliseconds(1));
  After(1);
  ASSERT_EQ(All<SendRequest>().size(), 1u);
  EXPECT_EQ(All<SendRequest>().front().request_id, id);
}

TEST_F(AgentCoreTest, Lesson03_NoAnswerIsUnknown_SameRequestAgain) {
  Register();
  Run(Map(0));
  Step(TaskReported{0, Good(Map(0)), ""});
  const auto first = All<SendRequest>();
  ASSERT_EQ(first.size(), 1u);
  After(2000);
  const auto again = All<SendRequest>();
  ASSERT_FALSE(again.empty());
  EXPECT_EQ(again.front().request_id, first.front().request_id);
  EXPECT_TRUE(again.front().body == first.front().body);
}

TEST_F(AgentCoreTest, Work_AsksAgainAtOnceWhileSlotsAreFree) {
  Register();
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kAssigned, AssignmentOf(Map(0))});
  const auto next = Sent<wire::WorkRequest>();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->free_slots, 1u);
  EXPECT_THAT(next->accepted, ElementsAre(Map(0)));
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kAssigned, AssignmentOf(Map(1))});
  EXPECT_FALSE(Sent<wire::WorkRequest>());  // all slots are taken
}

TEST_F(AgentCoreTest, Work_NothingMeansAskAgain) {
  Register();
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kNothing, {}});
  EXPECT_TRUE(Sent<wire::WorkRequest>());
}

TEST_F(AgentCoreTest, Work_SameAssignmentTwiceRunsOnce) {
  Register();
  Run(Map(0));
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kAssigned, AssignmentOf(Map(0))});
  EXPECT_TRUE(All<StartAttempt>().empty());
}

TEST_F(AgentCoreTest, Lesson04_LeaveOnlyWhenTold) {
  Register();
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kNothing, {}});
  EXPECT_TRUE(All<Exit>().empty());
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kLeave, {}});
  EXPECT_TRUE(HasExit(0));
}

TEST_F(AgentCoreTest, Plugin_FetchedOnceForTwoAttempts) {
  Register();
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kAssigned, AssignmentOf(Map(0))});
  EXPECT_EQ(All<FetchPlugin>().size(), 1u);
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kAssigned, AssignmentOf(Map(1))});
  EXPECT_TRUE(All<FetchPlugin>().empty());
  Step(PluginArrived{"abc"});
  EXPECT_EQ(All<StartAttempt>().size(), 2u);
}

TEST_F(AgentCoreTest, Plugin_UnavailableFailsTheAttempt) {
  Register();
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kAssigned, AssignmentOf(Map(0))});
  Step(PluginUnavailable{"abc", Error{ErrorCode::kNotFound, "no such plugin"}});
  const auto report = Sent<wire::ReportRequest>();
  ASSERT_TRUE(report);
  ASSERT_EQ(report->outcomes.size(), 1u);
  EXPECT_EQ(report->outcomes.front().failure->cause, wire::FailureCause::kBadPlugin);
  EXPECT_EQ(core_.busy_slots(), 0u);
}

TEST_F(AgentCoreTest, Outcome_RepeatedUntilRecorded) {
  Register();
  Run(Map(0));
  Step(TaskReported{0, Good(Map(0)), ""});
  ASSERT_EQ(Sent<wire::ReportRequest>()->outcomes.size(), 1u);
  AnswerReport();  // does not record it
  After(500);
  ASSERT_EQ(Sent<wire::ReportRequest>()->outcomes.size(), 1u);
  AnswerReport({{Map(0)}, {}, {}, {}, {}, false, {}});
  After(500);
  EXPECT_THAT(Sent<wire::ReportRequest>()->outcomes, IsEmpty());
}

TEST_F(AgentCoreTest, Commit_AskedUntilGranted) {
  Register();
  const uint32_t slot = Run(Reduce(0));
  Step(TaskWantedCommit{slot, Reduce(0)});
  EXPECT_THAT(Sent<wire::ReportRequest>()->commit_requests, ElementsAre(Reduce(0)));
  AnswerReport();
  After(500);
  EXPECT_THAT(Sent<wire::ReportRequest>()->commit_requests, ElementsAre(Reduce(0)));
  AnswerReport({{}, {Reduce(0)}, {}, {}, {}, false, {}});
  ASSERT_EQ(All<GrantCommit>().size(), 1u);
  AnswerReport({{}, {Reduce(0)}, {}, {}, {}, false, {}});  // said twice: passed on once
  EXPECT_TRUE(All<GrantCommit>().empty());
}

TEST_F(AgentCoreTest, Cancel_KillsAndReportsCancelled) {
  Register();
  const uint32_t slot = Run(Map(0));
  After(500);
  Note();
  AnswerReport({{}, {}, {Map(0)}, {}, {}, false, {}});
  ASSERT_EQ(All<KillTask>().size(), 1u);
  DeathReport death;
  death.signalled = true;
  death.signal_number = SIGKILL;
  Step(TaskDied{slot, death, "", ""});
  const auto report = Sent<wire::ReportRequest>();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->outcomes.front().failure->cause, wire::FailureCause::kCancelled);
  EXPECT_EQ(All<DropAttempt>().size(), 1u);
}

TEST_F(AgentCoreTest, Fenced_RegistersAgainWithInventory) {
  Register();
  const uint32_t done = Run(Map(0));
  Step(TaskReported{done, Good(Map(0)), ""});
  Note();
  AnswerReport({{Map(0)}, {}, {}, {}, {}, false, {}});
  Run(Map(1));
  clock_.Advance(milliseconds(5000));
  Step(Ticked{});
  Note();
  Fence();
  const auto request = Sent<wire::RegisterRequest>();
  ASSERT_TRUE(request);
  EXPECT_THAT(request->running, ElementsAre(Map(1)));
  EXPECT_THAT(request->map_outputs, ElementsAre(Map(0)));
}

TEST_F(AgentCoreTest, Zombie_WhatTheNewSessionDoesNotKeepIsDroppedSilently) {
  Register();
  const uint32_t done = Run(Map(0));
  Step(TaskReported{done, Good(Map(0)), ""});
  Note();
  AnswerReport({{Map(0)}, {}, {}, {}, {}, false, {}});
  const uint32_t slot = Run(Map(1));
  clock_.Advance(milliseconds(5000));
  Step(Ticked{});
  Note();
  Fence();
  Note();
  Register();  // keeps nothing
  ASSERT_EQ(All<KillTask>().size(), 1u);
  ASSERT_EQ(All<DropAttempt>().size(), 1u);
  EXPECT_EQ(All<DropAttempt>().front().attempt, Map(0));
  Step(TaskDied{slot, DeathReport{}, "", ""});
  for (const SendRequest& send : All<SendRequest>()) {
    const auto* report = std::get_if<wire::ReportRequest>(&send.body);
    EXPECT_TRUE(report == nullptr || report->outcomes.empty());
  }
  EXPECT_EQ(core_.busy_slots(), 0u);
}

TEST_F(AgentCoreTest, Fenced_UnrecordedOutcomeSurvivesIfKept) {
  Register();
  Run(Map(0));
  Step(TaskReported{0, Good(Map(0)), ""});
  Note();
  clock_.Advance(milliseconds(1500));
  Fence();
  EXPECT_THAT(Sent<wire::RegisterRequest>()->running, ElementsAre(Map(0)));
  wire::RegisterResponse response;
  response.keep_running = {Map(0)};
  Register(response);
  EXPECT_EQ(Sent<wire::ReportRequest>()->outcomes.size(), 1u);
}

TEST_F(AgentCoreTest, Fenced_AgainAndAgainMeansSomebodyElseHasTheName) {
  Register();
  for (int round = 0; round < 5 && !HasExit(6); ++round) {
    After(500);
    Note();
    Fence();
    if (HasExit(6)) break;
    After(300);
    Register();
  }
  EXPECT_TRUE(HasExit(6));
}

TEST_F(AgentCoreTest, Timeout_AsksForStackThenKills) {
  Register();
  const uint32_t slot = Run(Map(0));
  TaskObserved seen;
  seen.slot = slot;
  seen.beat = 5;
  clock_.Advance(milliseconds(20'000));
  Step(seen);
  Note();
  AnswerReport();
  for (int second = 0; second < 59; ++second) {  // 59 s without a beat
    After(1000);
    Note();
    EXPECT_TRUE(All<AskForStack>().empty());
    AnswerReport();
  }
  After(1000);
  Note();
  EXPECT_EQ(All<AskForStack>().size(), 1u);
  EXPECT_TRUE(All<KillTask>().empty());
  After(500);
  EXPECT_EQ(All<KillTask>().size(), 1u);
  DeathReport death;
  death.phase = MR_PHASE_MAP;
  death.record_no = 17;
  Step(TaskDied{slot, death, "", ""});
  Note();
  AnswerReport();  // of the heartbeat before: the next one goes at once
  const auto report = Sent<wire::ReportRequest>();
  ASSERT_TRUE(report);
  const wire::Failure& failure = *report->outcomes.front().failure;
  EXPECT_EQ(failure.cause, wire::FailureCause::kTimeout);
  EXPECT_EQ(failure.record_no, 17u);
  EXPECT_THAT(failure.message, HasSubstr("map() made no progress for 60 s"));
}

// A file system may hang in the rename as well as anywhere else.
TEST_F(AgentCoreTest, Timeout_WhilePublishing) {
  Register();
  const uint32_t slot = Run(Reduce(0));
  Step(TaskWantedCommit{slot, Reduce(0)});
  Note();
  wire::ReportResponse granted;
  granted.commit_granted = {Reduce(0)};
  AnswerReport(granted);
  ASSERT_EQ(All<GrantCommit>().size(), 1u);
  for (int second = 0; second < 59; ++second) {
    After(1000);
    Note();
    EXPECT_TRUE(All<AskForStack>().empty());
    AnswerReport();
  }
  After(1000);
  EXPECT_EQ(All<AskForStack>().size(), 1u);
}

TEST_F(AgentCoreTest, Timeout_NotWhileWaitingForTheCommit) {
  Register();
  const uint32_t slot = Run(Reduce(0));
  Step(TaskWantedCommit{slot, Reduce(0)});
  for (int second = 0; second < 90; ++second) {
    Note();
    AnswerReport();
    After(1000);
    EXPECT_TRUE(All<AskForStack>().empty());
  }
}

TEST_F(AgentCoreTest, WideTask_OccupiesItsSlotsAndGetsTheirMemory) {
  Register();
  wire::Assignment wide = AssignmentOf(Map(0));
  wide.config.slots_per_task = 2;
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kAssigned, wide});
  Step(PluginArrived{"abc"});
  ASSERT_EQ(All<StartAttempt>().size(), 1u);
  EXPECT_EQ(All<StartAttempt>().front().memory_limit_bytes, 2000u);
  EXPECT_EQ(core_.busy_slots(), 2u);
  Note();
  After(100);
  EXPECT_FALSE(Sent<wire::WorkRequest>()) << "no slot is free";
  Step(TaskReported{0, Good(Map(0)), ""});
  EXPECT_EQ(core_.busy_slots(), 0u);
}

TEST_F(AgentCoreTest, WideTask_WithoutEnoughFreeSlotsIsRefused) {
  Register();
  Run(Map(0));
  wire::Assignment wide = AssignmentOf(Map(1));
  wide.config.slots_per_task = 2;
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kAssigned, wide});
  EXPECT_THAT(All<StartAttempt>(), IsEmpty());
  const auto report = Sent<wire::ReportRequest>();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->outcomes.front().failure->cause, wire::FailureCause::kInternal);
}

TEST_F(AgentCoreTest, Memory_OverTheLimitIsKilledWithBothNumbers) {
  Register();
  const uint32_t slot = Run(Map(0));
  EXPECT_EQ(All<StartAttempt>().front().memory_limit_bytes, 1000u);  // its slot's share
  TaskObserved seen;
  seen.slot = slot;
  seen.memory_bytes = 1001;
  Step(seen);
  EXPECT_EQ(All<AskForStack>().size(), 1u);
  Step(TaskDied{slot, DeathReport{}, "", ""});
  const auto report = Sent<wire::ReportRequest>();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->outcomes.front().failure->cause, wire::FailureCause::kMemory);
  EXPECT_THAT(report->outcomes.front().failure->message, HasSubstr("peak was 1001 B, its limit is 1000 B (this worker's default"));
}

TEST_F(AgentCoreTest, Drain_TakesNoWorkFinishesAndLeaves) {
  Register();
  const uint32_t slot = Run(Map(0));
  Step(StopRequested{});
  EXPECT_TRUE(Sent<wire::ReportRequest>()->draining);
  EXPECT_TRUE(All<Exit>().empty());
  // Work that was on its way is handed back.
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kAssigned, AssignmentOf(Map(1))});
  EXPECT_TRUE(All<StartAttempt>().empty());
  AnswerReport();
  const auto handed_back = Sent<wire::ReportRequest>();
  ASSERT_TRUE(handed_back);
  EXPECT_EQ(handed_back->outcomes.front().failure->cause, wire::FailureCause::kWorkerStopping);
  AnswerReport({{Map(1)}, {}, {}, {}, {}, false, {}});
  Step(TaskReported{slot, Good(Map(0)), ""});
  EXPECT_TRUE(All<Exit>().empty());  // its outcome is still owed
  Note();
  EXPECT_FALSE(Sent<wire::ReportRequest>()->leaving);
  AnswerReport({{Map(0)}, {}, {}, {JobId{1}}, {}, false, {}});  // nobody needs its output any more
  const auto farewell = Sent<wire::ReportRequest>();
  ASSERT_TRUE(farewell);
  EXPECT_TRUE(farewell->leaving);
  EXPECT_TRUE(All<Exit>().empty());
  AnswerReport();
  EXPECT_TRUE(HasExit(0));
}

TEST_F(AgentCoreTest, Drain_FarewellThatNobodyAnswersHoldsNothingUp) {
  Register();
  Step(StopRequested{});
  const auto farewell = Sent<wire::ReportRequest>();
  ASSERT_TRUE(farewell);
  EXPECT_TRUE(farewell->leaving);
  After(500);
  EXPECT_TRUE(HasExit(0));
}

TEST_F(AgentCoreTest, Drain_TimeoutHandsBackWhatRuns) {
  Register();
  const uint32_t slot = Run(Map(0));
  Step(StopRequested{});
  Note();
  AnswerReport();
  After(5000);
  EXPECT_EQ(All<KillTask>().size(), 1u);
  Note();
  AnswerReport();
  Step(TaskDied{slot, DeathReport{}, "", ""});
  EXPECT_EQ(Sent<wire::ReportRequest>()->outcomes.front().failure->cause,
            wire::FailureCause::kWorkerStopping);
  AnswerReport({{Map(0)}, {}, {}, {}, {}, false, {}});
  AnswerReport();
  EXPECT_TRUE(HasExit(0));
}

// Coordinator and worker are stopped together: nobody takes the last outcome.
TEST_F(AgentCoreTest, Drain_WithoutCoordinatorDoesNotWaitForIt) {
  Register();
  const uint32_t slot = Run(Map(0));
  Step(StopRequested{});
  After(3000);
  Step(TaskReported{slot, Good(Map(0)), ""});
  After(999);
  EXPECT_TRUE(All<Exit>().empty());
  After(1);
  EXPECT_TRUE(HasExit(0));
}

TEST_F(AgentCoreTest, Drain_WithoutCoordinatorStillLetsUserCodeFinish) {
  Register();
  Run(Map(0));
  Step(StopRequested{});
  After(4500);
  EXPECT_TRUE(All<Exit>().empty());
}

// Reducers of other workers may still fetch what lies here: until the coordinator says that the job has ended.
TEST_F(AgentCoreTest, Drain_ServesItsMapOutputsUntilTheirJobEnds) {
  Register();
  const uint32_t slot = Run(Map(0));
  Step(TaskReported{slot, Good(Map(0)), ""});
  Note();
  AnswerReport({{Map(0)}, {}, {}, {}, {}, false, {}});
  Step(StopRequested{});
  for (int beat = 0; beat < 4; ++beat) {
    const auto report = Sent<wire::ReportRequest>();
    ASSERT_TRUE(report) << beat;
    EXPECT_FALSE(report->leaving) << beat;
    AnswerReport();
    EXPECT_TRUE(All<Exit>().empty()) << beat;
    After(500);
  }
  Note();
  AnswerReport({{}, {}, {}, {JobId{1}}, {}, false, {}});
  const auto farewell = Sent<wire::ReportRequest>();
  ASSERT_TRUE(farewell);
  EXPECT_TRUE(farewell->leaving);
  AnswerReport();
  EXPECT_TRUE(HasExit(0));
}

TEST_F(AgentCoreTest, Drain_ServesItsMapOutputsNoLongerThanTheTimeout) {
  Register();
  const uint32_t slot = Run(Map(0));
  Step(TaskReported{slot, Good(Map(0)), ""});
  Note();
  AnswerReport({{Map(0)}, {}, {}, {}, {}, false, {}});
  Step(StopRequested{});
  Note();
  AnswerReport();
  for (int beat = 0; beat < 9; ++beat) {
    After(500);
    ASSERT_FALSE(Sent<wire::ReportRequest>()->leaving) << beat;
    AnswerReport();
  }
  After(500);  // 5 s: --drain-timeout
  const auto farewell = Sent<wire::ReportRequest>();
  ASSERT_TRUE(farewell);
  EXPECT_TRUE(farewell->leaving);
}

TEST_F(AgentCoreTest, Drain_ServesNothingForACoordinatorThatIsSilent) {
  Register();
  const uint32_t slot = Run(Map(0));
  Step(TaskReported{slot, Good(Map(0)), ""});
  Note();
  AnswerReport({{Map(0)}, {}, {}, {}, {}, false, {}});
  Step(StopRequested{});
  After(1499);
  EXPECT_TRUE(All<Exit>().empty());
  After(1);
  After(500);
  EXPECT_TRUE(HasExit(0));
}

TEST_F(AgentCoreTest, Stop_TwiceLeavesAtOnce) {
  Register();
  Run(Map(0));
  Step(StopRequested{});
  Step(StopRequested{});
  EXPECT_TRUE(HasExit(0));
}

TEST_F(AgentCoreTest, TimeoutsChanged_HoldFromThenOn) {
  Register();
  Step(TimeoutsChanged{1000, 40'000});
  After(39'999);
  EXPECT_TRUE(All<Exit>().empty());
  After(1);
  EXPECT_TRUE(HasExit(7));
}

TEST_F(AgentCoreTest, TimeoutsChanged_LeaveAStopThatHasBegunItsTime) {
  Register();
  const uint32_t slot = Run(Map(0));
  Step(TaskReported{slot, Good(Map(0)), ""});
  Note();
  AnswerReport({{Map(0)}, {}, {}, {}, {}, false, {}});
  Step(StopRequested{});
  Note();
  AnswerReport();
  Step(TimeoutsChanged{1000, 40'000});
  for (int beat = 0; beat < 9; ++beat) {
    After(500);
    ASSERT_FALSE(Sent<wire::ReportRequest>()->leaving) << beat;
    AnswerReport();
  }
  After(500);  // 5 s: the old --drain-timeout
  EXPECT_TRUE(Sent<wire::ReportRequest>()->leaving);
}

TEST_F(AgentCoreTest, DeathTimeout_ExitsWithSeven) {
  Register();
  After(29'999);
  EXPECT_TRUE(All<Exit>().empty());
  After(1);
  EXPECT_TRUE(HasExit(7));
}

TEST_F(AgentCoreTest, Scratch_FullTakesNoWork) {
  Register();
  Step(ScratchObserved{0});
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kNothing, {}});
  EXPECT_FALSE(Sent<wire::WorkRequest>());
  Step(ScratchObserved{1 << 20});
  EXPECT_TRUE(Sent<wire::WorkRequest>());
}

TEST_F(AgentCoreTest, Scratch_FullIsSaidAndWorkOnItsWayIsHandedBack) {
  Register();
  Step(ScratchObserved{0});
  EXPECT_FALSE(core_.takes_work());
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kAssigned, AssignmentOf(Map(0))});
  EXPECT_TRUE(All<FetchPlugin>().empty());
  const auto report = Sent<wire::ReportRequest>();
  ASSERT_TRUE(report);
  EXPECT_THAT(report->trouble, HasSubstr("--scratch-reserve"));
  ASSERT_EQ(report->outcomes.size(), 1u);
  EXPECT_EQ(report->outcomes.front().failure->cause, wire::FailureCause::kDiskFull);
  Step(ScratchObserved{1});
  EXPECT_TRUE(core_.takes_work());
}

// A disk may damage a plugin long after it was stored: each job looks once.
TEST_F(AgentCoreTest, Plugin_IsLookedAtAnewForEachJob) {
  Register();
  Run(Map(0));
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kAssigned, AssignmentOf(Map(1))});
  EXPECT_TRUE(All<FetchPlugin>().empty());
  EXPECT_EQ(All<StartAttempt>().size(), 1u);
  Step(TaskReported{0, Good(Map(0)), ""});
  Note();
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kAssigned, AssignmentOf(Map(0, 2))});
  EXPECT_EQ(All<FetchPlugin>().size(), 1u);
  EXPECT_TRUE(All<StartAttempt>().empty());
}

TEST_F(AgentCoreTest, Log_LastWordsTravelWithTheOutcome) {
  Register();
  Run(Map(0));
  Step(TaskReported{0, Good(Map(0)), "bye\n"});
  const auto report = Sent<wire::ReportRequest>();
  ASSERT_EQ(report->progress.size(), 1u);
  EXPECT_EQ(report->progress.front().log_bytes, "bye\n");
}

}  // namespace
}  // namespace mr::worker
