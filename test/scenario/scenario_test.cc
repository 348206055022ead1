// Golden conversations with the coordinator's core: test/scenario/*.txt. Each block is commands, a
// line "----", and what the core answered; blank lines separate blocks. `MR_REWRITE=1` (or
// --rewrite) writes the answers anew, to be reviewed as a diff.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "test/support/paths.h"
#include "test/unit/coordinator/support/script.h"

namespace mr::coordinator::test {
namespace {

std::vector<std::string> ScenarioFiles() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(MR_SOURCE_DIR "/test/scenario")) {
    const bool scenario =
        entry.path().extension() == ".txt" && entry.path().filename() != "CMakeLists.txt";
    if (scenario) names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> ReadLines(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// The file as it should be: the same comments and commands, with what the core answers now.
std::string Replay(const std::vector<std::string>& lines, Script& script) {
  std::string out;
  std::string answer;
  bool in_answer = false;
  for (const std::string& line : lines) {
    if (in_answer && !line.empty()) continue;
    if (line == "----") {
      out += "----\n" + answer;
      answer.clear();
      in_answer = true;
      continue;
    }
    in_answer = false;
    out += line + "\n";
    if (!line.empty() && line[0] != '#') answer += script.Run(line);
  }
  return out;
}

class Scenario : public testing::TestWithParam<std::string> {};

TEST_P(Scenario, AnswersAsWritten) {
  const std::string path = std::string(MR_SOURCE_DIR "/test/scenario/") + GetParam() + ".txt";
  const std::vector<std::string> lines = ReadLines(path);
  Script script;

  const std::string now = Replay(lines, script);

  script.mutable_invariants().CheckReplay(script.core());
  EXPECT_THAT(script.invariants().problems(), testing::IsEmpty());
  if (std::getenv("MR_REWRITE") != nullptr) {
    std::ofstream(path) << now;
    return;
  }
  std::string written;
  for (const std::string& line : lines) written += line + "\n";
  EXPECT_EQ(now, written) << "if the new answers are right: MR_REWRITE=1, then review the diff";
}

INSTANTIATE_TEST_SUITE_P(Files, Scenario, testing::ValuesIn(ScenarioFiles()),
                         [](const auto& info) { return info.param; });

TEST(ScenarioFiles, AreThere) { EXPECT_GE(ScenarioFiles().size(), 15u); }

}  // namespace
}  // namespace mr::coordinator::test
