// What a map takes of memory: measured in this process as its peak resident size (VmHWM) during the attempt, less
// what it had before; and that no record costs an allocation.
#include "worker/map/map_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>

#include "common/base/strings.h"
#include "test/unit/worker/map/collector_test_util.h"
#include "worker/map/emit_buffer.h"
#include "worker/map/emit_table.h"
#include "worker/map/map_attempt.h"
#include "worker/reduce/reduce_attempt.h"
#include "worker/shuffle/run_files.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMemoryIsReal = false;
#else
constexpr bool kMemoryIsReal = true;
static uint64_t allocations = 0;

[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new[](size_t size) { return operator new(size); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
#endif

namespace mr::worker::test {
namespace {

uint64_t Allocations() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 0;
#else
  return allocations;
#endif
}

// "VmHWM:     1234 kB", in bytes.
uint64_t MemoryOfThisProcess(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::stoull(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}

void ForgetPeak() { std::ofstream("/proc/self/clear_refs") << 5; }

// Keys that are mostly new, some of them too long for a table's slot.
std::string Lines(uint64_t bytes) {
  Random random(1);
  std::string text;
  text.reserve(bytes + 200);
  while (text.size() < bytes) {
    for (int i = 0; i < 4; ++i) {
      for (uint64_t n = random.Below(random.Below(3) == 0 ? 30 : 9) + 4; n > 0; --n) {
        text += static_cast<char>('a' + random.Below(26));
      }
      text += ' ';
    }
    text.back() = '\n';
  }
  return text;
}

struct Case {
  const char* name;
  bool fold;
  bool combine;
  uint64_t budget;
  uint32_t reducers;
};

class MapMemoryTest : public ::testing::TestWithParam<Case> {};

TEST_P(MapMemoryTest, Attempt_StaysWithinTheBudgetWithTenTimesTheInput) {
  if (!kMemoryIsReal) GTEST_SKIP() << "sanitizers need memory of their own";
  const Case& c = GetParam();
  ScratchDirectory scratch;
  const auto splits = WriteInput(scratch / "text", Lines(10 * c.budget), 64u << 20);
  AttemptFixture map(scratch / "map");
  map.assignment.config.reducers = c.reducers;
  map.assignment.config.task_memory_bytes = c.budget;

  ForgetPeak();
  const uint64_t before = MemoryOfThisProcess("VmRSS");
  const auto result = RunMapAttempt(map.context, WordCountJob(c.fold, c.combine), wire::MapWork{splits});
  const uint64_t peak = MemoryOfThisProcess("VmHWM") - before;

  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_GE(map.context.counters["mr.spills"], 5);
  EXPECT_LE(peak, c.budget + c.budget / 10) << FormatSize(peak) << " of " << FormatSize(c.budget);
  EXPECT_GE(peak, c.budget / 2) << FormatSize(peak) << ": the budget is there to be used";
  RecordProperty("peak_bytes", std::to_string(peak));
}

INSTANTIATE_TEST_SUITE_P(Budgets, MapMemoryTest,
                         ::testing::Values(Case{"Fold8MiB", true, true, 8u << 20, 4},
                                           Case{"Fold16MiB", true, true, 16u << 20, 1},
                                           Case{"Buffer8MiB", false, false, 8u << 20, 4},
                                           Case{"Combine8MiB", false, true, 8u << 20, 4},
                                           Case{"Buffer16MiB", false, false, 16u << 20, 1}),
                         [](const auto& info) { return info.param.name; });

TEST(MapMemory, Of_DividesAnyBudget) {
  for (const uint64_t budget : {uint64_t{1}, uint64_t{1} << 20, uint64_t{64} << 20, uint64_t{1} << 40}) {
    const MapMemory memory = MapMemory::Of(budget);
    EXPECT_LE(memory.collector_bytes, budget);
    EXPECT_GE(memory.fan_in, 2u);
  }
  EXPECT_EQ(MapMemory::Of(512u << 20).fan_in, 128u);
}

// Windows of records of every size, consumed, sorted and read back.
template <class Collector>
uint64_t AllocationsFor(Collector& collector, std::string_view value, size_t windows) {
  Random random(3);
  std::vector<std::string> filled(windows);
  for (std::string& frames : filled) {
    while (frames.size() < 60'000) AppendFrame(frames, HardKey(random), value);
    frames.reserve(frames.size() + 16);
  }
  const uint64_t before = Allocations();
  const Spill spill = [&]() -> Attempted<void> { std::abort(); };
  for (const std::string& frames : filled) {
    if (!collector.Consume(frames, spill)) std::abort();
  }
  if (!collector.Sort()) std::abort();
  for (uint32_t p = 0; p < 4; ++p) {
    auto source = collector.Records(p);
    while (source.Next() == Step::kRecord) {
    }
  }
  collector.Clear();
  return Allocations() - before;
}

TEST(Collectors, NeverAllocateForARecord) {
  if (!kMemoryIsReal) GTEST_SKIP() << "sanitizers allocate for themselves";
  PartitionerFixture fixture(4);
  EmitBuffer buffer(64u << 20, fixture.partitioner());
  EXPECT_EQ(AllocationsFor(buffer, "a value", 200), 0u);
  mr_job_def def{};
  def.fold = MR_FOLD_SUM;
  def.fold_width = 8;
  EmitTable table(64u << 20, FoldSpec::Of(def), fixture.partitioner());
  EXPECT_EQ(AllocationsFor(table, BigEndian(1), 200), 0u);
}

// The whole attempt: eight times the records in as many blocks must not cost more than a few more allocations.
TEST(Collectors, AnAttemptsAllocationsDoNotGrowWithItsRecords) {
  if (!kMemoryIsReal) GTEST_SKIP() << "sanitizers allocate for themselves";
  uint64_t counts[2];
  for (int big = 0; big < 2; ++big) {
    ScratchDirectory scratch;
    const auto splits = WriteInput(scratch / "text", Lines(big ? 8u << 20 : 1u << 20), 64u << 20);
    AttemptFixture map(scratch / "map");
    map.assignment.config.task_memory_bytes = 256u << 20;
    const uint64_t before = Allocations();
    ASSERT_TRUE(RunMapAttempt(map.context, WordCountJob(true, true), wire::MapWork{splits}).has_value());
    counts[big] = Allocations() - before;
  }
  EXPECT_LE(counts[1], counts[0] + 100) << "of about a million records";
}

// A combiner's and a reduce's own code must not allocate here: the engine's allocations are counted.
int CountGroup(void*, mr_group* group, mr_sink* sink, bool framed) {
  mr_bytes key, value;
  uint64_t count = 0;
  int more;
  char word[64];
  size_t size = 0;
  while ((more = group->next(group->host, &key, &value)) == 1) {
    size = std::min(key.size, sizeof word);
    std::memcpy(word, key.data, size);
    ++count;
  }
  if (more < 0) return MR_STOP;
  char eight[8];
  StoreLittle(eight, __builtin_bswap64(count));
  const size_t need = (framed ? kFrameHeaderBytes : 0) + size + sizeof eight;
  if (static_cast<size_t>(sink->end - sink->cursor) < need && sink->more(sink, need) != 0) return MR_STOP;
  if (framed) {
    WriteFrameHeader(sink->cursor, size, sizeof eight);
    sink->cursor += kFrameHeaderBytes;
  }
  std::memcpy(sink->cursor, word, size);
  std::memcpy(sink->cursor + size, eight, sizeof eight);
  sink->cursor += size + sizeof eight;
  return MR_OK;
}

TEST(Collectors, ACombinersAllocationsDoNotGrowWithItsGroups) {
  if (!kMemoryIsReal) GTEST_SKIP() << "sanitizers allocate for themselves";
  mr_job_def job = WordCountJob(false, true);
  job.combine = [](void* self, mr_group* group, mr_sink* sink) { return CountGroup(self, group, sink, true); };
  uint64_t counts[2];
  for (int big = 0; big < 2; ++big) {
    ScratchDirectory scratch;
    const auto splits = WriteInput(scratch / "text", Lines(big ? 8u << 20 : 1u << 20), 64u << 20);
    AttemptFixture map(scratch / "map");
    map.assignment.config.task_memory_bytes = 256u << 20;
    const uint64_t before = Allocations();
    ASSERT_TRUE(RunMapAttempt(map.context, job, wire::MapWork{splits}).has_value());
    counts[big] = Allocations() - before;
    EXPECT_GT(map.context.counters["mr.combine_input_records"], big ? 400'000 : 50'000);
  }
  EXPECT_LE(counts[1], counts[0] + 100);
}

// Fetched from files, merged in one pass, cut into groups, reduced, written.
TEST(Reduces, AnAttemptsAllocationsDoNotGrowWithItsRecords) {
  if (!kMemoryIsReal) GTEST_SKIP() << "sanitizers allocate for themselves";
  for (const uint32_t flags : {0u, MR_JOB_IDENTITY_REDUCE}) {
    mr_job_def job = WordCountJob(false, false);
    job.output_format = "raw";
    job.flags = flags;
    job.reduce = [](void* self, mr_group* group, mr_sink* sink) { return CountGroup(self, group, sink, false); };
    uint64_t counts[2];
    for (int big = 0; big < 2; ++big) {
      ScratchDirectory scratch;
      wire::ReduceWork work;
      for (uint32_t i = 0; i < 3; ++i) {
        AttemptFixture map(scratch / StrCat("map", i));
        map.assignment.attempt.task = {JobId{1}, Phase::kMap, i};
        map.context.map_output_path = RunFilePath(scratch.path(), map.assignment.attempt);
        const auto splits = WriteInput(scratch / StrCat("text", i), Lines(big ? 4u << 20 : 1u << 20), 64u << 20);
        ASSERT_TRUE(RunMapAttempt(map.context, job, wire::MapWork{splits}).has_value());
        work.sources.push_back({map.assignment.attempt, {}, "ipc:///own"});
      }
      AttemptFixture reduce(scratch / "reduce");
      reduce.assignment.attempt.task = {JobId{1}, Phase::kReduce, 0};
      reduce.assignment.config.output_dir = scratch / "out";
      FetchOptions fetch;
      fetch.own_endpoint = "ipc:///own";
      fetch.own_output_dirs = {scratch.path()};
      const uint64_t before = Allocations();
      const auto result = RunReduceAttempt(reduce.context, job, work, fetch);
      counts[big] = Allocations() - before;
      ASSERT_TRUE(result.has_value()) << result.error().message;
      EXPECT_GT(reduce.context.counters["mr.reduce_input_records"], big ? 600'000 : 150'000);
    }
    EXPECT_LE(counts[1], counts[0] + 100) << "flags " << flags;
  }
}

}  // namespace
}  // namespace mr::worker::test
