#include "common/base/options.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace mr {
namespace {

struct Daemon {
  CLI::App app{"a daemon", "mrtest"};
  uint64_t memory = 512u << 20;
  int64_t lease_ms = 10'000;
  std::vector<std::string> listen;
  std::map<std::string, std::string> labels;
  LogOptions log;

  Daemon() {
    AddSize(app, "--memory", memory, "memory");
    AddDuration(app, "--worker-timeout", lease_ms, "lease")->envname("MR_TEST_WORKER_TIMEOUT");
    app.add_option("--listen", listen, "endpoints");
    AddPairs(app, "--labels", labels, "labels");
    AddLogOptions(app, log);
  }
  std::optional<int> Parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "mrtest");
    return ParseDaemonOptions(app, "coordinator", static_cast<int>(arguments.size()), arguments.data());
  }
};

class Config : public testing::Test {
 protected:
  std::string Write(const std::string& content) {
    std::ofstream(path_) << content;
    return path_;
  }
  void TearDown() override { std::remove(path_.c_str()); }
  std::string path_ = testing::TempDir() + "/options_" + std::to_string(::getpid()) + ".toml";
};

TEST_F(Config, Precedence_FlagThenEnvironmentThenFileThenDefault) {
  const std::string path = Write("[coordinator]\nmemory = \"1GiB\"\nworker-timeout = \"7s\"\nlisten = [\"a\", \"b\"]\n"
                                 "[log]\nlevel = \"warning\"\n");
  ::setenv("MR_TEST_WORKER_TIMEOUT", "3s", 1);
  Daemon daemon;
  ASSERT_EQ(daemon.Parse({"--memory", "2GiB", "--config", path.c_str()}), std::nullopt);
  ::unsetenv("MR_TEST_WORKER_TIMEOUT");
  EXPECT_EQ(daemon.memory, 2u << 30);
  EXPECT_EQ(daemon.lease_ms, 3000);
  EXPECT_EQ(daemon.listen, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(daemon.log.level, "warning");

  Daemon untouched;
  ASSERT_EQ(untouched.Parse({"--config", Write("").c_str()}), std::nullopt);
  EXPECT_EQ(untouched.memory, 512u << 20);
}

TEST_F(Config, UnknownKey_IsAnErrorWithLineAndNearestName) {
  const std::string path = Write("[coordinator]\nmemroy = \"1GiB\"\n");
  testing::internal::CaptureStderr();
  Daemon daemon;
  EXPECT_EQ(daemon.Parse({"--config", path.c_str()}), 2);
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find(path + ":2: unknown key 'memroy'; did you mean memory?"), std::string::npos) << text;
}

TEST_F(Config, UnknownTable_IsAnError) {
  testing::internal::CaptureStderr();
  Daemon daemon;
  EXPECT_EQ(daemon.Parse({"--config", Write("[cordinator]\n").c_str()}), 2);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("did you mean coordinator?"), std::string::npos);
}

TEST(Options, UnknownFlag_NamesTheNearest) {
  testing::internal::CaptureStderr();
  Daemon daemon;
  EXPECT_EQ(daemon.Parse({"--worker-timout", "3s"}), 2);
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("did you mean --worker-timeout?"), std::string::npos) << text;
  EXPECT_NE(text.find("try 'mrtest --help'"), std::string::npos) << text;
}

TEST(Options, BadValue_ShowsTheRightForm) {
  testing::internal::CaptureStderr();
  Daemon daemon;
  EXPECT_EQ(daemon.Parse({"--memory", "lots"}), 2);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("64MiB"), std::string::npos);
}

TEST(Options, Pairs_NeedNameAndValue) {
  Daemon daemon;
  ASSERT_EQ(daemon.Parse({"--labels", "disk=ssd", "--labels", "zone=a=b"}), std::nullopt);
  EXPECT_EQ(daemon.labels, (std::map<std::string, std::string>{{"disk", "ssd"}, {"zone", "a=b"}}));
  testing::internal::CaptureStderr();
  Daemon bad;
  EXPECT_EQ(bad.Parse({"--labels", "nothing"}), 2);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("NAME=VALUE"), std::string::npos);
}

TEST_F(Config, PrintConfig_SaysWhereEachValueComesFrom) {
  const std::string path = Write("[coordinator]\nmemory = \"1GiB\"\n");
  testing::internal::CaptureStdout();
  Daemon daemon;
  EXPECT_EQ(daemon.Parse({"--worker-timeout", "5s", "--config", path.c_str(), "--print-config"}), 0);
  const std::string text = testing::internal::GetCapturedStdout();
  EXPECT_NE(text.find("memory = \"1GiB\"  # " + path + ":2"), std::string::npos) << text;
  EXPECT_NE(text.find("worker-timeout = \"5s\"  # flag"), std::string::npos) << text;
  EXPECT_NE(text.find("log-level = \"info\"  # default"), std::string::npos) << text;
}

TEST(Options, VersionText_NamesProgramAndAbi) {
  EXPECT_NE(VersionText("mrtest", false).find("plugin ABI 1.0"), std::string::npos);
  EXPECT_NE(VersionText("mrtest", true).find("\"program\":\"mrtest\""), std::string::npos);
}

}  // namespace
}  // namespace mr
