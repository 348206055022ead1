#include "worker/map/skip_records.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "test/unit/worker/testutil/c_jobs.h"
#include "worker/map/map_attempt.h"

namespace mr::worker::test {
namespace {

// A map-only job that writes each record with its number and offset, and fails where the attempt is told to be in a
// record that it should have left out.
int Show(void* instance, const mr_records* records, mr_sink* sink) {
  auto* task = static_cast<const mr_task*>(instance);
  for (uint32_t i = 0; i < records->count; ++i) {
    task->where->record_data = records->records[i].data;
    task->where->record_size = records->records[i].size;
    task->where->record_no = records->first_no + i;
    const std::string_view line = View(records->records[i]);
    const auto offset =
        records->first_offset + static_cast<uint64_t>(records->records[i].data - records->records[0].data);
    if (line.starts_with("BAD")) {
      task->fail(task->host, MR_FAIL_BAD_RECORD, {"Bad", 3}, {"no", 2});
      return MR_FAILED;
    }
    if (int code = Write(sink, StrCat(records->first_no + i, " ", offset, " ", line, "\n")); code != MR_OK) return code;
  }
  return MR_OK;
}

mr_job_def ShowJob() {
  mr_job_def job = GroupingJob();
  job.reduce = nullptr;
  job.map = Show;
  return job;
}

class SkipRecordsTest : public testing::Test {
 protected:
  SkipRecordsTest() : fixture_(scratch_.path()) { fixture_.assignment.config.reducers = 0; }

  Attempted<wire::MapResult> Run(const std::vector<wire::Split>& splits) {
    auto& attempt = fixture_.assignment.attempt;
    ++attempt.number;
    attempt.task.index = attempt.number;  // an output file of its own
    fixture_.context.counters.clear();
    return RunMapAttempt(fixture_.context, ShowJob(), wire::MapWork{splits});
  }
  std::string Output() {
    char name[20];
    std::snprintf(name, sizeof name, "part-m-%05u", fixture_.assignment.attempt.task.index);
    return *ReadWholeFile(PosixEnv(), JoinPath(fixture_.assignment.config.output_dir, name));
  }
  // As the coordinator does: what the failure says is left out by the next attempt.
  void LeaveOut(const wire::Failure& failure) {
    fixture_.assignment.skip.push_back(
        {failure.input_path, failure.record_offset, failure.record_no, failure.record_bytes, failure.excerpt, "e"});
  }

  ScratchDirectory scratch_;
  AttemptFixture fixture_;
};

TEST_F(SkipRecordsTest, Attempt_LeavesOutWhatTheOneBeforeFailedOn) {
  const auto splits = WriteInput(scratch_ / "in", "one\nBAD one\n\ntwo\nBAD two\n", 1 << 20);
  for (int bad = 0; bad < 2; ++bad) {
    auto result = Run(splits);
    ASSERT_FALSE(result.has_value());
    EXPECT_TRUE(result.error().at_record);
    LeaveOut(result.error());
  }
  auto result = Run(splits);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(Output(), "0 0 one\n2 12 \n3 13 two\n") << "numbers and offsets stay";
  ASSERT_EQ(result->skipped.size(), 2u);
  EXPECT_EQ(result->skipped[0], (wire::BadRecord{scratch_ / "in", 4, 1, 7, "BAD one", "e"}));
  EXPECT_EQ(result->skipped[1], (wire::BadRecord{scratch_ / "in", 17, 4, 7, "BAD two", "e"}));
  EXPECT_EQ(fixture_.context.counters["mr.skipped_records"], 2);
  EXPECT_EQ(fixture_.context.counters["mr.map_input_records"], 3);
}

TEST_F(SkipRecordsTest, EveryRecord_MayBeLeftOut) {
  const auto splits = WriteInput(scratch_ / "in", "BAD\nBAD\nBAD", 1 << 20);
  for (uint64_t offset : {8, 0, 4}) fixture_.assignment.skip.push_back({scratch_ / "in", offset, 0, 0, "", ""});
  auto result = Run(splits);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(Output(), "");
  EXPECT_EQ(result->skipped.size(), 3u);
}

TEST_F(SkipRecordsTest, OtherFilesAndOffsetsWithinRecords_ChangeNothing) {
  auto splits = WriteInput(scratch_ / "a", "one\ntwo\n", 1 << 20);
  const auto more = WriteInput(scratch_ / "b", "BAD\nfour\n", 1 << 20);
  splits.insert(splits.end(), more.begin(), more.end());
  for (uint64_t offset : {0, 1, 5, 100}) fixture_.assignment.skip.push_back({scratch_ / "b", offset, 0, 0, "", ""});
  auto result = Run(splits);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(Output(), "0 0 one\n1 4 two\n1 4 four\n");
  EXPECT_EQ(result->skipped.size(), 1u) << "a record is what begins there";
}

// Over many batches and splits: what is left out, and nothing else, is missing.
TEST_F(SkipRecordsTest, RandomRecordsOfALargeFile_AreLeftOutOnce) {
  Random random(5);
  std::string text;
  std::map<uint64_t, std::string> all;  // by offset
  std::set<uint64_t> bad;
  while (text.size() < 2'000'000) {
    const bool is_bad = random.Below(400) == 0;
    const std::string line = StrCat(is_bad ? "BAD" : "", std::string(random.Below(90), 'x'));
    all[text.size()] = line;
    if (is_bad) bad.insert(text.size());
    text += line + "\n";
  }
  ASSERT_GT(bad.size(), 20u);
  for (const uint64_t offset : bad) fixture_.assignment.skip.push_back({scratch_ / "in", offset, 0, 0, "", ""});
  const auto splits = WriteInput(scratch_ / "in", text, 300'000);
  auto result = Run(splits);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->skipped.size(), bad.size());
  const std::string output = Output();
  std::map<uint64_t, std::string> seen;
  for (std::string_view line : Split(output, '\n')) {
    if (line.empty()) continue;
    const auto fields = Split(line, ' ');
    ASSERT_EQ(fields.size(), 3u);
    EXPECT_TRUE(seen.emplace(std::stoull(std::string(fields[1])), fields[2]).second);
  }
  for (const uint64_t offset : bad) all.erase(offset);
  EXPECT_TRUE(seen == all);
}

}  // namespace
}  // namespace mr::worker::test
