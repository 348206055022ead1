// The plugins that misbehave do so as their comments say, and count words otherwise.
#include <stdlib.h>
#include <sys/resource.h>

#include <filesystem>

#include "test/unit/apps/plugin_under_test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

namespace mr {
namespace {

const std::vector<test::Input> kText{{"/in/a.txt", "a b a\nNEEDLE b\n", ""}};
const char* const kCounts = "NEEDLE\t1\na\t2\nb\t2\n";

class TempDir {
 public:
  TempDir() {
    char name[] = "/tmp/mr_apps_XXXXXX";
    if (mkdtemp(name) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(TestingPlugins, WithoutNeedle_CountWords) {
  for (const char* name : {"segv", "throw", "hang", "oom", "exit", "slow"}) {
    EXPECT_EQ(RunPlugin(name, kText).sorted_text(), kCounts) << name;
  }
  EXPECT_EQ(RunPlugin("bad-output", kText).sorted_text(), kCounts);
  EXPECT_EQ(RunPlugin("crash", kText, {{"crash_percent", "0"}, {"max_sleep_ms", "0"}}).sorted_text(), kCounts);
}

TEST(TestingPlugins, Throw_InMapNamesTheRecord) {
  const auto r = RunPlugin("throw", kText, {{"needle", "NEEDLE"}});
  ASSERT_TRUE(r.failure);
  EXPECT_EQ(r.failure->kind, MR_FAIL_EXCEPTION);
  EXPECT_EQ(r.failure->type, "std::invalid_argument");
  EXPECT_EQ(r.failure->what, "bad number: NEEDLE b");
  EXPECT_EQ(r.failure->record_no, 1u);
  EXPECT_EQ(r.failure->record, "NEEDLE b");
}

TEST(TestingPlugins, Throw_OtherKindsAndReduce) {
  const auto kind = [](const char* name) {
    return RunPlugin("throw", kText, {{"needle", "NEEDLE"}, {"where", "reduce"}, {"kind", name}}).failure.value();
  };
  EXPECT_EQ(kind("bad_record").kind, MR_FAIL_BAD_RECORD);
  EXPECT_EQ(kind("fatal").kind, MR_FAIL_FATAL);
  EXPECT_EQ(kind("int").type, "int");
  EXPECT_EQ(kind("invalid_argument").what, "bad number: NEEDLE");
}

TEST(TestingPluginsDeathTest, SegvExitAbortCrash) {
  EXPECT_DEATH(RunPlugin("segv", kText, {{"needle", "NEEDLE"}}), "");
  EXPECT_DEATH(RunPlugin("segv", kText, {{"needle", "NEEDLE"}, {"where", "reduce"}}), "");
  EXPECT_EXIT(RunPlugin("exit", kText, {{"needle", "NEEDLE"}}), testing::ExitedWithCode(3), "");
  EXPECT_EXIT(RunPlugin("exit", kText, {{"needle", "NEEDLE"}, {"code", "-1"}}), testing::KilledBySignal(SIGABRT), "");
  EXPECT_EXIT(RunPlugin("crash", kText, {{"crash_percent", "100"}}), testing::ExitedWithCode(1), "");
}

TEST(TestingPluginsDeathTest, HangHangs) {
  const auto hang = [](const char* spin) {
    alarm(1);
    RunPlugin("hang", kText, {{"needle", "NEEDLE"}, {"spin", spin}});
    _exit(0);
  };
  EXPECT_EXIT(hang("true"), testing::KilledBySignal(SIGALRM), "");
}

TEST(TestingPlugins, Oom_StopsAtItsLimit) {
  const auto r = RunPlugin("oom", kText, {{"needle", "NEEDLE"}, {"limit", "32Mi"}});
  ASSERT_TRUE(r.failure);
  EXPECT_EQ(r.failure->kind, MR_FAIL_MEMORY);
  EXPECT_EQ(r.failure->type, "std::bad_alloc");
}

TEST(TestingPluginsDeathTest, Oom_MeetsTheProcessLimit) {
  if (kSanitized) GTEST_SKIP() << "address space limits and sanitizers do not go together";
  const auto starve = [] {
    const rlimit limit{300 << 20, 300 << 20};
    setrlimit(RLIMIT_AS, &limit);
    const auto r = RunPlugin("oom", kText, {{"needle", "NEEDLE"}});
    _exit(r.failure && r.failure->kind == MR_FAIL_MEMORY ? 7 : 1);
  };
  EXPECT_EXIT(starve(), testing::ExitedWithCode(7), "");
}

TEST(TestingPlugins, BadOutput_Modes) {
  EXPECT_NE(RunPlugin("bad-output", kText, {{"mode", "partition"}}).text().find("partition() answered 9"), std::string::npos);
  EXPECT_THROW(RunPlugin("bad-output", kText, {{"mode", "torn"}}), std::runtime_error);
  EXPECT_THROW(RunPlugin("bad-output", kText, {{"mode", "size"}}), std::runtime_error);
  EXPECT_NE(RunPlugin("bad-output", kText, {{"mode", "liar"}}).text().find("fail() was not called"), std::string::npos);
  EXPECT_EQ(RunPlugin("bad-output", kText, {{"mode", "torn"}, {"needle", "nowhere"}}).sorted_text(), kCounts);
}

TEST(TestingPlugins, Crash_DrawsPerAttemptFromItsSeed) {
  const std::map<std::string, std::string> params{{"crash_percent", "0"}, {"max_sleep_ms", "1"}, {"seed", "5"}};
  EXPECT_EQ(RunPlugin("crash", kText, params).sorted_text(), kCounts);
}

TEST(TestingPlugins, ThoseWithMarkers_NeedAJobDirectory) {
  for (const char* name : {"mtiming", "rtiming", "jobcount"}) {
    const auto r = RunPlugin(name, kText, {});
    ASSERT_TRUE(r.failure) << name;
    EXPECT_EQ(r.failure->kind, MR_FAIL_FATAL);
    EXPECT_NE(r.failure->what.find("--job-dir"), std::string::npos);
  }
}

TEST(TestingPlugins, TimingsAndCounts) {
  const TempDir dir;
  test::Options options;
  options.job_dir = dir.path();
  const std::vector<test::Input> files{{"/a", "x", ""}, {"/b", "y", ""}};
  const auto maps = RunPlugin("mtiming", files, {{"wait_ms", "0"}}, options);
  EXPECT_NE(maps.text().find("parallel-test-worker." + std::to_string(getpid()) + "\t1 1\n"), std::string::npos) << maps.text();
  EXPECT_NE(maps.text().find("times-test-worker."), std::string::npos);
  const auto reduces = RunPlugin("rtiming", files, {{"wait_ms", "0"}}, options);
  EXPECT_EQ(reduces.sorted_text(), "a\t1\nb\t1\nc\t1\nd\t1\ne\t1\nf\t1\ng\t1\nh\t1\ni\t1\nj\t1\n");
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
  EXPECT_EQ(RunPlugin("jobcount", files, {{"max_sleep_ms", "0"}}, options).text(), "a\t2\n");
}

TEST(TestingPlugins, EarlyExitAndIdentity) {
  const std::vector<test::Input> files{{"/in/a.txt", "x\ny\n", ""}, {"/in/b.txt", "z\n", ""}};
  EXPECT_EQ(RunPlugin("early_exit", files, {{"sleep_ms", "1"}}).sorted_text(), "a.txt\t2\nb.txt\t1\n");
  EXPECT_EQ(RunPlugin("identity_worker", files).text(), "test-worker\t3\n");
}

}  // namespace
}  // namespace mr
