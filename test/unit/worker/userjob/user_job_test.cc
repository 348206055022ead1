#include "worker/userjob/user_job.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/strings.h"
#include "test/unit/worker/testutil/c_jobs.h"

namespace mr::worker::test {
namespace {

// What the C functions below do and saw; reset by each test.
struct Script {
  const mr_task* task = nullptr;
  uint32_t phase_in_call = 0;
  uint32_t phase_in_destroy = 0;
  int answer = MR_OK;
  void (*act)(const mr_task*, const mr_records*) = nullptr;
  bool destroyed = false;
  bool create_fails = false;
};
Script script;

void* Create(const mr_task* task) {
  script.task = task;
  script.phase_in_call = task->where->phase;
  return script.create_fails ? nullptr : &script;
}
void Destroy(void*) {
  script.destroyed = true;
  script.phase_in_destroy = script.task->where->phase;
}
int Map(void*, const mr_records* records, mr_sink*) {
  script.phase_in_call = script.task->where->phase;
  if (script.act != nullptr) script.act(script.task, records);
  return script.answer;
}

mr_bytes Text(std::string_view text) { return {text.data(), text.size()}; }

class UserJobTest : public ::testing::Test {
 protected:
  UserJobTest() : fixture_(scratch_.path()) {
    script = Script{};
    def_.size = sizeof def_;
    def_.create = Create;
    def_.destroy = Destroy;
    def_.map = Map;
  }

  // Maps the lines "first", "second" of a batch that begins at byte 1000 of /data/in.txt.
  Attempted<void> MapBatch() {
    auto job = UserJob::Create(def_, fixture_.context);
    EXPECT_TRUE(job.has_value());
    static const std::string text = "first\nsecond\n";
    mr_bytes lines[] = {{text.data(), 5}, {text.data() + 6, 6}};
    mr_records records{};
    records.size = sizeof records;
    records.count = 2;
    records.records = lines;
    records.first_no = 20;
    std::copy_n("/data/in.txt", 13, fixture_.box.input_path);
    fixture_.box.where.batch_data = text.data();
    fixture_.box.where.batch_offset = 1000;
    mr_sink sink{};
    auto result = (*job)->Map(records, sink);
    EXPECT_EQ(fixture_.box.where.phase, MR_PHASE_NONE);
    (*job)->CollectCounters();
    return result;
  }

  ScratchDirectory scratch_;
  AttemptFixture fixture_;
  mr_job_def def_{};
};

TEST_F(UserJobTest, Create_FillsTheTask) {
  fixture_.assignment.attempt.task.index = 7;
  fixture_.assignment.attempt.number = 3;
  fixture_.assignment.config.reducers = 5;
  fixture_.assignment.config.params["pattern"] = "x+";
  fixture_.assignment.config.side_files["stop"] = "/data/stop.txt";
  fixture_.assignment.config.job_dir = "/shared/job";

  auto job = UserJob::Create(def_, fixture_.context);

  ASSERT_TRUE(job.has_value());
  const mr_task& task = *script.task;
  EXPECT_EQ(script.phase_in_call, MR_PHASE_CREATE);
  EXPECT_EQ(task.size, sizeof(mr_task));
  EXPECT_EQ(task.where, &fixture_.box.where);
  EXPECT_EQ(task.phase, MR_PHASE_MAP);
  EXPECT_EQ(task.task_index, 7u);
  EXPECT_EQ(task.attempt, 3u);
  EXPECT_EQ(task.partition_count, 5u);
  EXPECT_EQ(View(task.job_id), "j42");
  EXPECT_EQ(View(task.job_name), "test");
  EXPECT_EQ(View(task.worker_name), "worker-1");
  EXPECT_EQ(View(task.job_dir), "/shared/job");
  EXPECT_EQ(View(task.scratch_dir), fixture_.context.scratch_dir);
  EXPECT_EQ(View(task.param(task.host, Text("pattern"))), "x+");
  EXPECT_EQ(task.param(task.host, Text("other")).size, MR_UNSET);
  EXPECT_EQ(View(task.side_path(task.host, Text("stop"))), "/data/stop.txt");
  EXPECT_EQ(task.side_path(task.host, Text("pattern")).size, MR_UNSET);
  job->reset();
  EXPECT_TRUE(script.destroyed);
  EXPECT_EQ(script.phase_in_destroy, MR_PHASE_FINISH);
}

TEST_F(UserJobTest, Create_SeedIsTheTasksNotTheAttempts) {
  auto seed = [this](uint32_t task, uint32_t attempt) {
    fixture_.assignment.attempt.task.index = task;
    fixture_.assignment.attempt.number = attempt;
    auto job = UserJob::Create(def_, fixture_.context);
    return script.task->seed;
  };
  EXPECT_EQ(seed(1, 0), seed(1, 4));
  EXPECT_NE(seed(1, 0), seed(2, 0));
}

TEST_F(UserJobTest, Create_FailureInSetupIsTold) {
  script.create_fails = true;
  auto job = UserJob::Create(def_, fixture_.context);
  ASSERT_FALSE(job.has_value());
  EXPECT_EQ(job.error().cause, wire::FailureCause::kException);
  EXPECT_EQ(job.error().function, "setup");
  EXPECT_FALSE(script.destroyed);  // there is nothing to destroy
}

TEST_F(UserJobTest, Map_FailureNamesTheRecord) {
  script.answer = MR_FAILED;
  script.act = [](const mr_task* task, const mr_records* records) {
    task->where->record_data = records->records[1].data;
    task->where->record_size = records->records[1].size;
    task->where->record_no = 21;
    task->fail(task->host, MR_FAIL_EXCEPTION, Text("std::out_of_range"), Text("stoi"));
    task->fail(task->host, MR_FAIL_FATAL, Text("later"), Text("a consequence"));
  };
  auto result = MapBatch();
  ASSERT_FALSE(result.has_value());
  const wire::Failure& failure = result.error();
  EXPECT_EQ(failure.cause, wire::FailureCause::kException);
  EXPECT_EQ(failure.type, "std::out_of_range");
  EXPECT_EQ(failure.message, "stoi");
  EXPECT_EQ(failure.function, "map");
  EXPECT_EQ(failure.input_path, "/data/in.txt");
  EXPECT_EQ(failure.record_offset, 1006u);
  EXPECT_EQ(failure.record_no, 21u);
  EXPECT_EQ(failure.record_bytes, 6u);
  EXPECT_EQ(failure.excerpt, "second");
  EXPECT_EQ(script.phase_in_call, MR_PHASE_MAP);
}

// The position fields are user memory's word: never followed blindly.
TEST_F(UserJobTest, Map_FailureWithWildPositionStaysInBounds) {
  script.answer = MR_FAILED;
  script.act = [](const mr_task* task, const mr_records* records) {
    task->where->record_data = records->records[1].data;
    task->where->record_size = ~uint64_t{0};
    task->fail(task->host, MR_FAIL_BAD_RECORD, {nullptr, 0}, {nullptr, MR_UNSET});
  };
  auto result = MapBatch();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().excerpt, "second");
  script.act = [](const mr_task* task, const mr_records*) {
    task->where->record_data = reinterpret_cast<const char*>(uintptr_t{16});
    task->fail(task->host, MR_FAIL_BAD_RECORD, Text("t"), Text("w"));
  };
  result = MapBatch();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().excerpt, "");
  EXPECT_EQ(result.error().cause, wire::FailureCause::kBadRecord);
}

TEST_F(UserJobTest, Map_EveryKindHasItsCause) {
  static int kind;
  script.answer = MR_FAILED;
  script.act = [](const mr_task* task, const mr_records*) { task->fail(task->host, kind, Text("t"), Text("w")); };
  const std::pair<int, wire::FailureCause> expected[] = {
      {MR_FAIL_EXCEPTION, wire::FailureCause::kException},
      {MR_FAIL_BAD_RECORD, wire::FailureCause::kBadRecord},
      {MR_FAIL_FATAL, wire::FailureCause::kFatal},
      {MR_FAIL_MEMORY, wire::FailureCause::kMemory},
      {99, wire::FailureCause::kException}};
  for (auto [k, cause] : expected) {
    kind = k;
    auto result = MapBatch();
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().cause, cause);
  }
}

TEST_F(UserJobTest, Map_FailedWithoutReasonIsAnException) {
  script.answer = MR_FAILED;  // without fail()
  auto result = MapBatch();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().cause, wire::FailureCause::kException);
  EXPECT_EQ(result.error().function, "map");
}

TEST_F(UserJobTest, Map_StopUnaskedAndUnknownAnswersAreBadOutput) {
  auto job = UserJob::Create(def_, fixture_.context);
  mr_records none{};
  mr_sink sink{};
  for (int answer : {MR_STOP, 77, -1}) {
    script.answer = answer;
    auto result = (*job)->Map(none, sink);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().cause, wire::FailureCause::kBadOutput) << answer;
  }
}

TEST_F(UserJobTest, Counter_SameCellForTheSameName) {
  script.act = [](const mr_task* task, const mr_records*) {
    int64_t* lines = task->counter(task->host, Text("parse"), Text("lines"));
    ASSERT_NE(lines, nullptr);
    for (int i = 0; i < 900; ++i) {
      std::string name = std::to_string(i);
      *task->counter(task->host, {nullptr, 0}, Text(name)) += i;
    }
    EXPECT_EQ(task->counter(task->host, Text("parse"), Text("lines")), lines);
    *lines += 2;
  };
  ASSERT_TRUE(MapBatch().has_value());
  EXPECT_EQ(fixture_.context.counters["parse.lines"], 2);
  EXPECT_EQ(fixture_.context.counters["17"], 17);
}

TEST_F(UserJobTest, Counter_TooManyOrReservedNamesFailTheJob) {
  script.answer = MR_FAILED;
  script.act = [](const mr_task* task, const mr_records*) {
    for (int i = 0; i < 1000; ++i) {
      std::string name = std::to_string(i);
      ASSERT_NE(task->counter(task->host, {nullptr, 0}, Text(name)), nullptr);
    }
    EXPECT_EQ(task->counter(task->host, {nullptr, 0}, Text("one more")), nullptr);
    EXPECT_NE(task->counter(task->host, {nullptr, 0}, Text("17")), nullptr);
  };
  auto result = MapBatch();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().cause, wire::FailureCause::kFatal);
  EXPECT_NE(result.error().message.find("1000"), std::string::npos) << result.error().message;
  script.act = [](const mr_task* task, const mr_records*) {
    EXPECT_EQ(task->counter(task->host, Text("mr"), Text("spills")), nullptr);
    EXPECT_EQ(task->counter(task->host, Text("a"), {nullptr, 0}), nullptr);
  };
  EXPECT_FALSE(MapBatch().has_value());
}

TEST_F(UserJobTest, Status_IsCutAndCountsAsProgress) {
  script.act = [](const mr_task* task, const mr_records*) {
    std::string text(1000, 's');
    task->status(task->host, Text(text));
    task->log(task->host, MR_LOG_INFO, Text("hello"));
  };
  uint64_t before = fixture_.box.beat.load();
  ASSERT_TRUE(MapBatch().has_value());
  EXPECT_EQ(std::string_view(fixture_.box.status), std::string(255, 's'));
  EXPECT_GT(fixture_.box.beat.load(), before);
  EXPECT_EQ(fixture_.logs, std::vector<std::string>{"hello"});
}

TEST_F(UserJobTest, PartitionOf_HashIsStableAndOfTheGroup) {
  def_.group_size = [](mr_bytes key) { return std::min<size_t>(key.size, 3); };
  {
    auto job = UserJob::Create(def_, fixture_.context);
    EXPECT_EQ((*job)->GroupOf("abcdef"), "abc");
    EXPECT_EQ((*job)->PartitionOf("abc1", 1000), (*job)->PartitionOf("abc2", 1000));
  }
  def_.group_size = [](mr_bytes) { return ~size_t{0}; };  // a lie
  auto liar = UserJob::Create(def_, fixture_.context);
  EXPECT_EQ((*liar)->GroupOf("abcdef"), "abcdef");
  std::vector<int> seen(7);
  for (int i = 0; i < 1000; ++i) ++seen[*(*liar)->PartitionOf(std::to_string(i), 7)];
  for (int count : seen) EXPECT_GT(count, 90);
}

TEST_F(UserJobTest, PartitionOf_RangeGoesByTheBounds) {
  def_.partition_kind = MR_PARTITION_RANGE;
  fixture_.assignment.config.range_bounds = {"b", "m"};
  auto job = UserJob::Create(def_, fixture_.context);
  EXPECT_EQ((*job)->PartitionOf("", 3), 0u);
  EXPECT_EQ((*job)->PartitionOf("az", 3), 0u);
  EXPECT_EQ((*job)->PartitionOf("b", 3), 1u);
  EXPECT_EQ((*job)->PartitionOf("lz", 3), 1u);
  EXPECT_EQ((*job)->PartitionOf("m", 3), 2u);
  EXPECT_EQ((*job)->PartitionOf("\xff", 3), 2u);
}

TEST_F(UserJobTest, PartitionOf_OutOfRangeIsBadOutput) {
  def_.partition = [](void*, mr_bytes key, uint32_t count) -> uint32_t {
    script.phase_in_call = script.task->where->phase;
    return View(key) == "good" ? count - 1 : count;
  };
  auto job = UserJob::Create(def_, fixture_.context);
  EXPECT_EQ((*job)->PartitionOf("good", 4), 3u);
  EXPECT_EQ(script.phase_in_call, MR_PHASE_PARTITION);
  auto bad = (*job)->PartitionOf("bad", 4);
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().cause, wire::FailureCause::kBadOutput);
  EXPECT_EQ(bad.error().function, "partition");
  EXPECT_EQ(bad.error().excerpt, "bad");
}

TEST(FailureOf, MapsCodesToCauses) {
  EXPECT_EQ(FailureOf({ErrorCode::kNoSpace, "x"}).cause, wire::FailureCause::kDiskFull);
  EXPECT_EQ(FailureOf({ErrorCode::kFenced, "x"}).cause, wire::FailureCause::kCancelled);
  EXPECT_EQ(FailureOf({ErrorCode::kCancelled, "x"}).cause, wire::FailureCause::kCancelled);
  EXPECT_EQ(FailureOf({ErrorCode::kIo, "x"}).cause, wire::FailureCause::kIo);
  EXPECT_EQ(FailureOf({ErrorCode::kDataLoss, "x"}).message, "x");
}

}  // namespace
}  // namespace mr::worker::test
