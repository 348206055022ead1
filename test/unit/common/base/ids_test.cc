#include "common/base/ids.h"

#include <gtest/gtest.h>

namespace mr {
namespace {

TEST(Ids, ToString_PrintsTheFormsOfTheHouse) {
  const TaskId task{JobId{42}, Phase::kMap, 107};
  EXPECT_EQ(ToString(JobId{42}), "j42");
  EXPECT_EQ(ToString(task), "j42-m107");
  EXPECT_EQ(ToString(AttemptId{task, 2, 9}), "j42-m107.2");
  EXPECT_EQ(ToString(WorkerRef{WorkerId{4}, SessionId{5}}), "w4@5");
}

TEST(Ids, Parse_ReadsBackWhatToStringPrints) {
  for (const Phase phase : {Phase::kMap, Phase::kReduce, Phase::kFinish}) {
    const AttemptId attempt{{JobId{3}, phase, 11}, 4, 0};
    EXPECT_EQ(*ParseAttemptId(ToString(attempt)), attempt);
    EXPECT_EQ(*ParseTaskId(ToString(attempt.task)), attempt.task);
  }
  EXPECT_EQ(*ParseJobId("j18446744073709551615"), JobId{18446744073709551615u});
}

TEST(Ids, Parse_RefusesEverythingElse) {
  for (const char* text : {"", "j", "j0", "42", "j42x", "j-1", "j99999999999999999999", " j1"}) {
    EXPECT_FALSE(ParseJobId(text)) << text;
  }
  for (const char* text : {"j1", "j1-", "j1-x3", "j1-m", "j1-m3.", "j1-m3.1 "}) {
    EXPECT_FALSE(ParseTaskId(text)) << text;
    EXPECT_FALSE(ParseAttemptId(text)) << text;
  }
}

TEST(Ids, Order_IsByJobThenPhaseThenIndex) {
  EXPECT_LT((TaskId{JobId{1}, Phase::kReduce, 0}), (TaskId{JobId{2}, Phase::kMap, 0}));
  EXPECT_LT((TaskId{JobId{1}, Phase::kMap, 9}), (TaskId{JobId{1}, Phase::kReduce, 0}));
}

}  // namespace
}  // namespace mr
