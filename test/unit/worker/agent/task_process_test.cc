// Real processes: the spawner, mrtask and a plugin that misbehaves on demand.
#include "worker/agent/task_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "common/base/strings.h"
#include "common/wire/codec.h"
#include "test/support/paths.h"
#include "worker/shuffle/run_files.h"
#include "worker/task/crash_handler.h"

namespace mr::worker {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr int kPatienceMs = 20'000;

// A sanitizer's own handler of SIGSEGV would exit instead of dying by the signal: off in mrtask.
void LeaveSignalsToMrtask() {
  for (const char* name : {"ASAN_OPTIONS", "TSAN_OPTIONS"}) {
    const char* options = std::getenv(name);
    ::setenv(name, StrCat(options == nullptr ? "" : options, ":handle_segv=0").c_str(), 1);
  }
}

class TaskProcessTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { LeaveSignalsToMrtask(); }
  void SetUp() override {
    directory_ = *CreateTemporaryDirectory(JoinPath(::testing::TempDir(), "task-"));
    input_ = JoinPath(directory_, "input.txt");
    std::ofstream(input_) << "alpha\nbeta\n!boom\ngamma\n";
    auto spawner = Spawner::Fork();
    ASSERT_TRUE(spawner);
    spawner_.emplace(std::move(*spawner));
  }
  void TearDown() override {
    task_.reset();
    spawner_.reset();
    ASSERT_TRUE(PosixEnv().RemoveTree(directory_));
  }

  SpawnerNews WaitForNews() {
    for (;;) {
      auto news = spawner_->Next();
      EXPECT_TRUE(news) << news.error().text;
      if (!news) return {};
      if (*news) return std::move(**news);
      pollfd waiting{spawner_->descriptor(), POLLIN, 0};
      if (::poll(&waiting, 1, kPatienceMs) <= 0) {
        ADD_FAILURE() << "no news of the spawner";
        return {};
      }
    }
  }
  void Start() {
    ASSERT_TRUE(spawner_->Spawn(1, StrCat(MR_BIN_DIR, "/mrtask")));
    const SpawnerNews news = WaitForNews();
    ASSERT_TRUE(news.spawned);
    ASSERT_EQ(news.spawned->error, "");
    auto task = TaskProcess::Adopt(*news.spawned);
    ASSERT_TRUE(task);
    task_ = std::move(*task);
    wire::TaskHello hello;
    hello.worker_name = "w";
    hello.plugin_path = MR_TEST_PLUGIN;
    hello.map_output_dirs = {directory_};
    hello.scratch_dirs = {JoinPath(directory_, "tmp")};
    SendTo(hello);
  }
  void SendTo(wire::ToTask message) {
    ASSERT_TRUE(task_->link().Queue(wire::Encode(wire::ToTaskMessage{message})));
  }
  void RunMap(const std::string& mode) {
    wire::Assignment assignment;
    assignment.attempt = AttemptId{{JobId{1}, Phase::kMap, 0}, attempts_++, 1};
    assignment.map_count = 1;
    assignment.config.plugin_name = "test_plugin.so";
    assignment.config.job_name = "prefixes";
    assignment.config.params["mode"] = mode;
    const FileStat stat = *PosixEnv().Stat(input_);
    wire::InputFile file;
    file.path = input_;
    file.size_bytes = stat.size_bytes;
    file.mtime_ns = stat.mtime_ns;
    assignment.work = wire::MapWork{{wire::Split{file, 0, stat.size_bytes}}};
    assignment_ = assignment;
    SendTo(wire::RunAttempt{assignment, 0});
  }
  wire::AttemptOutcome WaitForOutcome() {
    for (;;) {
      auto message = task_->link().Next();
      EXPECT_TRUE(message) << message.error().text;
      if (!message) return {};
      if (*message) {
        auto decoded = wire::Decode<wire::FromTaskMessage>(**message);
        EXPECT_TRUE(decoded);
        return std::get<wire::AttemptEnded>(decoded->body).outcome;
      }
      pollfd waiting{task_->link().descriptor(), POLLIN, 0};
      if (::poll(&waiting, 1, kPatienceMs) <= 0) {
        ADD_FAILURE() << "no outcome";
        return {};
      }
    }
  }
  DeathReport WaitForDeath() {
    const SpawnerNews news = WaitForNews();
    EXPECT_TRUE(news.exited);
    return task_->Autopsy(news.exited.value_or(Exited{}), PosixEnv(), assignment_);
  }

  std::string directory_, input_;
  std::optional<Spawner> spawner_;
  std::unique_ptr<TaskProcess> task_;
  std::optional<wire::Assignment> assignment_;
  uint32_t attempts_ = 0;
};

TEST_F(TaskProcessTest, Run_TwoAttemptsInOneProcessThenGoodbye) {
  Start();
  for (int round = 0; round < 2; ++round) {
    RunMap("ok");
    const wire::AttemptOutcome outcome = WaitForOutcome();
    ASSERT_TRUE(outcome.result) << outcome.failure->message;
    const auto& result = std::get<wire::MapResult>(*outcome.result);
    EXPECT_THAT(result.partition_records, ::testing::ElementsAre(4u));
    EXPECT_TRUE(PosixEnv().Exists(RunFilePath(directory_, outcome.attempt)));
    EXPECT_FALSE(PosixEnv().Exists(JoinPath(directory_, "tmp/" + ToString(outcome.attempt))));
  }
  SendTo(wire::TaskGoodbye{});
  const SpawnerNews news = WaitForNews();
  ASSERT_TRUE(news.exited);
  EXPECT_TRUE(WIFEXITED(news.exited->wait_status) && WEXITSTATUS(news.exited->wait_status) == 0);
}

TEST_F(TaskProcessTest, Run_FailureNamesRecordAndLine) {
  Start();
  RunMap("fail");
  const wire::AttemptOutcome outcome = WaitForOutcome();
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->cause, wire::FailureCause::kException);
  EXPECT_EQ(outcome.failure->type, "test::Error");
  EXPECT_EQ(outcome.failure->line_no, 3u);
  EXPECT_EQ(outcome.failure->excerpt, "!boom");
  task_->DrainLog();
  EXPECT_THAT(task_->log().LastLines(), HasSubstr("E  test::Error in map(): told to fail"));
}

TEST_F(TaskProcessTest, Crash_SegvNamesRecordAndFunction) {
  Start();
  RunMap("segv");
  const DeathReport death = WaitForDeath();
  EXPECT_TRUE(death.handler_ran);
  EXPECT_EQ(death.crash_signal, SIGSEGV);
  EXPECT_EQ(death.phase, MR_PHASE_MAP);
  EXPECT_EQ(death.record_no, 2u);
  EXPECT_EQ(death.record_offset, 11u);
  EXPECT_EQ(death.line_no, 3u);
  EXPECT_EQ(death.excerpt, "!boom");
  EXPECT_EQ(death.input_path, input_);
  EXPECT_THAT(death.stack, Contains(MatchesRegex("touch_bad_address at test_plugin\\.c:[0-9]+ \\(test_plugin\\.so\\)")));
  EXPECT_TRUE(death.signalled);
  EXPECT_EQ(death.fault_address, 0x10u);
}

TEST_F(TaskProcessTest, Crash_AbortAndExit) {
  Start();
  RunMap("abort");
  EXPECT_EQ(WaitForDeath().crash_signal, SIGABRT);
  Start();
  RunMap("exit");
  const DeathReport death = WaitForDeath();
  EXPECT_FALSE(death.handler_ran);
  EXPECT_EQ(death.exit_code, 3);
  EXPECT_EQ(death.phase, MR_PHASE_MAP);
  EXPECT_EQ(death.excerpt, "!boom");
}

TEST_F(TaskProcessTest, Hang_StackIsTakenBySigquitAndLogKept) {
  Start();
  RunMap("hang");
  while (task_->log().LastLines().find("hanging") == std::string::npos) {
    pollfd waiting{task_->log_fd(), POLLIN, 0};
    ASSERT_GT(::poll(&waiting, 1, kPatienceMs), 0);
    ASSERT_TRUE(task_->DrainLog());
  }
  EXPECT_GT(task_->MemoryBytes(), 0u);
  task_->SignalProcess(SIGQUIT);
  const DeathReport death = WaitForDeath();
  EXPECT_EQ(death.crash_signal, SIGQUIT);
  EXPECT_EQ(death.record_no, 2u);
  EXPECT_THAT(death.stack, Contains(MatchesRegex("map at test_plugin\\.c:[0-9]+ \\(test_plugin\\.so\\)")));
}

TEST_F(TaskProcessTest, Hang_StackOfALivingTaskIsTakenAndItGoesOn) {
  Start();
  RunMap("hang");
  while (task_->log().LastLines().find("hanging") == std::string::npos) {
    pollfd waiting{task_->log_fd(), POLLIN, 0};
    ASSERT_GT(::poll(&waiting, 1, kPatienceMs), 0);
    ASSERT_TRUE(task_->DrainLog());
  }
  const BlackBox& box = task_->black_box();
  for (uint32_t round = 1; round <= 2; ++round) {
    task_->SignalProcess(StackSignal());
    const auto patience = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
    while (box.stacks_taken.load() < round) {
      ASSERT_LT(std::chrono::steady_clock::now(), patience) << "no stack";
      std::this_thread::yield();
    }
    std::vector<std::string> stack;
    for (const std::string& frame : task_->LiveFrames())
      stack.push_back(SymbolizeFrame(PosixEnv(), frame, "test_plugin.so"));
    EXPECT_THAT(stack, Contains("map (test_plugin.so)")) << "round " << round;
  }
  EXPECT_EQ(box.death.load(), BlackBox::kAlive);
  EXPECT_EQ(::kill(task_->pid(), 0), 0);
}

TEST_F(TaskProcessTest, Kill_RecordIsKnownWithoutAHandler) {
  Start();
  RunMap("hang");
  while (task_->log().LastLines().find("hanging") == std::string::npos) {
    pollfd waiting{task_->log_fd(), POLLIN, 0};
    ASSERT_GT(::poll(&waiting, 1, kPatienceMs), 0);
    ASSERT_TRUE(task_->DrainLog());
  }
  task_->SignalGroup(SIGKILL);
  const DeathReport death = WaitForDeath();
  EXPECT_EQ(death.signal_number, SIGKILL);
  EXPECT_EQ(death.record_no, 2u);
  EXPECT_EQ(death.line_no, 3u);
  EXPECT_THAT(death.excerpt, HasSubstr("!boom"));
}

TEST_F(TaskProcessTest, Spawn_MissingProgramIsAnError) {
  ASSERT_TRUE(spawner_->Spawn(9, "/no/such/mrtask"));
  const SpawnerNews news = WaitForNews();
  ASSERT_TRUE(news.spawned);
  EXPECT_EQ(news.spawned->pid, 0);
  EXPECT_THAT(news.spawned->error, HasSubstr("/no/such/mrtask: No such file"));
}

TEST_F(TaskProcessTest, Spawner_EndsItsTasksAndRemovesTheDirectory) {
  Start();
  const std::string doomed = *CreateTemporaryDirectory(JoinPath(directory_, "doomed-"));
  ASSERT_TRUE(spawner_->RemoveAtEnd(doomed));
  const int pid = task_->pid();
  spawner_.reset();
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_FALSE(PosixEnv().Exists(doomed));
}

}  // namespace
}  // namespace mr::worker
