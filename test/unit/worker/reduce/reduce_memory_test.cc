// What a reduce takes of memory: measured in this process as its peak resident size (VmHWM) during the attempt,
// less what it had before; the map outputs are made and served by another process.
#include "worker/reduce/reduce_memory.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "common/base/logging.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "test/unit/worker/testutil/c_jobs.h"
#include "worker/reduce/reduce_attempt.h"
#include "worker/run/run_writer.h"
#include "worker/shuffle/run_files.h"
#include "worker/shuffle/segment_server.h"

namespace mr::worker::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMemoryIsReal = false;
#else
constexpr bool kMemoryIsReal = true;
#endif

// "VmHWM:     1234 kB", in bytes.
uint64_t MemoryOfThisProcess(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::stoull(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}

void ForgetPeak() { std::ofstream("/proc/self/clear_refs") << 5; }

constexpr uint32_t kMaps = 60;

AttemptId MapAttemptId(uint32_t index) { return {{JobId{42}, Phase::kMap, index}, 0, 1}; }

// Every second map output is on the reducer's own worker. Half of the records have the same key.
void WriteOutput(const std::string& directory, uint32_t index, uint64_t bytes, wire::Compression codec) {
  RunOptions options;
  options.compression = codec;
  auto run = RunWriter::Create(PosixEnv(), RunFilePath(directory, MapAttemptId(index)), options).value();
  run->StartPartition(0);
  Random random(index);
  std::string value(1000, 'v');
  for (uint64_t done = 0; done < bytes; done += 1024) {
    for (size_t i = 0; i < value.size(); i += 2) value[i] = static_cast<char>(random.Next());
    run->Append(done < bytes / 2 ? "a hot key" : StrCat("key ", 10'000'000 + done), value);
  }
  CHECK(run->Finish().has_value());
}

// Serves the map outputs in a process of its own until this goes away.
class Server {
 public:
  Server(const std::string& near, const std::string& far, uint64_t bytes, wire::Compression codec) {
    int to_us[2], to_it[2];
    CHECK(::pipe(to_us) == 0 && ::pipe(to_it) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(to_it[1]);
      for (uint32_t i = 0; i < kMaps; ++i) WriteOutput(i % 2 == 0 ? near : far, i, bytes / kMaps, codec);
      {
        net::NetContext net;
        auto server = SegmentServer::Start(net, PosixEnv(), "tcp://127.0.0.1:0", "", {far}).value();
        const std::string line = server->endpoint() + "\n";
        CHECK(::write(to_us[1], line.data(), line.size()) > 0);
        char end;
        (void)!::read(to_it[0], &end, 1);
      }
      ::_exit(0);
    }
    ::close(to_us[1]);
    ::close(to_it[0]);
    stop_ = to_it[1];
    for (char c; ::read(to_us[0], &c, 1) == 1 && c != '\n';) endpoint_ += c;
    ::close(to_us[0]);
  }
  ~Server() {
    ::close(stop_);
    ::waitpid(pid_, nullptr, 0);
  }
  const std::string& endpoint() const { return endpoint_; }

 private:
  pid_t pid_ = 0;
  int stop_ = -1;
  std::string endpoint_;
};

// Counts the records of each group and never keeps one.
int CountRecords(void*, mr_group* group, mr_sink* sink) {
  mr_bytes key, value;
  uint64_t count = 0;
  int more;
  while ((more = group->next(group->host, &key, &value)) == 1) ++count;
  return more < 0 ? MR_STOP : Write(sink, StrCat(count, "\n"));
}

struct Case {
  uint64_t budget;
  wire::Compression codec;
};

class ReduceMemoryTest : public ::testing::TestWithParam<Case> {};

TEST_P(ReduceMemoryTest, Attempt_StaysWithinTheBudgetWithTenTimesTheInput) {
  if (!kMemoryIsReal) GTEST_SKIP() << "sanitizers need memory of their own";
  const auto [budget, codec] = GetParam();
  const uint64_t bytes = 10 * budget;
  ScratchDirectory scratch;
  ASSERT_TRUE(PosixEnv().CreateDirectories(scratch / "near").has_value());
  ASSERT_TRUE(PosixEnv().CreateDirectories(scratch / "far").has_value());
  const Server server(scratch / "near", scratch / "far", bytes, codec);
  wire::ReduceWork work;
  for (uint32_t i = 0; i < kMaps; ++i) {
    work.sources.push_back({MapAttemptId(i), {}, i % 2 == 0 ? "ipc:///own" : server.endpoint()});
  }
  AttemptFixture reduce(scratch / "reduce");
  reduce.assignment.attempt.task.phase = Phase::kReduce;
  reduce.assignment.config.task_memory_bytes = budget;
  reduce.assignment.config.shuffle_codec = codec;
  mr_job_def job = GroupingJob();
  job.reduce = CountRecords;
  FetchOptions fetch;
  fetch.own_endpoint = "ipc:///own";
  fetch.own_output_dirs = {scratch / "near"};

  ::malloc_trim(0);  // what earlier tests left would hide what this one takes
  ForgetPeak();
  const uint64_t before = MemoryOfThisProcess("VmRSS");
  const auto result = RunReduceAttempt(reduce.context, job, work, fetch);
  const uint64_t peak = MemoryOfThisProcess("VmHWM") - before;

  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_GE(reduce.context.counters["mr.reduce_input_records"], static_cast<int64_t>(bytes / 1024 - kMaps));
  EXPECT_LE(peak, budget + budget / 10) << FormatSize(peak) << " of " << FormatSize(budget);
  RecordProperty("peak_bytes", std::to_string(peak));
}

INSTANTIATE_TEST_SUITE_P(Budgets, ReduceMemoryTest,
                         ::testing::Values(Case{8u << 20, wire::Compression::kNone},
                                           Case{8u << 20, wire::Compression::kZstd},
                                           Case{24u << 20, wire::Compression::kLz4}),
                         [](const auto& info) {
                           return StrCat(info.param.budget >> 20, "MiB_codec", static_cast<int>(info.param.codec));
                         });

TEST(ReduceMemory, Of_DividesAnyBudget) {
  for (const uint64_t budget : {uint64_t{1}, uint64_t{1} << 20, uint64_t{64} << 20, uint64_t{1} << 40}) {
    const ReduceMemory memory = ReduceMemory::Of(budget);
    EXPECT_GE(memory.parallel, 1u);
    EXPECT_GE(memory.window, 1u);
    EXPECT_LE(memory.fetch_bytes, budget);
    EXPECT_GE(memory.FanIn({}), 2u);
  }
  EXPECT_EQ(ReduceMemory::Of(512u << 20).FanIn({}), 256u);
}

}  // namespace
}  // namespace mr::worker::test
