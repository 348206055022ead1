#include "worker/reduce/reduce_attempt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "test/unit/worker/testutil/c_jobs.h"
#include "worker/map/map_attempt.h"
#include "worker/run/block_codec.h"
#include "worker/shuffle/run_files.h"
#include "worker/shuffle/segment_server.h"

namespace mr::worker::test {
namespace {

struct Setting {
  bool fold, combine;
  uint32_t reducers;
  uint64_t memory;
  uint64_t split;
  wire::Compression codec;
};

// A job in one process: one map attempt per split, one reduce attempt per partition, through the run files of a
// worker's output directory.
class JobTest : public ::testing::Test {
 protected:
  static constexpr const char* kEndpoint = "ipc:///nowhere";

  std::string outputs() const { return scratch_ / "outputs"; }

  void RunMaps(const mr_job_def& job, const std::vector<wire::Split>& splits, const Setting& setting) {
    ASSERT_TRUE(PosixEnv().CreateDirectories(outputs()).has_value());
    for (uint32_t i = 0; i < splits.size(); ++i) {
      AttemptFixture map(scratch_ / StrCat("map", i));
      Configure(map, setting);
      map.assignment.attempt.task.phase = Phase::kMap;
      map.assignment.attempt.task.index = i;
      AttemptId attempt = map.assignment.attempt;
      map.context.map_output_path = RunFilePath(outputs(), attempt);
      auto result = RunMapAttempt(map.context, job, wire::MapWork{{splits[i]}});
      ASSERT_TRUE(result.has_value()) << result.error().message;
      work_.sources.push_back({attempt, {}, kEndpoint});
    }
  }

  Attempted<wire::ReduceResult> RunReduce(const mr_job_def& job, uint32_t partition, const Setting& setting) {
    reduce_ = std::make_unique<AttemptFixture>(scratch_ / StrCat("reduce", partition));
    Configure(*reduce_, setting);
    reduce_->assignment.attempt.task.phase = Phase::kReduce;
    reduce_->assignment.attempt.task.index = partition;
    reduce_->assignment.map_count = static_cast<uint32_t>(work_.sources.size());
    work_.partition = partition;
    reduce_->assignment.skip = skip_;
    return RunReduceAttempt(reduce_->context, job, work_,
                            {.own_endpoint = kEndpoint, .own_output_dirs = {outputs()}});
  }

  void Configure(AttemptFixture& fixture, const Setting& setting) {
    fixture.assignment.config.reducers = setting.reducers;
    fixture.assignment.config.task_memory_bytes = setting.memory;
    fixture.assignment.config.shuffle_codec = setting.codec;
    fixture.assignment.config.output_dir = scratch_ / "out";
  }

  std::string Part(uint32_t partition) const {
    return *ReadWholeFile(PosixEnv(), JoinPath(scratch_ / "out", StrCat("part-r-0000", partition)));
  }

  ScratchDirectory scratch_;
  wire::ReduceWork work_;
  std::vector<wire::BadRecord> skip_;
  std::unique_ptr<AttemptFixture> reduce_;
};

// Fails on the group "bad".
int ReduceButBad(void* instance, mr_group* group, mr_sink* sink) {
  auto* task = static_cast<const mr_task*>(instance);
  mr_bytes key, value;
  if (group->next(group->host, &key, &value) != 1) return MR_STOP;
  if (View(key) == "bad") {
    task->fail(task->host, MR_FAIL_BAD_RECORD, {"Bad", 3}, {"no", 2});
    return MR_FAILED;
  }
  return Write(sink, std::string(View(key)) + "\n");
}

constexpr Setting kPlain{true, true, 1, 4 << 20, 1 << 30, wire::Compression::kLz4};

std::string Text(uint64_t seed, size_t words) {
  Random random(seed);
  std::string text;
  for (size_t i = 0; i < words; ++i) {
    for (uint64_t n = random.Below(random.Below(4000) + 1) + 1; n > 0; n /= 26) {
      text += static_cast<char>('a' + n % 26);
    }
    text += random.Below(9) == 0 ? '\n' : ' ';
  }
  return text;
}

TEST_F(JobTest, BadGroup_IsNamedAndLeftOutWhenAsked) {
  mr_job_def job = GroupingJob();
  job.reduce = ReduceButBad;
  RunMaps(job, WriteInput(scratch_ / "in", "ann\t1\nbad\t2\nbad\t3\nbadly\t4\n", 1 << 20), kPlain);
  auto failed = RunReduce(job, 0, kPlain);
  ASSERT_FALSE(failed.has_value());
  const wire::Failure& failure = failed.error();
  EXPECT_TRUE(failure.at_record);
  EXPECT_EQ(failure.record_no, 1u);
  EXPECT_EQ(failure.record_bytes, 3u);
  EXPECT_EQ(failure.excerpt, "bad");

  skip_ = {{failure.input_path, failure.record_offset, 7, failure.record_bytes, failure.excerpt, "e"}};
  auto result = RunReduce(job, 0, kPlain);

  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(Part(0), "ann\nbadly\n");
  ASSERT_EQ(result->skipped.size(), 1u);
  EXPECT_EQ(result->skipped[0], (wire::BadRecord{"", 0, 1, 3, "bad", "e"}));
  EXPECT_EQ(reduce_->context.counters["mr.skipped_records"], 1);
  EXPECT_EQ(reduce_->context.counters["mr.reduce_input_groups"], 2);
}

// Of a long key only the beginning is known: its number among the groups decides.
TEST_F(JobTest, BadGroup_WithALongKeyIsKnownByItsNumberToo) {
  mr_job_def job = GroupingJob();
  const std::string begin(300, 'k');
  RunMaps(job, WriteInput(scratch_ / "in", begin + "a\t1\n" + begin + "b\t2\n", 1 << 20), kPlain);
  skip_ = {{"", 0, 1, 301, begin.substr(0, 256), "e"}};
  auto result = RunReduce(job, 0, kPlain);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(Part(0), begin + "a\t1\n");
  ASSERT_EQ(result->skipped.size(), 1u);
  EXPECT_EQ(result->skipped[0].data, begin + "b");
}

TEST_F(JobTest, WordCount_EqualsTheOracleForRandomSettings) {
  Random random(11);
  for (int round = 0; round < 6; ++round) {
    Setting setting{random.Chance(0.5), random.Chance(0.5), static_cast<uint32_t>(1 + random.Below(6)),
                    random.Chance(0.5) ? 20'000u : 8u << 20, 2000 + random.Below(60'000),
                    std::array{wire::Compression::kNone, wire::Compression::kLz4,
                               wire::Compression::kZstd}[random.Below(3)]};
    SCOPED_TRACE(StrCat("round ", round, " fold ", setting.fold, " combine ", setting.combine, " -r ",
                        setting.reducers, " memory ", setting.memory, " split ", setting.split));
    std::string text = Text(static_cast<uint64_t>(round), 15'000);
    ASSERT_TRUE(PosixEnv().RemoveTree(scratch_.path()).has_value());
    ASSERT_TRUE(PosixEnv().CreateDirectories(scratch_.path()).has_value());
    work_ = {};
    mr_job_def job = WordCountJob(setting.fold, setting.combine);
    RunMaps(job, WriteInput(scratch_ / "in", text, setting.split), setting);
    std::map<std::string, uint64_t> counts;
    for (uint32_t p = 0; p < setting.reducers; ++p) {
      auto result = RunReduce(job, p, setting);
      ASSERT_TRUE(result.has_value()) << result.error().message;
      std::string part = Part(p);
      auto lines = Split(part, '\n');
      lines.pop_back();
      EXPECT_TRUE(std::is_sorted(lines.begin(), lines.end()));
      for (std::string_view line : lines) {
        auto fields = Split(line, '\t');
        ASSERT_EQ(fields.size(), 2u);
        EXPECT_TRUE(counts.emplace(fields[0], std::stoull(std::string(fields[1]))).second);
      }
      EXPECT_EQ(result->files.at(0).record_count, lines.size());
      EXPECT_EQ(reduce_->commits, 1);
      EXPECT_EQ(reduce_->context.counters["mr.output_records"], static_cast<int64_t>(lines.size()));
      EXPECT_EQ(reduce_->context.counters["mr.reduce_input_groups"], static_cast<int64_t>(lines.size()));
    }
    EXPECT_EQ(counts, CountWords(text));
  }
}

// Keys and values come out as they went in, sorted by key, and reduce() is not even asked.
TEST_F(JobTest, IdentityReduce_IsDoneWithoutCallingIt) {
  mr_job_def job = GroupingJob();
  job.output_format = "raw";
  job.flags |= MR_JOB_IDENTITY_REDUCE;
  job.reduce = [](void*, mr_group*, mr_sink*) { return MR_FAILED; };
  const std::string large(300'000, 'L');  // more than an output's window
  std::string text, expected;
  for (int i = 0; i < 3000; ++i) text += StrCat("key", (i * 7919) % 1000 + 1000, "\t", i % 10, "\n");
  text += StrCat("key1500\t", large, "\n");
  std::map<std::string, std::string> sorted;
  for (std::string_view line : Split(text, '\n')) {
    if (line.empty()) continue;
    const std::string key(line.substr(0, 7));
    sorted[key] += StrCat(key, line.substr(8));
  }
  for (const auto& [key, records] : sorted) expected += records;
  RunMaps(job, WriteInput(scratch_ / "in", text, 5000), kPlain);
  static int finished;
  finished = 0;
  job.finish = [](void*, mr_sink* sink) { return ++finished, Write(sink, "end"); };

  auto result = RunReduce(job, 0, kPlain);

  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(Part(0), expected + "end");
  EXPECT_EQ(finished, 1);
  EXPECT_EQ(reduce_->context.counters["mr.reduce_input_groups"], 1000);
  EXPECT_EQ(reduce_->context.counters["mr.reduce_input_records"], 3001);
  EXPECT_EQ(result->files.at(0).record_count, 1000u);
  EXPECT_EQ(reduce_->box.records_done.load(), 3001u);
}

TEST_F(JobTest, IdentityReduce_DamagedSource_IsNamed) {
  mr_job_def job = GroupingJob();
  job.flags |= MR_JOB_IDENTITY_REDUCE;
  RunMaps(job, WriteInput(scratch_ / "in", "a\t1\nb\t2\n", 4), kPlain);
  const std::string path = RunFilePath(outputs(), work_.sources[1].attempt);
  std::string bytes = *ReadWholeFile(PosixEnv(), path);
  bytes[kBlockHeaderBytes + 9] = static_cast<char>(bytes[kBlockHeaderBytes + 9] ^ 1);
  ASSERT_TRUE(WriteFileAtomically(PosixEnv(), path, bytes).has_value());

  auto result = RunReduce(job, 0, kPlain);

  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().cause, wire::FailureCause::kFetch);
  EXPECT_EQ(result.error().failed_source, work_.sources[1].attempt);
}

TEST_F(JobTest, Grouping_ValuesComeInTheOrderOfTheInput) {
  std::string text;
  std::string expected_a = "a\t", expected_b = "b\t";
  for (int i = 0; i < 500; ++i) {
    text += StrCat(i % 3 == 0 ? "a" : "b", "\t", i, "\n");
    (i % 3 == 0 ? expected_a : expected_b) += StrCat(i, " ");
  }
  expected_a.back() = expected_b.back() = '\n';
  RunMaps(GroupingJob(), WriteInput(scratch_ / "in", text, 300), kPlain);
  auto result = RunReduce(GroupingJob(), 0, kPlain);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(Part(0), expected_a + expected_b);
}

TEST_F(JobTest, Reduce_MaySkipMostOfAGroup) {
  mr_job_def job = GroupingJob();
  job.reduce = [](void*, mr_group* group, mr_sink* sink) {
    mr_bytes key, value;
    group->next(group->host, &key, &value);
    return Write(sink, std::string(View(key)) + "\n");
  };
  std::string text;
  for (int i = 0; i < 3000; ++i) text += StrCat("k", i % 3, "\tvalue\n");
  RunMaps(job, WriteInput(scratch_ / "in", text, 10'000), kPlain);
  ASSERT_TRUE(RunReduce(job, 0, kPlain).has_value());
  EXPECT_EQ(Part(0), "k0\nk1\nk2\n");
  EXPECT_EQ(reduce_->context.counters["mr.reduce_input_records"], 3000);
}

TEST_F(JobTest, Reduce_FailureNamesTheGroup) {
  mr_job_def job = GroupingJob();
  job.reduce = [](void* instance, mr_group* group, mr_sink*) {
    auto* task = static_cast<const mr_task*>(instance);
    mr_bytes key, value;
    group->next(group->host, &key, &value);
    if (View(key) != "k1") return MR_OK;
    task->fail(task->host, MR_FAIL_EXCEPTION, {"E", 1}, {"no good", 7});
    return MR_FAILED;
  };
  RunMaps(job, WriteInput(scratch_ / "in", "k0\t1\nk1\t2\nk2\t3\n", 1000), kPlain);
  auto result = RunReduce(job, 0, kPlain);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().cause, wire::FailureCause::kException);
  EXPECT_EQ(result.error().function, "reduce");
  EXPECT_EQ(result.error().excerpt, "k1");
  EXPECT_EQ(reduce_->commits, 0);
  EXPECT_FALSE(PosixEnv().Exists(JoinPath(scratch_ / "out", "part-r-00000")));
}

TEST_F(JobTest, Reduce_ADamagedMapOutputIsAFetchFailureOfItsMap) {
  RunMaps(GroupingJob(), WriteInput(scratch_ / "in", "a\t1\nb\t2\nc\t3\n", 4), kPlain);
  AttemptId victim = work_.sources[1].attempt;
  std::string path = RunFilePath(outputs(), victim);
  std::string bytes = *ReadWholeFile(PosixEnv(), path);
  bytes[45] ^= 1;
  ASSERT_TRUE(WriteFileAtomically(PosixEnv(), path, bytes).has_value());
  auto result = RunReduce(GroupingJob(), 0, kPlain);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().cause, wire::FailureCause::kFetch);
  EXPECT_EQ(result.error().failed_source, victim);
  EXPECT_EQ(reduce_->commits, 0);
}

// An attempt that dies after it has fetched a part leaves its scratch files behind. The next one, with another number,
// fetches everything anew and is not disturbed by them.
TEST_F(JobTest, Reduce_RunsAgainAfterAnAttemptThatFetchedOnlyAPart) {
  std::string text, expected;
  for (int i = 10'000; i < 14'000; ++i) {
    text += StrCat("key ", i, "\t", std::string(600, 'v'), i, "\n");
    expected += StrCat("key ", i, "\t", std::string(600, 'v'), i, "\n");
  }
  RunMaps(GroupingJob(), WriteInput(scratch_ / "in", text, 300'000), kPlain);
  ASSERT_GE(work_.sources.size(), 4u);
  // Every output but the first is on another worker, which has lost the last one.
  net::NetContext net;
  const std::string far = scratch_ / "far";
  ASSERT_TRUE(PosixEnv().CreateDirectories(far).has_value());
  auto server = SegmentServer::Start(net, PosixEnv(), "tcp://127.0.0.1:0", "", {far});
  ASSERT_TRUE(server.has_value()) << server.error().text;
  for (size_t i = 1; i < work_.sources.size(); ++i) {
    const AttemptId& attempt = work_.sources[i].attempt;
    ASSERT_TRUE(PosixEnv().Rename(RunFilePath(outputs(), attempt), RunFilePath(far, attempt)).has_value());
    work_.sources[i].endpoint = (*server)->endpoint();
  }
  const std::string lost = RunFilePath(far, work_.sources.back().attempt);
  ASSERT_TRUE(PosixEnv().Rename(lost, lost + ".gone").has_value());
  const auto run = [&](uint32_t number) {
    reduce_ = std::make_unique<AttemptFixture>(scratch_ / StrCat("attempt", number));
    Configure(*reduce_, kPlain);
    reduce_->assignment.config.task_memory_bytes = 1 << 20;  // most of it goes to disk
    reduce_->assignment.config.shuffle_codec = wire::Compression::kNone;
    reduce_->assignment.attempt.task.phase = Phase::kReduce;
    reduce_->assignment.attempt.number = number;
    FetchOptions fetch;
    fetch.own_endpoint = kEndpoint;
    fetch.own_output_dirs = {outputs()};
    fetch.net = &net;
    return RunReduceAttempt(reduce_->context, GroupingJob(), work_, fetch);
  };

  const auto first = run(0);
  ASSERT_FALSE(first.has_value());
  EXPECT_EQ(first.error().cause, wire::FailureCause::kFetch);
  EXPECT_EQ(first.error().failed_source, work_.sources.back().attempt);
  EXPECT_GT(reduce_->box.shuffle_bytes_done.load(), 0u) << "a part had come";

  ASSERT_TRUE(PosixEnv().Rename(lost + ".gone", lost).has_value());
  const auto second = run(1);
  ASSERT_TRUE(second.has_value()) << second.error().message;
  EXPECT_EQ(Part(0), expected);
}

TEST_F(JobTest, Reduce_WithoutAGrantPublishesNothing) {
  RunMaps(GroupingJob(), WriteInput(scratch_ / "in", "a\t1\n", 1000), kPlain);
  AttemptFixture reduce(scratch_ / "zombie");
  Configure(reduce, kPlain);
  reduce.assignment.attempt.task.phase = Phase::kReduce;
  reduce.context.wait_for_commit = []() -> Status { return Fail(ErrorCode::kFenced, "another attempt won"); };
  auto result = ReduceSegments(reduce.context, GroupingJob(), {});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().cause, wire::FailureCause::kCancelled);
  EXPECT_FALSE(PosixEnv().Exists(JoinPath(scratch_ / "out", "part-r-00000")));
}

TEST_F(JobTest, Reduce_FinishAndRawCounting) {
  mr_job_def job = GroupingJob();
  job.output_format = "raw";
  job.finish = [](void* instance, mr_sink* sink) {
    return static_cast<const mr_task*>(instance)->phase == MR_PHASE_REDUCE ? Write(sink, "the end") : MR_OK;
  };
  RunMaps(job, WriteInput(scratch_ / "in", "a\t1\nb\t2\n", 1000), kPlain);
  auto result = RunReduce(job, 0, kPlain);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(Part(0), "a\t1\nb\t2\nthe end");
  EXPECT_EQ(result->files.at(0).record_count, 2u);
}

}  // namespace
}  // namespace mr::worker::test
