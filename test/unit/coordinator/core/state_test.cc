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

TEST_F(StateTest, JobFinishing_SuccessNeedsEveryTask) {
  Refuse({wire::JobFinishing{JobId{1}, true, false, ""}});
  Refuse({wire::JobEnded{JobId{1}, 5}});
  Accept({wire::JobFinishing{JobId{1}, false, true, "killed"}});
  Refuse(Map(0, 0));
  Refuse({wire::HistoryExpired{JobId{1}}});
  Accept({wire::JobEnded{JobId{1}, 5}});
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
  Refuse({wire::JobEnded{JobId{9}, 1}});
  Refuse(Map(9, 0));
  Refuse({wire::PluginStored{"short", 1}});
}

}  // namespace
}  // namespace mr::coordinator
