// How the agent's core keeps processes and map outputs of jobs, and lets them go.
#include "test/unit/worker/agent/agent_core_fixture.h"

namespace mr::worker {
namespace {

TEST_F(AgentCoreTest, Slot_ProcessIsReusedForTheSameJobOnly) {
  Register();
  const uint32_t slot = Run(Map(0));
  Step(TaskReported{slot, Good(Map(0)), ""});
  Note();
  AnswerReport({{Map(0)}, {}, {}, {}, {}, false, {}});
  Run(Map(1));
  EXPECT_TRUE(All<StartAttempt>().front().reuse);
  EXPECT_EQ(All<StartAttempt>().front().slot, slot);
  Step(TaskReported{slot, Good(Map(1)), ""});
  Note();
  Run(Map(0, 2));
  EXPECT_FALSE(All<StartAttempt>().front().reuse);
}

TEST_F(AgentCoreTest, Slot_ProcessOfTheOldPluginIsNotReused) {
  Register();
  const uint32_t slot = Run(Map(0));
  Step(TaskReported{slot, Good(Map(0)), ""});
  Note();
  AnswerReport({{Map(0)}, {}, {}, {}, {}, false, {}});
  wire::Assignment changed = AssignmentOf(Map(1));
  changed.config.plugin_sha256 = "def";
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kAssigned, changed});
  Step(PluginArrived{"def"});
  ASSERT_EQ(All<StartAttempt>().size(), 1u);
  EXPECT_FALSE(All<StartAttempt>().front().reuse);
  EXPECT_EQ(All<StopTask>().size(), 1u);
}

TEST_F(AgentCoreTest, Slot_ProcessOfAFailedAttemptIsNotReused) {
  Register();
  Run(Map(0));
  wire::AttemptOutcome failed;
  failed.attempt = Map(0);
  failed.failure = wire::Failure{};
  Step(TaskReported{0, failed, ""});
  EXPECT_EQ(All<StopTask>().size(), 1u);
}

TEST_F(AgentCoreTest, EndedJob_DropsOutputsAndIdleProcesses) {
  Register();
  const uint32_t slot = Run(Map(0));
  Step(TaskReported{slot, Good(Map(0)), ""});
  Note();
  AnswerReport({{Map(0)}, {}, {}, {JobId{1}}, {}, false, {}});
  EXPECT_THAT(Text(), ::testing::IsSupersetOf({StrCat("stop the idle process of slot ", slot),
                                               std::string("drop j1")}));
}

TEST_F(AgentCoreTest, KeptJob_LosesItsProcessesButNotItsOutputs) {
  Register();
  const uint32_t slot = Run(Map(0));
  Step(TaskReported{slot, Good(Map(0)), ""});
  Note();
  wire::ReportResponse kept;
  kept.recorded = {Map(0)};
  kept.kept_jobs = {JobId{1}};
  AnswerReport(kept);
  EXPECT_EQ(All<StopTask>().size(), 1u);
  EXPECT_EQ(All<DropJob>().size(), 0u);
  After(5000);
  Note();
  Fence();
  const auto inventory = Sent<wire::RegisterRequest>();
  ASSERT_TRUE(inventory.has_value());
  EXPECT_THAT(inventory->map_outputs, ::testing::ElementsAre(Map(0)));
  wire::RegisterResponse keep;
  keep.keep_outputs = {Map(0)};
  Register(keep);
  EXPECT_EQ(All<DropAttempt>().size(), 0u);
}

}  // namespace
}  // namespace mr::worker
