#include "worker/agent/source_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "common/io/env.h"

namespace mr::worker {
namespace {

using ::testing::ElementsAre;

class SourceLinesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "source-lines-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // A stand-in for addr2line.
  std::string Program(const std::string& script) {
    const std::string path = folder_ + "/program";
    std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
    ::chmod(path.c_str(), 0755);
    return path;
  }
  std::vector<std::string> Ask(const std::string& program) {
    return SourceLines(PosixEnv(), MR_TEST_PLUGIN, {0x10, 0x20, 0x3f}, program.c_str());
  }

  std::string folder_;
};

TEST_F(SourceLinesTest, Answers_AreShortened) {
  EXPECT_THAT(Ask(Program("echo '/home/me/a b.cc:12'; echo '??:0'; echo '/x/c.h:7 (discriminator 3)'")),
              ElementsAre("a b.cc:12", "", "c.h:7"));
  EXPECT_THAT(Ask(Program("echo 'a.cc:?'; echo '??:?'; echo nonsense")), ElementsAre("", "", ""));
}

TEST_F(SourceLinesTest, Program_GetsFileAndAddresses_AndNoEnvironment) {
  const std::string asked = folder_ + "/asked";
  Ask(Program("echo \"$@ ${HOME-none}\" >" + asked));
  std::string line;
  std::getline(std::ifstream(asked) >> std::ws, line);
  EXPECT_EQ(line, "-e " MR_TEST_PLUGIN " 0x10 0x20 0x3f none");
}

TEST_F(SourceLinesTest, NoProgram_OrAFailure_LeavesThemOut) {
  EXPECT_THAT(Ask(folder_ + "/nothing"), ElementsAre("", "", ""));
  EXPECT_THAT(Ask(Program("exit 1")), ElementsAre("", "", ""));
  EXPECT_THAT(Ask(Program("echo 'a.cc:1'; kill -SEGV $$")), ElementsAre("a.cc:1", "", ""));
}

TEST_F(SourceLinesTest, Hang_IsEndedInTime) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(Ask(Program("echo 'a.cc:1'; exec tail -f /dev/null")), ElementsAre("", "", ""));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

TEST_F(SourceLinesTest, NotAnElfFile_IsNotAsked) {
  const std::string asked = folder_ + "/asked";
  const std::string program = Program("touch " + asked);
  EXPECT_THAT(SourceLines(PosixEnv(), program, {1}, program.c_str()), ElementsAre(""));
  EXPECT_FALSE(std::filesystem::exists(asked));
}

TEST(SymbolizeFrames, UnknownModules_StayAsTheyAre) {
  EXPECT_THAT(SymbolizeFrames(PosixEnv(), {"0x7f00", "/no/such.so+0x12 name"}, "such.so"),
              ElementsAre("0x7f00", "name (such.so)"));
}

}  // namespace
}  // namespace mr::worker
