#include "submit/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "submit/commands/commands.h"

namespace mr::submit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string CommandLineError(const std::vector<std::string>& arguments) {
  const Result<ParsedCommandLine> parsed = ParseCommandLine(Commands(), arguments);
  return parsed ? "no error" : parsed.error().text;
}

TEST(ParseCommandLine, Run_OptionsBeforeBetweenAndAfterArguments) {
  const auto parsed =
      ParseCommandLine(Commands(), {"-c", "ipc:///x", "run", "-r", "3", "wc.so", "in1", "--json",
                                    "[a]*", "-P", "a=1", "-o", "-", "-P", "b=2"});

  ASSERT_TRUE(parsed.has_value()) << parsed.error().text;
  EXPECT_EQ(parsed->command->name, "run");
  EXPECT_THAT(parsed->arguments, ElementsAre("wc.so", "in1", "[a]*"));
  EXPECT_THAT(parsed->settings.All("param"), ElementsAre("a=1", "b=2"));
  EXPECT_EQ(parsed->settings.Get("coordinator"), "ipc:///x");
  EXPECT_EQ(parsed->settings.Get("output"), "-");
  EXPECT_TRUE(parsed->settings.Flag("json"));
}

TEST(ParseCommandLine, Local_DoesNotEatTheNextArgument) {
  const auto bare =
      ParseCommandLine(Commands(), {"run", "--local", "wordcount", "in", "-o", "out"});
  const auto four =
      ParseCommandLine(Commands(), {"run", "--local=4", "wordcount", "in", "-o", "out"});

  ASSERT_TRUE(bare.has_value() && four.has_value());
  EXPECT_THAT(bare->arguments, ElementsAre("wordcount", "in"));
  EXPECT_EQ(bare->settings.Get("local"), "auto");
  EXPECT_EQ(four->settings.Get("local"), "4");
}

TEST(ParseCommandLine, DoubleDash_EndsOptions) {
  const auto parsed = ParseCommandLine(Commands(), {"cat", "--", "--odd"});
  ASSERT_TRUE(parsed.has_value()) << parsed.error().text;
  EXPECT_THAT(parsed->arguments, ElementsAre("--odd"));
}

TEST(ParseCommandLine, Alias_IsTheCommand) {
  const auto parsed = ParseCommandLine(Commands(), {"submit", "a.so", "in", "-o", "out"});
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->command->name, "run");
  EXPECT_TRUE(parsed->settings.Flag("detach"));
  EXPECT_EQ(ParseCommandLine(Commands(), {"stop", "j1"})->command->name, "kill");
  EXPECT_EQ(ParseCommandLine(Commands(), {"cluster"})->command->name, "status");
  EXPECT_EQ(ParseCommandLine(Commands(), {"run", "--sort-memory", "1Gi", "a", "b"})
                ->settings.Get("task-memory"),
            "1Gi");
}

TEST(ParseCommandLine, Unknown_NamesTheNearest) {
  EXPECT_EQ(CommandLineError({"rnu"}), "unknown command 'rnu'. Did you mean run?\ntry 'mrsubmit --help'");
  EXPECT_EQ(CommandLineError({"run", "--reducer", "3", "a", "b"}),
            "unknown option '--reducer'. Did you mean --reducers?\ntry 'mrsubmit run --help'");
  EXPECT_THAT(CommandLineError({"--jsn", "ls"}), HasSubstr("Did you mean --json?"));
  EXPECT_THAT(CommandLineError({"ls", "extra"}), HasSubstr("'extra' is one argument too many"));
  EXPECT_THAT(CommandLineError({"wait"}), HasSubstr("usage: mrsubmit wait"));
  EXPECT_THAT(CommandLineError({"run", "a", "b", "-o"}), HasSubstr("needs a value"));
}

TEST(ParseCommandLine, Errors_HaveThreeLinesAtMost) {
  for (const std::vector<std::string>& line :
       {std::vector<std::string>{"rnu"}, {"run", "--x"}, {"wait"}, {"run", "-o"}, {"ls", "a"}}) {
    const std::string text = CommandLineError(line);
    EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 2) << text;
  }
}

TEST(ParseCommandLine, Unknown_IsRefusedNotIgnored) {
  for (const char* option : {"--speculative", "--queue=high", "--mappers=x"}) {
    EXPECT_THAT(CommandLineError({"run", "a.so", "in", "-o", "out", option}), HasSubstr("unknown option"))
        << option;
  }
}

TEST(CommandHelp, Help_ExamplesFirstAndWithin100Columns) {
  for (const CommandSpec& command : Commands()) {
    const std::string help = CommandHelp(command);
    EXPECT_LT(help.find("examples:"), help.find("usage:")) << command.name;
    size_t begin = 0;
    while (begin < help.size()) {
      const size_t end = help.find('\n', begin);
      EXPECT_LE(DisplayWidth(help.substr(begin, end - begin)), 100u)
          << help.substr(begin, end - begin);
      begin = end + 1;
    }
  }
}

}  // namespace
}  // namespace mr::submit
