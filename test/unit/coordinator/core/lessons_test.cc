// The lessons that touch the coordinator's core; the numbers are those of the list of lessons.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/unit/coordinator/support/script.h"

namespace mr::coordinator {
namespace {

using test::Script;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string RunAll(Script& script, std::initializer_list<const char*> lines) {
  std::string last;
  for (const char* line : lines) last = script.Run(line);
  return last;
}

// An answer that was lost means unknown: the same request again has the effect of one.
TEST(Lesson03, LostReply_OfEachRequest_TakesEffectOnce) {
  for (const char* lost : {"submit maps=1 reducers=1", "register w1", "work w1",
                           "report w1 done=j1-m0.0", "work w1", "report w1 commit=j1-r0.0",
                           "report w1 done=j1-r0.0", "work w1", "report w1 done=j1-c0.0"}) {
    Script script;
    script.Run("plugin");
    for (const std::string line : {"submit maps=1 reducers=1", "register w1", "work w1",
                                   "report w1 done=j1-m0.0", "work w1", "report w1 commit=j1-r0.0",
                                   "report w1 done=j1-r0.0", "work w1", "report w1 done=j1-c0.0"}) {
      const std::string first = script.Run(line);
      if (line != lost) continue;
      const std::string again = script.Run(line + " same");
      EXPECT_THAT(again, Not(HasSubstr("+ "))) << line;  // nothing more to record
      EXPECT_THAT(first, HasSubstr(again.substr(0, again.find('\n')))) << line;
    }
    EXPECT_THAT(script.Run("jobs"), HasSubstr("j1 succeeded: map 1/1 reduce 1/1")) << lost;
    EXPECT_THAT(script.invariants().problems(), IsEmpty());
  }
}

// Nothing to do now is not the end: a worker that waits is given the work of one that died.
TEST(Lesson04, WorkerOfTheLastMapDies_JobCompletes) {
  Script script;
  RunAll(script, {"plugin", "submit maps=1 reducers=1", "register w1", "register w2", "work w1"});

  EXPECT_THAT(RunAll(script, {"report w1 running=j1-m0.0", "work w2 hold=0ms"}),
              HasSubstr("nothing"));
  RunAll(script, {"advance 6s", "report w2", "advance 6s"});

  EXPECT_THAT(script.Run("work w2"), HasSubstr("assigned j1-m0.1"));
}

TEST(Lesson04, WorkerOfTheLastReduceDies_JobCompletes) {
  Script script;
  RunAll(script, {"plugin", "submit maps=1 reducers=1", "register w1", "register w2", "work w2",
                  "report w2 done=j1-m0.0", "work w1", "report w1 running=j1-r0.0"});

  EXPECT_THAT(script.Run("work w2 hold=0ms"), HasSubstr("nothing"));
  RunAll(script, {"advance 6s", "report w2", "advance 6s"});

  EXPECT_THAT(script.Run("work w2"), HasSubstr("assigned j1-r0.1"));
  RunAll(script, {"report w2 commit=j1-r0.1", "report w2 done=j1-r0.1", "work w2",
                  "report w2 done=j1-c0.0"});
  EXPECT_THAT(script.Run("jobs"), HasSubstr("j1 succeeded"));
}

TEST(Lesson04, NobodyIsToldToLeave_WhileAJobIsActive) {
  Script script;
  RunAll(script, {"set exit_when_idle=1s", "plugin", "submit maps=1 reducers=1", "register w1"});
  EXPECT_THAT(RunAll(script, {"work w1", "report w1 running=j1-m0.0", "advance 5s"}),
              Not(HasSubstr("stop")));
  EXPECT_THAT(script.Run("work w1 accepted=j1-m0.0 hold=0ms"), HasSubstr("nothing"));
}

// A closed set of messages: what the core does not serve is refused in words.
TEST(Lesson08, RequestOfTheServer_IsRefused) {
  Script script;
  wire::Request request;
  request.body = wire::PutBlobRequest{};
  const Actions actions = script.core().Step(ManualClock().Read(), RequestReceived{"c", request});
  ASSERT_EQ(actions.replies.size(), 1u);
  EXPECT_EQ(std::get<wire::ErrorResponse>(actions.replies[0].response.body).code,
            ErrorCode::kUnsupported);
}

TEST(Lesson08, OtherProtocolVersion_IsRefusedNamingBoth) {
  Script script;
  wire::Request request;
  request.protocol = 99;
  request.body = wire::GetClusterRequest{};
  const Actions actions = script.core().Step(ManualClock().Read(), RequestReceived{"c", request});
  EXPECT_THAT(std::get<wire::ErrorResponse>(actions.replies[0].response.body).text,
              HasSubstr("99"));
}

// Nothing of an earlier answer or session shows in a later one.
TEST(Lesson15, SecondRegistration_KeepsNothingOfTheFirst) {
  Script script;
  RunAll(script, {"plugin", "submit maps=2 reducers=1", "register w1 slots=8", "work w1",
                  "report w1 draining"});

  EXPECT_THAT(script.Run("register w1 slots=1"), Not(HasSubstr("keep")));

  const wire::WorkerView worker = script.core().ClusterView().workers.at(0);
  EXPECT_EQ(worker.slots, 1u);
  EXPECT_EQ(worker.busy, 0u);
  EXPECT_FALSE(worker.draining);
}

TEST(CoordinatorCore, Stalled_HearsItsWorkersBeforeBuryingThem) {
  Script script;
  RunAll(script, {"plugin", "register w1"});
  ManualClock clock;
  clock.Advance(
      std::chrono::seconds(60));  // the coordinator itself stood still: no tick came for a minute
  (void)script.core().Step(clock.Read(), Tick{});
  EXPECT_TRUE(script.core().ClusterView().workers.at(0).alive);
  for (int i = 0; i < 6; ++i) {
    clock.Advance(std::chrono::seconds(1));
    (void)script.core().Step(clock.Read(), Tick{});
  }
  EXPECT_FALSE(script.core().ClusterView().workers.at(0).alive);
}

TEST(CoordinatorCore, StaleEpoch_IsFenced) {
  Script script;
  script.Run("register w1");
  wire::Request request;
  request.epoch = 99;
  request.body = wire::ReportRequest{};
  const Actions actions = script.core().Step(ManualClock().Read(), RequestReceived{"w1", request});
  EXPECT_EQ(std::get<wire::ErrorResponse>(actions.replies[0].response.body).code,
            ErrorCode::kFenced);
}

// Map outputs that stay on one host are not compressed, unless the user chose a codec.
TEST(CoordinatorCore, AutoCodec_IsNoneWhileAllWorkersShareAHost) {
  const auto codec_of_next_map = [](Script& script, uint64_t worker) {
    wire::Request request;
    request.client = worker;
    request.request_id = 1000;
    wire::WorkRequest work;
    work.worker = {WorkerId{worker}, SessionId{worker}};
    work.free_slots = 1;
    request.body = work;
    const Actions actions = script.core().Step(ManualClock().Read(), RequestReceived{"c", request});
    const auto& response = std::get<wire::WorkResponse>(actions.replies.at(0).response.body);
    return response.assignment.value().config.shuffle_codec;
  };
  Script script;
  RunAll(script, {"plugin", "submit maps=3 reducers=1", "register w1 host=one", "register w2 host=one"});
  EXPECT_EQ(codec_of_next_map(script, 1), wire::Compression::kNone);
  EXPECT_EQ(codec_of_next_map(script, 2), wire::Compression::kNone);
  script.Run("register w3 host=two");
  EXPECT_EQ(codec_of_next_map(script, 3), wire::Compression::kAuto);
}

}  // namespace
}  // namespace mr::coordinator
