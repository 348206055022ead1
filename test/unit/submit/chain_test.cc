#include "submit/chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "submit/commands/commands.h"
#include "temporary_tree.h"

namespace mr::submit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<RunOptions> Read(std::vector<std::string> line) {
  line.insert(line.begin(), "run");
  MR_ASSIGN_OR_RETURN(ParsedCommandLine parsed, ParseCommandLine(Commands(), line));
  return ReadRunOptions(PosixEnv(), parsed.settings, parsed.arguments);
}

std::string ErrorOf(std::vector<std::string> line) {
  const auto options = Read(std::move(line));
  return options ? "no error" : options.error().text;
}

TEST(Then, ParamsAndReducers_BelongToTheStageTheyFollow) {
  const auto options = Read({"a.so", "-P", "x=1", "in", "-r", "3", "-o", "out", "--then", "b.so:second", "-P", "y=2",
                             "--param=z=3", "--then=c.so", "-r", "1", "-P", "x=9"});

  ASSERT_TRUE(options.has_value()) << options.error().text;
  EXPECT_EQ(options->plugin, "a.so");
  EXPECT_THAT(options->params, ElementsAre("x=1"));
  EXPECT_EQ(options->reducers, 3u);
  ASSERT_EQ(options->then.size(), 2u);
  EXPECT_EQ(options->then[0], (StageOptions{"b.so:second", {"y=2", "z=3"}, std::nullopt}));
  EXPECT_EQ(options->then[1], (StageOptions{"c.so", {"x=9"}, 1}));
}

TEST(Then, OnlyLaterStagesHaveParams_TheFirstHasNone) {
  const auto options = Read({"a.so", "in", "-o", "out", "--then", "b.so", "-P", "y=2", "-r", "2"});

  ASSERT_TRUE(options.has_value()) << options.error().text;
  EXPECT_THAT(options->params, ElementsAre());
  EXPECT_FALSE(options->reducers.has_value());
  EXPECT_THAT(options->then[0].params, ElementsAre("y=2"));
}

TEST(Then, AsInFiles_NamesTheStage) {
  const auto options = Read({"a.so", "in", "-o", "out", "--then", "b.so", "--then-param", "2:y=a:b", "--then-reducers",
                             "2:auto", "-P", "z=1"});

  ASSERT_TRUE(options.has_value()) << options.error().text;
  EXPECT_THAT(options->then[0].params, ElementsAre("y=a:b", "z=1"));
  EXPECT_FALSE(options->then[0].reducers.has_value());
}

TEST(Then, Wrong_IsRefusedWithTheReason) {
  EXPECT_THAT(ErrorOf({"a.so", "in", "-o", "o", "--then", "b", "--detach"}), HasSubstr("starts each stage"));
  EXPECT_THAT(ErrorOf({"a.so", "in", "-o", "o", "--keep-stages"}), HasSubstr("--then PLUGIN"));
  EXPECT_THAT(ErrorOf({"a.so", "in", "-o", "o", "--then-param", "2:x=1"}), HasSubstr("there is no --then"));
  EXPECT_THAT(ErrorOf({"a.so", "in", "-o", "o", "--then", "b", "--then-param", "3:x=1"}), HasSubstr("2 to 2"));
  EXPECT_THAT(ErrorOf({"a.so", "in", "-o", "o", "--then", "b", "--then-param", "x=1"}), HasSubstr("stage's number"));
  EXPECT_THAT(ErrorOf({"a.so", "in", "-o", "o", "--then", "b", "-r", "many"}), HasSubstr("neither auto nor"));
  EXPECT_THAT(ErrorOf({"a.so", "in", "-o", "o", "--then", ""}), HasSubstr("--then"));
}

TEST(StageRunOptions, EachStage_HasItsOwnDirectoryAndCode) {
  const auto whole = Read({"a.so:one", "in", "-o", "/out", "--compress-output", "gzip", "--input-format", "whole",
                           "--then", ":two", "-P", "k=1", "--then", "c.so", "--max-attempts", "7"});
  ASSERT_TRUE(whole.has_value()) << whole.error().text;

  const RunOptions first = StageRunOptions(*whole, 1);
  const RunOptions second = StageRunOptions(*whole, 2);
  const RunOptions last = StageRunOptions(*whole, 3);

  EXPECT_EQ(first.config.output_dir, "/out/_stage1");
  EXPECT_EQ(second.config.output_dir, "/out/_stage2");
  EXPECT_EQ(last.config.output_dir, "/out");
  EXPECT_EQ(first.plugin, "a.so:one");
  EXPECT_EQ(second.plugin, "a.so:two");
  EXPECT_EQ(last.plugin, "c.so");
  EXPECT_THAT(second.params, ElementsAre("k=1"));
  EXPECT_EQ(first.inputs.size(), 1u);
  EXPECT_EQ(second.inputs.size(), 0u);
  // Read again at once, so not compressed; and the first input's format is not the second's.
  EXPECT_EQ(first.config.output_compression, wire::Compression::kNone);
  EXPECT_EQ(last.config.output_compression, wire::Compression::kGzip);
  EXPECT_EQ(first.config.input_format, wire::InputFormat::kWhole);
  EXPECT_EQ(second.config.input_format, wire::InputFormat::kLines);
  EXPECT_FALSE(second.input_format_given);
  EXPECT_EQ(last.config.max_attempts, 7u);
  EXPECT_EQ(second.config.stage, 2u);
  EXPECT_EQ(second.config.stages, 3u);
  // Jobs of one cluster that use one directory after the other are told apart by it.
  EXPECT_NE(first.config.output_nonce, last.config.output_nonce);
}

TEST(WithoutStage, Name_IsTheUsersOwn) {
  wire::JobConfig config;
  config.name = StagedName("count", 1, 2);
  config.stage = 1;
  config.stages = 2;
  EXPECT_EQ(config.name, "count (stage 1 of 2)");
  EXPECT_EQ(WithoutStage(config), "count");
  config.name = "mine";
  EXPECT_EQ(WithoutStage(config), "mine");
}

TEST(CheckOutput, OwnStages_AreNotInTheWay) {
  TemporaryTree tree;
  tree.Write("out/_stage1/part-r-00000", "x");

  EXPECT_TRUE(CheckOutput(PosixEnv(), tree.Path("out"), false, 1).has_value());
  const Status leftover = CheckOutput(PosixEnv(), tree.Path("out"), false);
  ASSERT_FALSE(leftover.has_value());
  EXPECT_THAT(leftover.error().text, HasSubstr("holds _stage1 of a chain that did not end"));
  tree.Write("out/other", "x");
  EXPECT_FALSE(CheckOutput(PosixEnv(), tree.Path("out"), false, 1).has_value());
}

}  // namespace
}  // namespace mr::submit
