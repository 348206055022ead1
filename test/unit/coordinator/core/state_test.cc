#include "coordinator/core/state.h"

#include <gtest/gtest.h>

#include "test/unit/coordinator/support/script.h"

namespace mr::coordinator {
namespace {

using test::MakeSpec;
using test::MakeSuccess;
using test::PluginHash;

AttemptId Id(Phase phase, uint32_t index, uint32_t number) {
  return {{JobId{1}, phase, index}, number, 1};
}

wire::Record Map(uint32_t index, uint32_t number) {
  const AttemptId id = Id(Phase::kMap, index, number);
  return {
      wire::MapCompleted{id, {}, std::get<wire::MapResult>(*MakeSuccess(id, 1).result), {}, {}}};
}

class StateTest : public testing::Test {
 protected:
  StateTest() {
    Accept({wire::PluginStored{PluginHash(), 10}});
    Accept({wire::JobSubmitted{JobId{1}, 7, 8, 1000, MakeSpec(2, 1)}});
  }
  void Accept(const wire::Record& record) {
    const Status valid = Validate(state_, record);
    ASSERT_TRUE(valid.has_value()) << valid.error().text;
    Apply(state_, record);
  }
  void Refuse(const wire::Record& record) { EXPECT_FALSE(Validate(state_, record).has_value()); }
  State state_;
};

TEST_F(StateTest, JobSubmitted_MakesThePlanAndRemembersTheRequest) {
  EXPECT_EQ(state_.jobs.at(JobId{1}).plan.size(), 2u);
  EXPECT_EQ(state_.by_request.at({7, 8}), JobId{1});
  Refuse({wire::JobSubmitted{JobId{3}, 7, 9, 1000, MakeSpec(2, 1)}});
}

TEST_F(StateTest, MapCompleted_OneWinnerUntilItsOutputIsLost) {
  Accept(Map(0, 0));
  Refuse(Map(0, 1));
  Refuse({wire::MapOutputLost{Id(Phase::kMap, 0, 1), ""}});
  Accept({wire::MapOutputLost{Id(Phase::kMap, 0, 0), ""}});
  Accept(Map(0, 1));
  EXPECT_EQ(state_.jobs.at(JobId{1}).maps_completed, 1u);
}

TEST_F(StateTest, MapCompleted_WrongPartitionCount_IsRefused) {
  Refuse({wire::MapCompleted{Id(Phase::kMap, 0, 0), {}, {}, {}, {}}});
}

TEST_F(StateTest, Commit_OnlyTheGrantedAttempt) {
  const AttemptId first = Id(Phase::kReduce, 0, 0);
  const AttemptId second = Id(Phase::kReduce, 0, 1);
  Refuse({wire::ReduceCommitted{first, {}, {}, {}}});
  Accept({wire::CommitGrantedRecord{first, {}}});
  Refuse({wire::CommitGrantedRecord{second, {}}});
  Refuse({wire::ReduceCommitted{second, {}, {}, {}}});
  Refuse({wire::CommitRevoked{second}});
  Accept({wire::CommitRevoked{first}});
  Accept({wire::CommitGrantedRecord{second, {}}});
  Accept({wire::ReduceCommitted{second, {}, {}, {}}});
  Refuse({wire::CommitRevoked{second}});
  Refuse({wire::CommitGrantedRecord{Id(Phase::kMap, 0, 0), {}}});
}

TEST_F(StateTest, JobPaused_OnlyWhereAskedForAndOnce) {
  const AttemptId first = Id(Phase::kMap, 0, 0);
  Accept({wire::AttemptFailed{first, "w1", {}, 5}});
  Refuse({wire::JobPaused{JobId{1}, first.task, "it was not asked to pause"}});

  wire::JobSpec spec = MakeSpec(2, 1);
  spec.config.on_failure = wire::OnFailure::kPause;
  Accept({wire::JobSubmitted{JobId{2}, 7, 9, 1000, spec}});
  const TaskId task{JobId{2}, Phase::kMap, 0};
  Refuse({wire::JobPaused{JobId{2}, task, "nothing has failed"}});
  Accept({wire::AttemptFailed{{task, 0, 1}, "w1", {}, 5}});
  Refuse({wire::JobPaused{JobId{2}, first.task, "another job's task"}});
  Accept({wire::JobPaused{JobId{2}, task, "it failed"}});
  EXPECT_TRUE(state_.jobs.at(JobId{2}).paused());
  Refuse({wire::JobPaused{JobId{2}, task, "twice"}});
}

// A backup attempt was running when the job paused. What is written then must be read again.
TEST_F(StateTest, Snapshot_OfAPausedJobWhoseTaskWasCompletedSince) {
  wire::JobSpec spec = MakeSpec(2, 1);
  spec.config.on_failure = wire::OnFailure::kPause;
  Accept({wire::JobSubmitted{JobId{2}, 7, 9, 1000, spec}});
  const TaskId task{JobId{2}, Phase::kMap, 0};
  Accept({wire::AttemptFailed{{task, 0, 1}, "w1", {}, 5}});
  Accept({wire::JobPaused{JobId{2}, task, "it failed"}});
  const auto result = std::get<wire::MapResult>(*MakeSuccess({task, 1, 1}, 1).result);
  Accept({wire::MapCompleted{{task, 1, 1}, {}, result, {}, {}}});

  const Result<State> read = DecodeState(EncodeState(state_));
  ASSERT_TRUE(read.has_value()) << read.error().text;
  EXPECT_EQ(read->jobs, state_.jobs);
}

TEST_F(StateTest, JobChanged_ForgetsFailuresOfOpenTasksAndKeepsFinishedOnes) {
  wire::JobSpec spec = MakeSpec(2, 1);
  spec.config.on_failure = wire::OnFailure::kPause;
  Accept({wire::JobSubmitted{JobId{2}, 7, 9, 1000, spec}});
  const TaskId open{JobId{2}, Phase::kMap, 0}, done{JobId{2}, Phase::kMap, 1};
  Accept({wire::AttemptFailed{{open, 0, 1}, "w1", {}, 5}});
  Accept({wire::AttemptFailed{{done, 0, 1}, "w1", {}, 5}});
  const auto result = std::get<wire::MapResult>(*MakeSuccess({done, 1, 1}, 1).result);
  Accept({wire::MapCompleted{{done, 1, 1}, {}, result, {}, {}}});
  Accept({wire::JobPaused{JobId{2}, open, "it failed"}});

  const std::string other(64, 'b');
  Refuse({wire::JobChanged{JobId{2}, other, "new.so", std::nullopt, {}}});  // not stored
  Accept({wire::JobChanged{JobId{2}, std::nullopt, "", 5, {}}});
  EXPECT_TRUE(state_.jobs.at(JobId{2}).paused());
  Accept({wire::PluginStored{other, 10}});
  Accept({wire::JobChanged{JobId{2}, other, "new.so", std::nullopt, {}}});

  const JobEntry& job = state_.jobs.at(JobId{2});
  EXPECT_FALSE(job.paused());
  EXPECT_EQ(job.spec.config.plugin_sha256, other);
  EXPECT_EQ(job.spec.config.plugin_name, "new.so");
  EXPECT_EQ(job.spec.config.max_running, 5u);
  EXPECT_EQ(job.maps[0].failures.size(), 0u);
  EXPECT_EQ(job.maps[1].failures.size(), 1u);
  EXPECT_EQ(job.maps_completed, 1u);
  Accept({wire::JobFinishing{JobId{2}, false, true, "killed"}});
  Refuse({wire::JobChanged{JobId{2}, other, "new.so", std::nullopt, {}}});
}

TEST_F(StateTest, JobFinishing_SuccessNeedsEveryTask) {
  Refuse({wire::JobFinishing{JobId{1}, true, false, ""}});
  Refuse({wire::JobEnded{JobId{1}, 5, ""}});
  Accept({wire::JobFinishing{JobId{1}, false, true, "killed"}});
  Refuse(Map(0, 0));
  Refuse({wire::HistoryExpired{JobId{1}}});
  Accept({wire::JobEnded{JobId{1}, 5, ""}});
  Accept({wire::HistoryExpired{JobId{1}}});
  EXPECT_TRUE(state_.by_request.empty());
  EXPECT_EQ(state_.last_job, 1u);
}

TEST_F(StateTest, AttemptFailed_Twice_IsRefused) {
  const wire::AttemptFailed failed{Id(Phase::kMap, 0, 0), "w1", {}, 1};
  Accept({failed});
  Refuse({failed});
}

TEST_F(StateTest, UnknownNames_AreRefused) {
  Refuse({wire::JobEnded{JobId{9}, 1, ""}});
  Refuse(Map(9, 0));
  Refuse({wire::PluginStored{"short", 1}});
}

}  // namespace
}  // namespace mr::coordinator
