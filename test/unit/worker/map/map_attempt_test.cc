#include "worker/map/map_attempt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <thread>

#include "common/base/hash.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "test/support/fault_env.h"
#include "test/unit/worker/testutil/c_jobs.h"
#include "worker/run/arena.h"
#include "worker/run/block_codec.h"
#include "worker/run/merger.h"
#include "worker/run/run_index.h"
#include "worker/run/run_reader.h"

namespace mr::worker::test {
namespace {

std::string RandomText(uint64_t seed, size_t words, uint64_t distinct) {
  Random random(seed);
  std::string text;
  for (size_t i = 0; i < words; ++i) {
    uint64_t word = random.Below(random.Below(distinct) + 1);
    uint64_t repeat = word % 7 == 0 ? 6 : 1;  // some words are longer than a table's slot
    for (uint64_t j = 0; j < repeat; ++j) {
      for (uint64_t n = word + 1; n > 0; n /= 26) text += static_cast<char>('a' + n % 26);
    }
    text += random.Below(9) == 0 ? '\n' : ' ';
  }
  return text;
}

using Records = std::vector<std::pair<std::string, std::string>>;

// The records of a run's partitions, checked against its index.
std::vector<Records> ReadRun(const std::string& path, const wire::MapResult& result) {
  std::vector<Records> partitions;
  auto file = PosixEnv().OpenForRead(path);
  EXPECT_TRUE(file.has_value());
  auto index = ReadRunIndex(**file);
  EXPECT_TRUE(index.has_value()) << index.error().text;
  for (size_t p = 0; p < index->size(); ++p) {
    Segment segment{{}, path, (*index)[p].offset, (*index)[p].bytes, {}};
    Merger merger(PosixEnv(), {SegmentInput::From(segment)}, {});
    Records records;
    uint64_t digest = 0;
    while (merger.Next() == Step::kRecord) {
      records.emplace_back(merger.key(), merger.value());
      digest += Hash64(merger.frame().bytes());
    }
    EXPECT_TRUE(std::is_sorted(records.begin(), records.end(),
                               [](const auto& a, const auto& b) { return a.first < b.first; }));
    EXPECT_EQ(result.partition_records[p], records.size());
    EXPECT_EQ(result.partition_bytes[p], (*index)[p].bytes);
    EXPECT_EQ(result.partition_digests[p], digest);
    partitions.push_back(std::move(records));
  }
  return partitions;
}

struct Case {
  bool fold, combine, config_combine;
  uint32_t reducers;
  uint64_t memory;
  uint64_t split;
  wire::Compression codec;
};

std::string Name(const Case& c) {
  return StrCat("fold ", c.fold, " combine ", c.combine, " config ", c.config_combine, " -r ", c.reducers,
                " memory ", c.memory, " split ", c.split, " codec ", static_cast<int>(c.codec));
}

class MapAttemptTest : public ::testing::Test {
 protected:
  MapAttemptTest() : fixture_(scratch_.path()) { fixture_.assignment.config.reducers = 1; }

  Attempted<wire::MapResult> Run(const mr_job_def& job, const std::vector<wire::Split>& splits) {
    return RunMapAttempt(fixture_.context, job, wire::MapWork{splits});
  }
  int64_t Counter(const std::string& name) { return fixture_.context.counters[name]; }

  ScratchDirectory scratch_;
  AttemptFixture fixture_;
};

void CheckWordCount(const Case& c, const std::string& text) {
  SCOPED_TRACE(Name(c));
  ScratchDirectory scratch;
  AttemptFixture fixture(scratch.path());
  fixture.assignment.config.reducers = c.reducers;
  fixture.assignment.config.combine = c.config_combine;
  fixture.assignment.config.task_memory_bytes = c.memory;
  fixture.assignment.config.shuffle_codec = c.codec;
  auto splits = WriteInput(scratch / "input.txt", text, c.split);

  auto result = RunMapAttempt(fixture.context, WordCountJob(c.fold, c.combine), wire::MapWork{splits});

  ASSERT_TRUE(result.has_value()) << result.error().message;
  std::map<std::string, uint64_t> counts;
  auto partitions = ReadRun(fixture.context.map_output_path, *result);
  ASSERT_EQ(partitions.size(), c.reducers);
  std::set<std::string> seen;
  for (const Records& records : partitions) {
    std::set<std::string> here;
    for (const auto& [word, value] : records) {
      counts[word] += FromBigEndian(value);
      here.insert(word);
    }
    if (c.fold && c.config_combine) {
      EXPECT_EQ(here.size(), records.size());  // folded all the way
    }
    for (const std::string& word : here) EXPECT_TRUE(seen.insert(word).second);  // in one partition only
  }
  auto expected = CountWords(text);
  EXPECT_EQ(counts, expected);
  if (c.memory > 100'000) {
    EXPECT_EQ(fixture.context.counters["mr.combiner_off"], 0) << "it pays";
  }
  uint64_t words = 0;
  for (const auto& [word, count] : expected) words += count;
  EXPECT_EQ(fixture.context.counters["mr.map_output_records"], static_cast<int64_t>(words));
  EXPECT_EQ(fixture.context.counters["mr.map_input_bytes"], static_cast<int64_t>(text.size()));
  EXPECT_FALSE(PosixEnv().Exists(fixture.context.map_output_path + ".tmp"));
  if (c.memory < 100'000) {
    EXPECT_GE(fixture.context.counters["mr.spills"], 12);
  }
}

// The first block's codec in the run file at `path`.
uint8_t StoredAs(const std::string& path) {
  return ReadBlockHeader(ReadWholeFile(PosixEnv(), path)->data())->codec;
}

// The spills, which stay here, are not compressed; the map output, which may travel, is.
TEST_F(MapAttemptTest, AutoCodec_CompressesTheMapOutputOnly) {
  std::string text;
  for (int i = 0; i < 4000; ++i) text += StrCat("word", i % 26, "\tthe same over and over again\n");
  fixture_.assignment.config.task_memory_bytes = 100'000;
  fixture_.assignment.config.shuffle_codec = wire::Compression::kAuto;
  std::vector<uint8_t> spills;
  mr_job_def job = GroupingJob();
  static std::vector<uint8_t>* seen;
  static std::string first_spill;
  seen = &spills;
  first_spill = JoinPath(fixture_.context.scratch_dir, "spill-0.run");
  job.finish = [](void*, mr_sink*) {
    seen->push_back(StoredAs(first_spill));
    return MR_OK;
  };
  ASSERT_TRUE(Run(job, WriteInput(scratch_ / "in", text, 1u << 30)).has_value());
  EXPECT_EQ(spills, std::vector<uint8_t>{kStoredRaw});
  EXPECT_EQ(StoredAs(fixture_.context.map_output_path), kStoredLz4);
}

TEST_F(MapAttemptTest, AutoCodec_ThatTheCoordinatorMadeNone_CompressesNothing) {
  fixture_.assignment.config.shuffle_codec = wire::Compression::kNone;
  ASSERT_TRUE(Run(GroupingJob(), WriteInput(scratch_ / "in", "a\t" + std::string(5000, 'x') + "\n", 1u << 30)).has_value());
  EXPECT_EQ(StoredAs(fixture_.context.map_output_path), kStoredRaw);
}

// A task's next map attempt works in the memory of the one before.
TEST_F(MapAttemptTest, KeptMemory_IsUsedAgain) {
  Arena kept(0);
  fixture_.context.kept_memory = &kept;
  fixture_.assignment.config.task_memory_bytes = 16u << 20;
  const char* first = nullptr;
  for (const mr_job_def& job : {WordCountJob(true, true), WordCountJob(true, true), WordCountJob(true, true)}) {
    const std::string text = StrCat("some words ", Counter("mr.map_input_bytes"), " and some words\n");
    auto result = Run(job, WriteInput(scratch_ / StrCat("in", text.size()), text, 1u << 30));
    ASSERT_TRUE(result.has_value()) << result.error().message;
    const Records records = ReadRun(fixture_.context.map_output_path, *result).at(0);
    EXPECT_EQ(records, (Records{{"and", BigEndian(1)}, {"some", BigEndian(2)}, {"words", BigEndian(2)}}));
    ASSERT_TRUE(PosixEnv().RemoveFile(fixture_.context.map_output_path).has_value());
    ASSERT_NE(kept.data(), nullptr);
    if (first != nullptr) {
      EXPECT_EQ(kept.data(), first);
    }
    first = kept.data();
  }
}

// 40,000 words, all different but the last 1000: folding and combining do not pay, with and without spills.
TEST(MapAttempt, CombinerThatDoesNotPay_IsSwitchedOffAndTheResultIsTheSame) {
  std::string text;
  for (int i = 0; i < 41'000; ++i) {
    for (int n = i % 40'000 + 30'000; n > 0; n /= 26) text += static_cast<char>('a' + n % 26);
    text += i % 9 == 0 ? '\n' : ' ';
  }
  for (bool fold : {true, false}) {
    for (uint64_t memory : {600'000u, 16u << 20}) {
      SCOPED_TRACE(StrCat("fold ", fold, " memory ", memory));
      ScratchDirectory scratch;
      AttemptFixture fixture(scratch.path());
      fixture.assignment.config.reducers = 3;
      fixture.assignment.config.task_memory_bytes = memory;
      auto splits = WriteInput(scratch / "input.txt", text, 1u << 30);
      auto result = RunMapAttempt(fixture.context, WordCountJob(fold, true), wire::MapWork{splits});
      ASSERT_TRUE(result.has_value()) << result.error().message;
      EXPECT_EQ(fixture.context.counters["mr.combiner_off"], 1);
      EXPECT_EQ(fixture.context.counters["mr.map_output_records"], 41'000);
      EXPECT_EQ(fixture.context.counters["mr.spills"] > 0, memory < 1'000'000);
      if (!fold) {
        EXPECT_LT(fixture.context.counters["mr.combine_input_records"], 41'000);
      }
      std::map<std::string, uint64_t> counts;
      uint64_t records = 0;
      for (const Records& partition : ReadRun(fixture.context.map_output_path, *result)) {
        for (const auto& [word, value] : partition) counts[word] += FromBigEndian(value);
        records += partition.size();
      }
      EXPECT_EQ(counts, CountWords(text));
      if (fold) {
        EXPECT_EQ(records, counts.size()) << "folded when written";
      }
    }
  }
}

TEST(MapAttempt, WordCount_EqualsTheOracleForEverySetting) {
  std::string text = RandomText(1, 20'000, 9'000);
  constexpr auto kLz4 = wire::Compression::kLz4;
  for (auto [fold, combine] : {std::pair(true, true), std::pair(false, true), std::pair(false, false)}) {
    for (uint64_t memory : {20'000u, 64u << 20}) {
      for (uint32_t reducers : {1u, 7u}) {
        CheckWordCount({fold, combine, true, reducers, memory, 50'000, kLz4}, text);
      }
    }
    CheckWordCount({fold, combine, false, 3, 20'000, 1u << 30, wire::Compression::kNone}, text);
    CheckWordCount({fold, combine, true, 3, 20'000, 777, wire::Compression::kZstd}, text);
  }
}

// More spills than are merged at once.
TEST(MapAttempt, WordCount_HundredsOfSpills) {
  std::string text = RandomText(2, 60'000, 3'000'000);
  CheckWordCount({true, true, true, 2, 1, 1u << 30, wire::Compression::kLz4}, text);
}

TEST_F(MapAttemptTest, Combiner_RunsAtSpillAndAtMerge) {
  fixture_.assignment.config.task_memory_bytes = 64u << 10;
  std::string text = RandomText(3, 30'000, 50);
  ASSERT_TRUE(Run(WordCountJob(false, true), WriteInput(scratch_ / "in", text, 1u << 30)).has_value());
  EXPECT_GE(Counter("mr.spills"), 3);
  EXPECT_GT(Counter("mr.combine_input_records"), Counter("mr.map_output_records"));  // also when merging
  EXPECT_LT(Counter("mr.spilled_records"), Counter("mr.map_output_records") / 4);
}

TEST_F(MapAttemptTest, Output_IsTheSameInEveryAttempt) {
  std::string text = RandomText(4, 20'000, 5'000);
  fixture_.assignment.config.task_memory_bytes = 64u << 10;
  fixture_.assignment.config.reducers = 3;
  auto splits = WriteInput(scratch_ / "in", text, 10'000);
  for (bool fold : {true, false}) {
    ASSERT_TRUE(Run(WordCountJob(fold, false), splits).has_value());
    std::string first = *ReadWholeFile(PosixEnv(), fixture_.context.map_output_path);
    ASSERT_TRUE(PosixEnv().RemoveTree(fixture_.context.scratch_dir).has_value());
    ASSERT_TRUE(PosixEnv().CreateDirectories(fixture_.context.scratch_dir).has_value());
    ASSERT_TRUE(Run(WordCountJob(fold, false), splits).has_value());
    EXPECT_EQ(*ReadWholeFile(PosixEnv(), fixture_.context.map_output_path), first);
    ASSERT_TRUE(PosixEnv().RemoveTree(fixture_.context.scratch_dir).has_value());
    ASSERT_TRUE(PosixEnv().CreateDirectories(fixture_.context.scratch_dir).has_value());
  }
}

// Records of a megabyte in a budget of 64 KiB, and the values of equal keys in the order of emission.
TEST_F(MapAttemptTest, Output_BigRecordsAndOrderOfEqualKeys) {
  fixture_.assignment.config.task_memory_bytes = 64u << 10;
  std::string text;
  Records expected;
  for (int i = 0; i < 12; ++i) {
    std::string key = i % 3 == 0 ? std::string(1'000'000, 'k') : StrCat("key", i % 3);
    std::string value = i % 2 == 0 ? std::string(200'000, 'v') + std::to_string(i) : std::to_string(i);
    text += key + "\t" + value + "\n";
    expected.emplace_back(key, value);
  }
  text += "\t\n";  // and an empty one
  expected.emplace_back("", "");
  std::stable_sort(expected.begin(), expected.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  auto result = Run(GroupingJob(), WriteInput(scratch_ / "in", text, 1u << 30));
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(ReadRun(fixture_.context.map_output_path, *result)[0], expected);
}

TEST_F(MapAttemptTest, Output_EmptyInputGivesAnEmptyRun) {
  fixture_.assignment.config.reducers = 4;
  for (bool fold : {true, false}) {
    auto result = Run(WordCountJob(fold, true), {});
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->partition_records, std::vector<uint64_t>(4, 0));
    for (const Records& records : ReadRun(fixture_.context.map_output_path, *result)) {
      EXPECT_TRUE(records.empty());
    }
  }
}

TEST_F(MapAttemptTest, Fold_SignedMinMaxDedupAndNarrowValues) {
  auto fold = [&](uint32_t kind, uint32_t width, uint32_t how, std::vector<uint64_t> values) {
    static std::vector<std::string> encoded;
    encoded.clear();
    for (uint64_t v : values) {
      if (how == MR_VALUE_SIGNED) v ^= uint64_t{1} << (8 * width - 1);
      encoded.push_back(BigEndian(v, width));
    }
    mr_job_def job = WordCountJob(true, true);
    job.fold = kind;
    job.fold_width = width;
    job.fold_value = how;
    job.map = [](void*, const mr_records*, mr_sink* sink) {
      int result = MR_OK;
      for (const std::string& value : encoded) {
        if (result == MR_OK) result = Emit(sink, "k", value);
      }
      return result;
    };
    auto result = Run(job, WriteInput(scratch_ / "in", "x\n", 100));
    EXPECT_TRUE(result.has_value()) << result.error().message;
    auto records = ReadRun(fixture_.context.map_output_path, *result)[0];
    EXPECT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].second.size(), width);
    uint64_t number = FromBigEndian(records[0].second);
    return how == MR_VALUE_SIGNED ? number ^ uint64_t{1} << (8 * width - 1) : number;
  };
  auto minus = [](int64_t v, uint32_t width) {
    return static_cast<uint64_t>(v) & (width == 8 ? ~uint64_t{0} : (uint64_t{1} << 8 * width) - 1);
  };
  EXPECT_EQ(fold(MR_FOLD_SUM, 8, MR_VALUE_SIGNED, {minus(-5, 8), 3, minus(-1, 8)}), minus(-3, 8));
  EXPECT_EQ(fold(MR_FOLD_SUM, 4, MR_VALUE_SIGNED, {minus(-5, 4), 3}), minus(-2, 4));
  EXPECT_EQ(fold(MR_FOLD_SUM, 1, MR_VALUE_UNSIGNED, {200, 100}), 44u);  // wraps like uint8_t
  EXPECT_EQ(fold(MR_FOLD_MIN, 4, MR_VALUE_SIGNED, {7, minus(-9, 4), 0}), minus(-9, 4));
  EXPECT_EQ(fold(MR_FOLD_MAX, 8, MR_VALUE_SIGNED, {minus(-7, 8), minus(-9, 8)}), minus(-7, 8));
  EXPECT_EQ(fold(MR_FOLD_MAX, 2, MR_VALUE_UNSIGNED, {7, 65535, 9}), 65535u);
  EXPECT_EQ(fold(MR_FOLD_DEDUP, 0, MR_VALUE_UNSIGNED, {0, 0, 0}), 0u);
}

TEST_F(MapAttemptTest, Emit_ATornFrameIsBadOutput) {
  for (bool fold : {true, false}) {
    mr_job_def job = WordCountJob(fold, false);
    for (uint32_t size : {5u, 1000u, ~0u}) {
      static uint32_t key_size;
      key_size = size;
      job.map = [](void*, const mr_records*, mr_sink* sink) {
        Emit(sink, "good", BigEndian(1));
        std::copy_n(reinterpret_cast<const char*>(&key_size), 4, sink->cursor);
        sink->cursor += 4;  // and no more of it
        return MR_OK;
      };
      auto result = Run(job, WriteInput(scratch_ / "in", "x\n", 100));
      ASSERT_FALSE(result.has_value());
      EXPECT_EQ(result.error().cause, wire::FailureCause::kBadOutput);
      EXPECT_NE(result.error().message.find("torn"), std::string::npos);
      EXPECT_FALSE(PosixEnv().Exists(fixture_.context.map_output_path));
    }
  }
}

TEST_F(MapAttemptTest, Emit_AValueOfAnotherWidthThanDeclaredIsBadOutput) {
  mr_job_def job = WordCountJob(true, true);
  job.map = [](void*, const mr_records*, mr_sink* sink) { return Emit(sink, "key", "value"); };
  auto result = Run(job, WriteInput(scratch_ / "in", "x\n", 100));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().cause, wire::FailureCause::kBadOutput);
}

TEST_F(MapAttemptTest, Combiner_ThatLeavesItsGroupIsBadOutput) {
  mr_job_def job = WordCountJob(false, true);
  job.combine = [](void*, mr_group*, mr_sink* sink) { return Emit(sink, "elsewhere", BigEndian(1)); };
  auto result = Run(job, WriteInput(scratch_ / "in", "some words\n", 100));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().cause, wire::FailureCause::kBadOutput);
  EXPECT_EQ(result.error().function, "combine");
}

TEST_F(MapAttemptTest, Partition_OutOfRangeIsBadOutput) {
  for (bool fold : {true, false}) {
    mr_job_def job = WordCountJob(fold, false);
    job.partition = [](void*, mr_bytes, uint32_t count) { return count; };
    fixture_.assignment.config.reducers = 2;
    auto result = Run(job, WriteInput(scratch_ / "in", "some words\n", 100));
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().cause, wire::FailureCause::kBadOutput);
    EXPECT_EQ(result.error().function, "partition");
  }
}

TEST_F(MapAttemptTest, Partition_RangesGiveATotalOrder) {
  mr_job_def job = WordCountJob(false, false);
  job.partition_kind = MR_PARTITION_RANGE;
  fixture_.assignment.config.reducers = 3;
  fixture_.assignment.config.range_bounds = {"g", "p"};
  auto result = Run(job, WriteInput(scratch_ / "in", RandomText(5, 3000, 1000), 1u << 30));
  ASSERT_TRUE(result.has_value());
  std::string last;
  for (const Records& records : ReadRun(fixture_.context.map_output_path, *result)) {
    for (const auto& [word, value] : records) {
      EXPECT_LE(last, word);
      last = word;
    }
  }
  fixture_.assignment.config.range_bounds = {"g"};
  auto refused = Run(job, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().cause, wire::FailureCause::kBadParameter);
}

// An attempt whose input suffers `fault` at the first call of `op`.
Attempted<wire::MapResult> RunWithInputFault(const std::string& op, const std::function<mr::test::Fault(std::string)>& fault,
                                             ErrorCode code = ErrorCode::kIo) {
  ScratchDirectory scratch;
  const std::string path = scratch / "input.txt";
  const auto splits = WriteInput(path, "one\ntwo\n", 100);
  mr::test::FaultEnv env(PosixEnv());
  env.SetPlan(
      [&](const mr::test::FaultCall& call) {
        return call.op == op && call.path == path ? fault(path) : mr::test::Fault::kNone;
      },
      code);
  AttemptFixture fixture(scratch.path(), env);
  fixture.assignment.config.reducers = 1;
  auto result = RunMapAttempt(fixture.context, WordCountJob(true, true), wire::MapWork{splits});
  if (!result) {
    EXPECT_EQ(result.error().input_path, path);
  }
  return result;
}

TEST(MapAttemptInput, UnreadableFile_IsBadInput) {
  const auto fail = [](const std::string&) { return mr::test::Fault::kFail; };
  auto result = RunWithInputFault("OpenForRead", fail, ErrorCode::kPermission);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().cause, wire::FailureCause::kBadInput);
  // A disk that fails is not the job's fault.
  result = RunWithInputFault("OpenForRead", fail, ErrorCode::kIo);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().cause, wire::FailureCause::kIo);
}

TEST(MapAttemptInput, FileWrittenToWhileItIsRead_IsBadInput) {
  const auto result = RunWithInputFault("Stat", [](const std::string& path) {
    EXPECT_TRUE(WriteFileAtomically(PosixEnv(), path, "one\ntwo\nthree\n").has_value());
    return mr::test::Fault::kNone;
  });
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().cause, wire::FailureCause::kBadInput);
  EXPECT_NE(result.error().message.find("changed while it was read: it had 8 bytes"), std::string::npos)
      << result.error().message;
}

TEST(MapAttemptInput, FileRemovedAfterItWasRead_DoesNotMatter) {
  const auto result = RunWithInputFault("Stat", [](const std::string& path) {
    EXPECT_TRUE(PosixEnv().RemoveFile(path).has_value());
    return mr::test::Fault::kNone;
  });
  EXPECT_TRUE(result.has_value());
}

TEST_F(MapAttemptTest, Input_MissingFileIsBadInput) {
  wire::Split split;
  split.file.path = scratch_ / "gone.txt";
  split.file.size_bytes = split.end = 10;
  auto result = Run(WordCountJob(true, true), {split});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().cause, wire::FailureCause::kBadInput);
  EXPECT_EQ(result.error().input_path, split.file.path);
}

TEST_F(MapAttemptTest, Failure_OfUserCodeNamesTheRecord) {
  mr_job_def job = WordCountJob(true, true);
  job.map = [](void* instance, const mr_records* records, mr_sink*) {
    auto* task = static_cast<const mr_task*>(instance);
    for (uint32_t i = 0; i < records->count; ++i) {
      task->where->record_data = records->records[i].data;
      task->where->record_size = records->records[i].size;
      task->where->record_no = records->first_no + i;
      if (View(records->records[i]) != "bad") continue;
      task->fail(task->host, MR_FAIL_EXCEPTION, {"E", 1}, {"no good", 7});
      return MR_FAILED;
    }
    return MR_OK;
  };
  auto result = Run(job, WriteInput(scratch_ / "in", "fine\nfine\nbad\nfine\n", 1000));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().cause, wire::FailureCause::kException);
  EXPECT_EQ(result.error().input_path, scratch_ / "in");
  EXPECT_EQ(result.error().record_offset, 10u);
  EXPECT_EQ(result.error().record_no, 2u);
  EXPECT_EQ(result.error().excerpt, "bad");
}

TEST_F(MapAttemptTest, Config_ThatDoesNotFitTheJobIsRefused) {
  fixture_.assignment.config.reducers = kMaxPartitions + 1;
  auto result = Run(WordCountJob(true, true), {});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().cause, wire::FailureCause::kBadParameter);
  fixture_.assignment.config.reducers = 2;
  mr_job_def map_only = WordCountJob(false, false);
  map_only.flags = MR_JOB_MAP_ONLY;
  EXPECT_FALSE(Run(map_only, {}).has_value());
  fixture_.assignment.config.shuffle_codec = wire::Compression::kGzip;
  auto gzip = Run(WordCountJob(true, true), {});
  ASSERT_FALSE(gzip.has_value());
  EXPECT_EQ(gzip.error().cause, wire::FailureCause::kBadParameter);
}

TEST_F(MapAttemptTest, MapOnly_WritesAndPublishesText) {
  fixture_.assignment.config.reducers = 0;
  mr_job_def job = WordCountJob(false, false);
  job.flags = MR_JOB_MAP_ONLY;
  job.reduce = nullptr;
  job.map = [](void*, const mr_records* records, mr_sink* sink) {
    for (uint32_t i = 0; i < records->count; ++i) {
      std::string line(View(records->records[i]));
      if (line.find("keep") != std::string::npos) Write(sink, line + "\n");
      if (line.find("odd") != std::string::npos) Write(sink->named(sink, {"odd", 3}), line + "\n");
    }
    return MR_OK;
  };
  auto result = Run(job, WriteInput(scratch_ / "in", "keep 1\ndrop 2\nkeep 3\nodd\n", 9));
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(fixture_.commits, 1);
  ASSERT_EQ(result->files.size(), 2u);
  std::string out = fixture_.assignment.config.output_dir;
  EXPECT_EQ(*ReadWholeFile(PosixEnv(), JoinPath(out, "part-m-00000")), "keep 1\nkeep 3\n");
  EXPECT_EQ(*ReadWholeFile(PosixEnv(), JoinPath(out, "odd-m-00000")), "odd\n");
  EXPECT_EQ(Counter("mr.output_records"), 3);
  EXPECT_EQ(Counter("mr.map_input_records"), 4);
}

// `-r 0` of a job that could reduce: the plugin, told so, writes text instead of frames.
TEST_F(MapAttemptTest, MapOnly_OfAJobWithAReducer) {
  fixture_.assignment.config.reducers = 0;
  mr_job_def job = WordCountJob(false, false);
  job.map = [](void*, const mr_records* records, mr_sink* sink) {
    for (uint32_t i = 0; i < records->count; ++i) Write(sink, StrCat(View(records->records[i]), "\n"));
    return MR_OK;
  };
  auto result = Run(job, WriteInput(scratch_ / "in", "a\nb\n", 64));
  ASSERT_TRUE(result.has_value()) << result.error().message;
  std::string out = fixture_.assignment.config.output_dir;
  EXPECT_EQ(*ReadWholeFile(PosixEnv(), JoinPath(out, "part-m-00000")), "a\nb\n");
}

// Two attempts of one task at the same time: each owns its files, both come out whole and equal.
TEST(MapAttempt, Lesson05_TwoAttemptsAtOnceLeaveBothFilesIntact) {
  ScratchDirectory scratch;
  std::string text = RandomText(6, 30'000, 8'000);
  auto splits = WriteInput(scratch / "in", text, 40'000);
  auto run = [&](uint32_t number, std::string& bytes) {
    AttemptFixture fixture(scratch / StrCat("attempt", number));
    fixture.assignment.attempt.number = number;
    fixture.assignment.config.reducers = 3;
    fixture.assignment.config.task_memory_bytes = 64u << 10;
    fixture.context.map_output_path = scratch / StrCat("j42-m0.", number, ".run");
    auto result = RunMapAttempt(fixture.context, WordCountJob(false, true), wire::MapWork{splits});
    ASSERT_TRUE(result.has_value()) << result.error().message;
    ReadRun(fixture.context.map_output_path, *result);
    bytes = *ReadWholeFile(PosixEnv(), fixture.context.map_output_path);
  };
  std::string first, second;
  std::thread other([&] { run(1, second); });
  run(0, first);
  other.join();
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(first, second);
}

}  // namespace
}  // namespace mr::worker::test
