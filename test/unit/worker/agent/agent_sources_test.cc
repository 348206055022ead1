// Reduces that fetch while maps run: how a worker asks what has become of map outputs, and passes it on.
#include "test/unit/worker/agent/agent_core_fixture.h"

namespace mr::worker {
namespace {

TEST_F(AgentCoreTest, Sources_AskedForUntilAllAreFetched) {
  Register();
  const uint32_t first = Run(Reduce(0));
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kAssigned, AssignmentOf(Reduce(1))});
  auto asked = Sent<wire::WorkRequest>();
  ASSERT_TRUE(asked) << "without a free slot too: two reduces wait";
  EXPECT_EQ(asked->free_slots, 0u);
  ASSERT_EQ(asked->waiting.size(), 2u);
  EXPECT_EQ(asked->waiting[0].attempt, Reduce(0));
  EXPECT_EQ(asked->waiting[0].position, 0u);

  wire::SourceUpdate update{Reduce(0), 5, {}, {3}, true};
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kNothing, {}, {update}});
  ASSERT_EQ(All<PassSources>().size(), 1u);
  EXPECT_EQ(All<PassSources>()[0].slot, first);
  asked = Sent<wire::WorkRequest>();
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->waiting[0].position, 5u);
  EXPECT_EQ(asked->waiting[1].position, 0u);

  Step(TaskFetchedSources{first, Reduce(0)});
  Answer(Channel::kWork, wire::WorkResponse{});
  asked = Sent<wire::WorkRequest>();
  ASSERT_TRUE(asked);
  ASSERT_EQ(asked->waiting.size(), 1u);
  EXPECT_EQ(asked->waiting[0].attempt, Reduce(1));
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kNothing, {}, {update}});
  EXPECT_TRUE(All<PassSources>().empty()) << "it has all";
}

TEST_F(AgentCoreTest, Sources_ANewSessionCountsFromTheBeginning) {
  Register();
  Run(Reduce(0));
  Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kNothing, {}, {{Reduce(0), 5, {}, {}, false}}});
  EXPECT_EQ(Sent<wire::WorkRequest>()->waiting.at(0).position, 5u);
  Answer(Channel::kWork, wire::ErrorResponse{ErrorCode::kFenced, "unknown session"});
  After(300);
  const auto session = Sent<wire::RegisterRequest>();
  ASSERT_TRUE(session);
  wire::RegisterResponse again;
  again.worker = WorkerRef{WorkerId{1}, SessionId{9}};
  again.keep_running = {Reduce(0)};
  Answer(Channel::kReport, again);
  const auto asked = Sent<wire::WorkRequest>();
  ASSERT_TRUE(asked);
  ASSERT_EQ(asked->waiting.size(), 1u);
  EXPECT_EQ(asked->waiting[0].position, 0u);
}

}  // namespace
}  // namespace mr::worker
