#include "coordinator/core/bad_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/base/strings.h"
#include "coordinator/core/manifest.h"
#include "coordinator/core/split_planner.h"
#include "test/unit/coordinator/support/script.h"

namespace mr::coordinator {
namespace {

using wire::FailureCause;

wire::Failure AtOffset(FailureCause cause, uint64_t offset) {
  wire::Failure failure;
  failure.cause = cause;
  failure.message = StrCat("at ", offset);
  failure.input_path = "/in";
  failure.record_offset = offset;
  failure.record_bytes = 5;
  failure.excerpt = "bytes";
  failure.at_record = true;
  return failure;
}

wire::Failure AtKey(const std::string& excerpt, uint64_t key_bytes, uint64_t number) {
  wire::Failure failure;
  failure.cause = FailureCause::kBadRecord;
  failure.excerpt = excerpt;
  failure.record_bytes = key_bytes;
  failure.record_no = number;
  failure.at_record = true;
  return failure;
}

class FindBadRecordsTest : public testing::Test {
 protected:
  void Fail(wire::Failure failure) {
    AttemptId attempt;
    attempt.number = static_cast<uint32_t>(task_.failures.size());
    task_.failures.push_back({attempt, "w1", std::move(failure), 0});
  }
  BadRecords Find(uint32_t limit) {
    wire::JobConfig config;
    config.skip_bad_records = limit;
    return FindBadRecords(config, task_);
  }
  TaskEntry task_;
};

TEST_F(FindBadRecordsTest, BadRecord_IsLeftOutAtOnce) {
  Fail(AtOffset(FailureCause::kBadRecord, 7));
  const BadRecords bad = Find(1);
  ASSERT_EQ(bad.skip.size(), 1u);
  EXPECT_EQ(bad.skip[0], (wire::BadRecord{"/in", 7, 0, 5, "bytes", "at 7"}));
  EXPECT_TRUE(bad.charged.empty());
  EXPECT_FALSE(bad.newest_charged);
}

TEST_F(FindBadRecordsTest, Crash_IsLeftOutWhenItStrikesTwice) {
  for (const FailureCause cause : {FailureCause::kException, FailureCause::kSignal, FailureCause::kExit,
                                   FailureCause::kTimeout, FailureCause::kMemory}) {
    task_ = {};
    Fail(AtOffset(cause, 7));
    EXPECT_TRUE(Find(1).skip.empty());
    EXPECT_TRUE(Find(1).newest_charged) << "it may be anything";
    Fail(AtOffset(cause, 8));
    EXPECT_TRUE(Find(1).skip.empty()) << "another record";
    Fail(AtOffset(cause, 7));
    EXPECT_EQ(Find(1).skip.size(), 1u);
    EXPECT_EQ(Find(1).charged.size(), 1u) << "the one at the other record";
    EXPECT_FALSE(Find(1).newest_charged);
  }
}

TEST_F(FindBadRecordsTest, NoLimit_NothingIsLeftOut) {
  Fail(AtOffset(FailureCause::kBadRecord, 7));
  const BadRecords bad = Find(0);
  EXPECT_TRUE(bad.skip.empty());
  EXPECT_EQ(bad.charged.size(), 1u);
  EXPECT_TRUE(bad.newest_charged);
  EXPECT_FALSE(bad.used_up) << "nobody asked for it";
}

TEST_F(FindBadRecordsTest, MoreThanTheLimit_IsCharged) {
  for (const uint64_t offset : {9, 5, 7, 7}) Fail(AtOffset(FailureCause::kBadRecord, offset));
  const BadRecords bad = Find(2);
  ASSERT_EQ(bad.skip.size(), 2u);
  EXPECT_EQ(bad.skip[0].offset, 9u) << "in the order of discovery, so that more failures never change it";
  EXPECT_EQ(bad.skip[1].offset, 5u);
  EXPECT_EQ(bad.charged.size(), 2u);
  EXPECT_TRUE(bad.newest_charged);
  EXPECT_TRUE(bad.used_up);
}

TEST_F(FindBadRecordsTest, OtherCausesAndPlaces_AreNoReason) {
  Fail(AtOffset(FailureCause::kBadOutput, 7));
  Fail(AtOffset(FailureCause::kBadOutput, 7));
  wire::Failure in_setup = AtOffset(FailureCause::kBadRecord, 0);
  in_setup.at_record = false;
  Fail(in_setup);
  EXPECT_TRUE(Find(5).skip.empty());
  EXPECT_EQ(Find(5).charged.size(), 3u);
}

// Otherwise a record that cannot be left out would be tried for ever.
TEST_F(FindBadRecordsTest, AgainAtTheSameRecord_IsCharged) {
  for (int i = 0; i < 3; ++i) Fail(AtOffset(FailureCause::kBadRecord, 7));
  EXPECT_FALSE(Find(5).newest_charged) << "attempts that had begun before fail there too";
  for (int i = 0; i < 4; ++i) Fail(AtOffset(FailureCause::kBadRecord, 7));
  EXPECT_EQ(Find(5).skip.size(), 1u);
  EXPECT_EQ(Find(5).charged.size(), 4u);
  EXPECT_TRUE(Find(5).newest_charged);
}

TEST_F(FindBadRecordsTest, Group_IsKnownByItsKey) {
  Fail(AtKey("ann", 3, 4));
  Fail(AtKey("ann", 3, 5));  // a map output was made anew without a record before it
  EXPECT_EQ(Find(9).skip.size(), 1u);
  Fail(AtKey("bob", 3, 5));
  EXPECT_EQ(Find(9).skip.size(), 2u);
  const std::string begin(256, 'x');
  Fail(AtKey(begin, 300, 6));
  Fail(AtKey(begin, 300, 7));
  EXPECT_EQ(Find(9).skip.size(), 4u) << "two keys that begin alike";
}

JobEntry JobWithSkipped() {
  JobEntry job;
  job.id = JobId{3};
  job.spec = test::MakeSpec(2, 1);
  job.spec.config.skip_bad_records = 4;
  job.plan = PlanSplits(job.spec).value();
  job.maps.resize(2);
  job.reduces.resize(1);
  wire::MapResult map;
  map.partition_bytes = {0};
  job.maps[0].completion = Completion{{}, map, {}, {}};
  map.skipped = {{"/in", 120, 3, 15, "BAD record here", "SIGSEGV"}, {"/in", 140, 4, 2, std::string("\0\xff", 2), "bad"}};
  job.maps[1].completion = Completion{{}, map, {}, {}};
  wire::ReduceResult reduce;
  reduce.skipped = {{"", 0, 9, 700, std::string(510, 'k') + "\xe2\x82", "no"}};  // cut within a character
  job.reduces[0].completion = Completion{{}, reduce, {}, {}};
  return job;
}

TEST(BadRecordFiles, TasksThatLeftSomethingOut_HaveOneEach) {
  const JobEntry job = JobWithSkipped();
  const std::vector<wire::BadRecordFile> files = BadRecordFiles(job);
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0].name, "part-m-00001.jsonl");
  EXPECT_EQ(files[0].text,
            "{\"task\":\"j3-m1\",\"input\":\"/in\",\"offset\":120,\"record\":3,\"bytes\":15,\"error\":\"SIGSEGV\","
            "\"data\":\"BAD record here\"}\n"
            "{\"task\":\"j3-m1\",\"input\":\"/in\",\"offset\":140,\"record\":4,\"bytes\":2,\"error\":\"bad\","
            "\"data_hex\":\"00ff\"}\n");
  EXPECT_EQ(files[1].name, "part-r-00000.jsonl");
  const auto line = nlohmann::json::parse(files[1].text);
  EXPECT_EQ(line["group"], 9);
  EXPECT_EQ(line["bytes"], 700);
  EXPECT_EQ(line["key"], std::string(510, 'k'));
}

TEST(BadRecordFiles, Manifest_CountsAndNamesThem) {
  const auto json = nlohmann::json::parse(MakeManifest(JobWithSkipped(), {}, "1", 0));
  EXPECT_EQ(json["skipped_records"]["count"], 3);
  EXPECT_EQ(json["skipped_records"]["files"],
            (nlohmann::json{"_bad/part-m-00001.jsonl", "_bad/part-r-00000.jsonl"}));
  EXPECT_EQ(json["config"]["skip_bad_records"], 4);
}

}  // namespace
}  // namespace mr::coordinator
