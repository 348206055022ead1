#include "coordinator/core/job_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mr::coordinator {
namespace {

AttemptId Id(uint32_t index) { return {{JobId{1}, Phase::kMap, index}, 0, 1}; }

TEST(JobLogs, Append_KeepsTheLastBytesOfEachAttempt) {
  JobLogs logs;
  logs.Append(Id(0), "hello ");
  logs.Append(Id(0), "world");
  EXPECT_EQ(logs.Read(Id(0), 6).text, "world");
  logs.Append(Id(0), std::string(kMaxLogBytesPerAttempt, 'x'));
  EXPECT_EQ(logs.Read(Id(0), 0).offset, 11u);
  EXPECT_EQ(logs.Read(Id(0), 0).text.size(), kMaxLogBytesPerAttempt);
  EXPECT_EQ(logs.Read(Id(1), 3).text, "");
}

TEST(JobLogs, Append_PastTheJobsShare_DropsTheMostSilent) {
  JobLogs logs;
  const std::string full(kMaxLogBytesPerAttempt, 'x');
  const uint32_t fitting = kMaxLogBytesPerJob / kMaxLogBytesPerAttempt;
  for (uint32_t i = 0; i < fitting; ++i) logs.Append(Id(i), full);
  logs.Append(Id(0), "y");
  logs.Append(Id(fitting), full);
  EXPECT_EQ(logs.Read(Id(1), 0).text, "");
  EXPECT_EQ(logs.Read(Id(0), 0).text.size(), kMaxLogBytesPerAttempt);
}

TEST(DurationSample, Add_StaysBelowAThousandAndSpread) {
  DurationSample sample;
  for (uint32_t i = 0; i < 100'000; ++i) sample.Add(i);
  EXPECT_LE(sample.values().size(), 1000u);
  EXPECT_GE(sample.values().size(), 400u);
  EXPECT_LT(sample.values().front(), 1000u);
  EXPECT_GT(sample.values().back(), 98'000u);
}

TEST(MakeFailureReport, SameRecord_OnlyWhenEveryFailureWasThere) {
  TaskEntry task;
  wire::Failure failure;
  failure.input_path = "/in";
  failure.record_no = 7;
  task.failures.push_back({Id(0), "w1", failure, 1});
  task.failures.push_back({Id(0), "w2", failure, 2});
  EXPECT_TRUE(MakeFailureReport(task).same_record);
  EXPECT_THAT(MakeFailureReport(task).earlier_workers, testing::ElementsAre("w1"));
  EXPECT_EQ(MakeFailureReport(task).worker_name, "w2");
  task.failures[0].failure.record_no = 8;
  EXPECT_FALSE(MakeFailureReport(task).same_record);
}

}  // namespace
}  // namespace mr::coordinator
