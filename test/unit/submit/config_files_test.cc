#include "submit/config_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "submit/commands/commands.h"
#include "temporary_tree.h"

namespace mr::submit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<OptionSpec>& RunOptionSpecs() { return FindCommand(Commands(), "run")->options; }
Variables NoVariables() {
  return [](const std::string&) { return std::nullopt; };
}

struct Home {
  TemporaryTree tree;
  ConfigPlaces places{tree.Path("work/deep"), tree.Path("home"), tree.Path("etc/mr.toml")};
  Home() { tree.Write("work/deep/file", ""); }
};

TEST(AddWeakerLayers, Precedence_FlagVariableProjectUserSystem) {
  Home home;
  home.tree.Write("etc/mr.toml",
                  "coordinator = \"system\"\nprogress = \"system\"\ncolor = "
                  "\"system\"\nconnect-timeout = \"1s\"\nprogress-interval = \"system\"\n");
  home.tree.Write(
      "home/.config/mr/config.toml",
      "coordinator = \"user\"\nprogress = \"user\"\ncolor = \"user\"\nconnect-timeout = \"2s\"\n");
  const std::string project = home.tree.Write(
      "work/mr.toml", "coordinator = \"project\"\nprogress = \"project\"\ncolor = \"project\"\n");
  Settings settings;
  settings.AddWeaker("coordinator", Setting{{"flag"}, "--coordinator"});
  const Variables variables = [](const std::string& name) {
    return name == "MR_PROGRESS" || name == "MR_COORDINATOR"
               ? std::optional<std::string>("variable")
               : std::nullopt;
  };

  const Status added =
      AddWeakerLayers(PosixEnv(), home.places, variables, RunOptionSpecs(), true, settings);

  ASSERT_TRUE(added.has_value()) << added.error().text;
  EXPECT_EQ(settings.Get("coordinator"), "flag");
  EXPECT_EQ(settings.Get("progress"), "variable");
  EXPECT_EQ(settings.Get("color"), "project");
  EXPECT_EQ(settings.Get("connect-timeout"), "2s");
  EXPECT_EQ(settings.Get("progress-interval"), "system");
  EXPECT_EQ(settings.values().at("progress").origin, "MR_PROGRESS");
  EXPECT_EQ(settings.values().at("color").origin, project + ":3");
}

TEST(AddWeakerLayers, Defaults_OnlyForRun) {
  Home home;
  home.tree.Write("work/mr.toml", "[defaults]\nreducers = 7\nparam = [\"a=1\", \"b=2\"]\n");
  Settings run, other;

  ASSERT_TRUE(AddWeakerLayers(PosixEnv(), home.places, NoVariables(), RunOptionSpecs(), true, run)
                  .has_value());
  ASSERT_TRUE(
      AddWeakerLayers(PosixEnv(), home.places, NoVariables(), RunOptionSpecs(), false, other)
          .has_value());

  EXPECT_EQ(run.Get("reducers"), "7");
  EXPECT_THAT(run.All("param"), ElementsAre("a=1", "b=2"));
  EXPECT_FALSE(other.Has("reducers"));
}

TEST(AddWeakerLayers, Cluster_TableIsStrongerThanTopLevel) {
  Home home;
  home.tree.Write("work/mr.toml",
                  "coordinator = \"tcp://a:1\"\n[cluster.prod]\ncoordinator = "
                  "\"tcp://prod:1\"\nkey-file = \"~/k\"\n");
  Settings settings, wrong;
  settings.AddWeaker("cluster", Setting{{"prod"}, "--cluster"});
  wrong.AddWeaker("cluster", Setting{{"prot"}, "--cluster"});

  ASSERT_TRUE(
      AddWeakerLayers(PosixEnv(), home.places, NoVariables(), RunOptionSpecs(), true, settings)
          .has_value());
  const Status refused =
      AddWeakerLayers(PosixEnv(), home.places, NoVariables(), RunOptionSpecs(), true, wrong);

  EXPECT_EQ(settings.Get("coordinator"), "tcp://prod:1");
  EXPECT_EQ(settings.Get("key-file"), home.tree.Path("home/k"));
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().text, HasSubstr("Did you mean prod?"));
}

TEST(ParseConfig, UnknownKey_SaysWhereAndTheNearest) {
  const auto wrong = ParseConfig("[defaults]\nreducer = 3\n", "mr.toml", RunOptionSpecs());
  const auto table = ParseConfig("[default]\nreducers = 3\n", "mr.toml", RunOptionSpecs());
  const auto broken = ParseConfig("a = \n", "mr.toml", RunOptionSpecs());

  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(wrong.error().text,
            "mr.toml:2: unknown key 'reducer' in [defaults]. Did you mean reducers?");
  ASSERT_FALSE(table.has_value());
  EXPECT_THAT(table.error().text, HasSubstr("Did you mean defaults?"));
  ASSERT_FALSE(broken.has_value());
  EXPECT_THAT(broken.error().text, HasSubstr("mr.toml:1"));
}

TEST(ParseConfig, DaemonTables_AreLeftAlone) {
  EXPECT_TRUE(ParseConfig("[coordinator]\nstate-dir = \"/x\"\n[log]\nlevel = \"info\"\n", "f",
                          RunOptionSpecs())
                  .has_value());
}

TEST(ConfigFiles, Chosen_ReplacesAllAndMustExist) {
  Home home;
  const std::string mine = home.tree.Write("mine.toml", "");
  home.tree.Write("work/mr.toml", "");
  Settings chosen, missing, none;
  chosen.AddWeaker("config", Setting{{mine}, ""});
  missing.AddWeaker("config", Setting{{home.tree.Path("no.toml")}, ""});
  none.AddWeaker("no-config", Setting{{"true"}, ""});

  EXPECT_THAT(*ConfigFiles(PosixEnv(), home.places, chosen, NoVariables()), ElementsAre(mine));
  EXPECT_FALSE(ConfigFiles(PosixEnv(), home.places, missing, NoVariables()).has_value());
  EXPECT_TRUE(ConfigFiles(PosixEnv(), home.places, none, NoVariables())->empty());
  EXPECT_THAT(*ConfigFiles(PosixEnv(), home.places, {}, NoVariables()),
              ElementsAre(home.tree.Path("work/mr.toml")));
}

TEST(ParseJobFile, Params_TableBecomesOptions) {
  const auto job = ParseJobFile(
      "plugin = \"a.so\"\ninputs = [\"x\", \"y\"]\nreducers = 2\n[params]\nn = 3\nname = \"q\"\n",
      "job.toml", RunOptionSpecs());
  ASSERT_TRUE(job.has_value()) << job.error().text;
  EXPECT_THAT(job->at("param").values, ElementsAre("n=3", "name=q"));
  EXPECT_THAT(job->at("inputs").values, ElementsAre("x", "y"));
  EXPECT_THAT(*ParseParamFile("a = 1.5\nb = true\n", "p.toml"), ElementsAre("a=1.5", "b=true"));
}

}  // namespace
}  // namespace mr::submit
