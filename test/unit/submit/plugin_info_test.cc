#include "submit/plugin_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "temporary_tree.h"

namespace mr::submit {
namespace {

using ::testing::HasSubstr;

PluginJob WordCount() {
  PluginJob job;
  job.name = "wordcount";
  job.params = {{"min_length", "int", "1", ""},
                {"stopwords", "string", "", ""},
                {"needed", "duration", std::nullopt, ""}};
  return job;
}

std::string PluginInfoError(const std::vector<std::string>& params) {
  const auto checked = CheckParams(WordCount(), params);
  return checked ? "no error" : checked.error().text;
}

TEST(CheckParams, Complete_HasDefaults) {
  const auto params = CheckParams(WordCount(), {"needed=5s", "min_length=3", "min_length=4"});
  ASSERT_TRUE(params.has_value()) << params.error().text;
  EXPECT_EQ(params->at("min_length"), "4");
  EXPECT_EQ(params->at("stopwords"), "");
  EXPECT_EQ(params->at("needed"), "5s");
}

TEST(CheckParams, Wrong_NamesParameterAndForm) {
  EXPECT_EQ(PluginInfoError({"min_lenght=3"}),
            "parameter 'min_lenght' is not one of wordcount's (min_length, stopwords, needed). Did "
            "you mean min_length?   [MR0304]");
  EXPECT_THAT(PluginInfoError({"min_length=x"}),
              HasSubstr("which is not a whole number, for instance 3.   [MR0305]"));
  EXPECT_THAT(PluginInfoError({"needed=soon"}), HasSubstr("a duration"));
  EXPECT_THAT(PluginInfoError({}),
              HasSubstr("wordcount needs the parameter needed; give it with -P needed=VALUE."));
  EXPECT_THAT(PluginInfoError({"needed"}), HasSubstr("lacks its value"));
}

TEST(CheckParams, ListsAndEnums_AreLookedAtItemByItem) {
  PluginJob job;
  job.name = "counts";
  job.params = {{"sizes", "list:bytes", "", ""}, {"by", "enum:word|file", "word", ""}, {"new", "matrix:int", "", ""}};
  const auto text = [&job](const std::string& param) {
    const auto checked = CheckParams(job, {param});
    return checked ? "" : checked.error().text;
  };
  EXPECT_EQ(text("sizes=1MiB,2"), "");
  EXPECT_EQ(text("sizes="), "") << "an empty list";
  EXPECT_THAT(text("sizes=1MiB,,2"), HasSubstr("which is not a list with commas: '' in it is not a size, for instance 64MiB."));
  EXPECT_EQ(text("by=file"), "");
  EXPECT_THAT(text("by=line"), HasSubstr("parameter 'by' of counts is 'line', which is not one of word, file."));
  EXPECT_THAT(text("by="), HasSubstr("not one of word, file"));
  EXPECT_EQ(text("new=anything"), "") << "a type of a later version";
  EXPECT_EQ(ShownType("list:bytes"), "bytes,bytes,…");
  EXPECT_EQ(ShownType("enum:word|file"), "word|file");
  EXPECT_EQ(ShownType("int"), "int");
}

TEST(ParsePluginReference, Colon_SplitsOnlyTheName) {
  EXPECT_EQ(ParsePluginReference("a/b.so:job").plugin, "a/b.so");
  EXPECT_EQ(ParsePluginReference("a/b.so:job").job, "job");
  EXPECT_EQ(ParsePluginReference("a:b/c.so").plugin, "a:b/c.so");
  EXPECT_EQ(ParsePluginReference("wordcount").job, "");
}

TEST(ParsePluginInfo, Json_GivesJobsAndChoosesOne) {
  const auto info = ParsePluginInfo(
      R"({"jobs":[{"name":"a","params":[{"name":"p","type":"int","default":null}]},{"name":"bb","map_only":true}],)"
      R"("build_id":"3f9c","abi":{"major":1,"minor":2}})");
  ASSERT_TRUE(info.has_value()) << info.error().text;
  EXPECT_FALSE(info->jobs[0].params[0].default_value.has_value());
  EXPECT_EQ(info->build.build_id, "3f9c");
  EXPECT_EQ(info->build.abi_major, 1u);
  EXPECT_EQ(info->build.abi_minor, 2u);
  EXPECT_TRUE((*ChooseJob(*info, {"x.so", "bb"}))->map_only);
  EXPECT_THAT(ChooseJob(*info, {"x.so", ""}).error().text,
              HasSubstr("holds 2 jobs (a, bb); say which one: x.so:a"));
  EXPECT_THAT(ChooseJob(*info, {"x.so", "bc"}).error().text, HasSubstr("Did you mean bb?"));
  EXPECT_FALSE(ParsePluginInfo("{").has_value());
  EXPECT_FALSE(ParsePluginInfo("{\"jobs\":[{}]}").has_value());
}

TEST(FindPlugin, BareName_IsFoundNextToThePrograms) {
  TemporaryTree tree;
  const std::string path = tree.Write("plugins/wordcount.so", "x");
  tree.Write("bin/mrsubmit", "x");

  const auto found = FindPlugin(PosixEnv(), "wordcount", tree.Path("bin"));
  const auto near = FindPlugin(PosixEnv(), "wordcuont", tree.Path("bin"));
  const auto missing = FindPlugin(PosixEnv(), "./no/such.so", tree.Path("bin"));

  ASSERT_TRUE(found.has_value()) << found.error().text;
  EXPECT_EQ(*found, path);
  EXPECT_THAT(near.error().text, HasSubstr("Did you mean wordcount?"));
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace mr::submit
