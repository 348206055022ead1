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
  std::string auth = "none";
  std::string key_file;
  DaemonChecks checks;

  Daemon() {
    AddSize(app, "--memory", memory, "memory");
    AddDuration(app, "--worker-timeout", lease_ms, "lease")->envname("MR_TEST_WORKER_TIMEOUT");
    app.add_option("--listen", listen, "endpoints");
    AddPairs(app, "--labels", labels, "labels");
    AddLogOptions(app, log);
    app.add_option("--auth", auth, "auth");
    app.add_option("--key-file", key_file, "keys");
  }
  std::optional<int> Parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "mrtest");
    return ParseDaemonOptions(app, "coordinator", static_cast<int>(arguments.size()), arguments.data(), checks);
  }
  // What it says on stderr when it refuses.
  std::string Refusal(std::vector<const char*> arguments) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(Parse(std::move(arguments)), 2);
    return testing::internal::GetCapturedStderr();
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

TEST_F(Config, AuthTable_SetsTheOptionsOfItsName) {
  const std::string path = Write("[auth]\nauth = \"curve\"\nkey-file = \"/etc/mr/key\"\n");
  Daemon daemon;
  ASSERT_EQ(daemon.Parse({"--config", path.c_str()}), std::nullopt);
  EXPECT_EQ(daemon.auth, "curve");
  EXPECT_EQ(daemon.key_file, "/etc/mr/key");
  Daemon flag;
  ASSERT_EQ(flag.Parse({"--config", path.c_str(), "--auth", "none"}), std::nullopt);
  EXPECT_EQ(flag.auth, "none");
}

TEST_F(Config, UnknownKeyOfASharedTable_IsAnErrorToo) {
  const std::string auth = Write("[auth]\nkeyfile = \"x\"\n");
  EXPECT_EQ(Daemon().Refusal({"--config", auth.c_str()}).find("mrtest: " + auth + ":2: unknown key 'keyfile' in [auth]; did you mean key-file?\n"),
            0u);
  const std::string log = Write("[log]\nlevle = \"info\"\n");
  EXPECT_NE(Daemon().Refusal({"--config", log.c_str()}).find("unknown key 'levle' in [log]; did you mean level?"),
            std::string::npos);
}

TEST_F(Config, SubtablesAndKeysThatAreNoSettings_AreErrors) {
  const std::string below = Write("[coordinator.memory]\nsize = \"1GiB\"\n");
  EXPECT_NE(Daemon().Refusal({"--config", below.c_str()}).find(":1: 'memory' in [coordinator] must be text"),
            std::string::npos);
  const std::string nested = Write("[coordinator]\nlisten = [[\"a\"]]\n");
  EXPECT_NE(Daemon().Refusal({"--config", nested.c_str()}).find(":2: 'listen' in [coordinator] must be text"),
            std::string::npos);
  const std::string action = Write("[coordinator]\nprint-config = true\n");
  EXPECT_NE(Daemon().Refusal({"--config", action.c_str()}).find("unknown key 'print-config'"), std::string::npos);
}

TEST_F(Config, CheckConfig_AlsoAsksWhetherTheOptionsFitTogether) {
  Daemon daemon;
  daemon.checks.valid = [&] {
    return daemon.auth == "curve" && daemon.key_file.empty() ? Status(Fail(ErrorCode::kInvalidArgument, "no key"))
                                                             : Status();
  };
  const std::string path = Write("[auth]\nauth = \"curve\"\n");
  EXPECT_NE(daemon.Refusal({"--config", path.c_str(), "--check-config"}).find("mrtest: no key"), std::string::npos);
  Daemon good;
  EXPECT_EQ(good.Parse({"--config", path.c_str(), "--check-config"}), 0);
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
  ASSERT_EQ(daemon.Parse({"--labels", "disk=ssd", "--labels", "zone=a=b,rack=7"}), std::nullopt);
  EXPECT_EQ(daemon.labels,
            (std::map<std::string, std::string>{{"disk", "ssd"}, {"zone", "a=b"}, {"rack", "7"}}));
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

// What a new reading logs; `app` must be as new.
std::string ReadAgain(RunningSettings& running, Daemon& daemon, bool expected) {
  struct Lines final : google::LogSink {
    void send(google::LogSeverity, const char*, const char*, int, const google::LogMessageTime&, const char* message,
              size_t length) override {
      text += std::string(message, length) + "\n";
    }
    std::string text;
  } lines;
  google::AddLogSink(&lines);
  EXPECT_EQ(running.ReadAgain(daemon.app, daemon.log, daemon.checks), expected);
  google::RemoveLogSink(&lines);
  return lines.text;
}

TEST_F(Config, ReadAgain_LogsWhatDiffersAndWhenItHolds) {
  const std::string path = Write("[coordinator]\nmemory = \"1GiB\"\n");
  const char* const argv[] = {"mrtest", "--auth", "none", "--config", path.c_str()};
  Daemon started;
  ASSERT_EQ(ParseDaemonOptions(started.app, "coordinator", 5, argv), std::nullopt);
  RunningSettings running(started.app, "coordinator", 5, argv, {"worker-timeout"});
  Daemon same;
  EXPECT_EQ(ReadAgain(running, same, true), "configuration: read again, nothing has changed\n");

  // A flag still counts more than a file.
  Write("[coordinator]\nmemory = \"2GiB\"\nworker-timeout = \"7s\"\n[log]\nlevel = \"error\"\n[auth]\nauth = \"curve\"\n");
  Daemon changed;
  EXPECT_EQ(ReadAgain(running, changed, true),
            "configuration: log-level \"info\" -> \"error\"\n"
            "configuration: memory \"1GiB\" -> \"2GiB\", takes effect at the next start\n"
            "configuration: worker-timeout \"10s\" -> \"7s\"\n");
  EXPECT_EQ(changed.lease_ms, 7000);
  EXPECT_EQ(FLAGS_minloglevel, google::GLOG_ERROR);

  // What could not change yet is still different from what is in force.
  Daemon again;
  EXPECT_EQ(ReadAgain(running, again, true),
            "configuration: memory \"1GiB\" -> \"2GiB\", takes effect at the next start\n");
  Write("");
  Daemon back;
  EXPECT_EQ(ReadAgain(running, back, true),
            "configuration: log-level \"error\" -> \"info\"\n"
            "configuration: memory \"1GiB\" -> \"512.0 MiB\", takes effect at the next start\n"
            "configuration: worker-timeout \"7s\" -> \"10s\"\n");
}

TEST_F(Config, ReadAgain_OfSomethingWrongChangesNothing) {
  const std::string path = Write("");
  const char* const argv[] = {"mrtest", "--config", path.c_str()};
  Daemon started;
  ASSERT_EQ(ParseDaemonOptions(started.app, "coordinator", 3, argv), std::nullopt);
  RunningSettings running(started.app, "coordinator", 3, argv, {"worker-timeout"});
  const std::string refused = "the configuration was not read again, everything stays as it was: ";
  for (const std::string wrong : {"[coordinator]\nworker-timeout = \"soon\"\n", "[log]\nlevel = \"loud\"\n",
                                  "[log]\nlevle = \"error\"\n", "[log\n"}) {
    Write(wrong);
    Daemon daemon;
    const std::string text = ReadAgain(running, daemon, false);
    EXPECT_EQ(text.find(refused + path + ":"), 0u) << text;
    EXPECT_EQ(FLAGS_minloglevel, google::GLOG_INFO);
  }
  Write("[log]\nlevel = \"error\"\n");
  Daemon unfit;
  unfit.checks.valid = [] { return Status(Fail(ErrorCode::kInvalidArgument, "no key")); };
  EXPECT_EQ(ReadAgain(running, unfit, false), refused + "no key\n");
  EXPECT_EQ(FLAGS_minloglevel, google::GLOG_INFO);
}

TEST(Options, VersionText_NamesProgramAndAbi) {
  EXPECT_NE(VersionText("mrtest", false).find("plugin ABI 1.0"), std::string::npos);
  EXPECT_NE(VersionText("mrtest", true).find("\"program\":\"mrtest\""), std::string::npos);
  EXPECT_NE(VersionText("mrtest", false, "4.3.4").find(", libzmq 4.3.4)"), std::string::npos);
  EXPECT_NE(VersionText("mrtest", true, "4.3.4").find("\"libzmq\":\"4.3.4\"}"), std::string::npos);
}

}  // namespace
}  // namespace mr
