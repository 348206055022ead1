// mrsubmit gc on a worker: what of its scratch directory belongs to nobody.
#include "test/unit/worker/agent/agent_core_fixture.h"

namespace mr::worker {
namespace {

using ::testing::ElementsAre;

TEST_F(AgentCoreTest, Sweep_RemovesWhatNobodyOwns) {
  Register();
  const uint32_t done = Run(Map(0));
  Step(TaskReported{done, Good(Map(0)), ""});  // its output is recorded below
  Note();
  wire::ReportResponse sweep;
  sweep.recorded = {Map(0)};
  sweep.sweep = true;
  AnswerReport(sweep);
  EXPECT_EQ(All<ListScratch>().size(), 1u);
  Run(Map(1));  // while the directory is listed
  Step(ScratchListed{{"j1-m0.0@7.run", "j1-m1.0@7.run", "j1-m0.0@6.run", "j1-m0.01@7.run", "j9-m0.0@7.run"},
                     {"j1-m1.0@7", "j1-m2.0@7", "j1-workdir", "j2-workdir", "core"},
                     {"abc.so", "abd.so", "abd.so.new"}});
  const auto removed = All<RemoveLeftovers>();
  ASSERT_EQ(removed.size(), 1u);
  EXPECT_THAT(removed[0].names.map_outputs, ElementsAre("j1-m0.0@6.run", "j1-m0.01@7.run", "j9-m0.0@7.run"));
  EXPECT_THAT(removed[0].names.attempts, ElementsAre("j1-m2.0@7", "core"));
  EXPECT_THAT(removed[0].names.plugins, ElementsAre("abd.so", "abd.so.new"));
}

TEST_F(AgentCoreTest, Sweep_KeepsWhatIsOwedAndWhatIsFetched) {
  Register();
  const uint32_t slot = Run(Map(0));
  Step(TaskReported{slot, Good(Map(0)), ""});  // not recorded yet
  Note();
  Step(ScratchListed{{"j1-m0.0@7.run"}, {}, {}});
  EXPECT_TRUE(All<RemoveLeftovers>().empty());
}

TEST_F(AgentCoreTest, Sweep_OfAPlugin_FetchesItAgain) {
  Register();
  const uint32_t slot = Run(Map(0));
  Step(TaskReported{slot, Good(Map(0)), ""});
  Note();
  AnswerReport({});
  Step(ScratchListed{{}, {}, {"abc.so"}});
  EXPECT_EQ(All<RemoveLeftovers>().size(), 1u) << "no attempt uses it now";
  Note();
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kAssigned, AssignmentOf(Map(1))});
  EXPECT_EQ(All<FetchPlugin>().size(), 1u);
  Step(ScratchListed{{}, {}, {"abc.so", "abc.so.new"}});
  const auto removed = All<RemoveLeftovers>();
  ASSERT_EQ(removed.size(), 1u);
  EXPECT_THAT(removed[0].names.plugins, ElementsAre("abc.so.new")) << "it may have just arrived";
}

}  // namespace
}  // namespace mr::worker
