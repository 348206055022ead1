#include "coordinator/core/manifest.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "coordinator/core/split_planner.h"
#include "test/unit/coordinator/support/script.h"

namespace mr::coordinator {
namespace {

TEST(MakeManifest, Job_ListsInputsOutputsAndCounters) {
  JobEntry job;
  job.id = JobId{3};
  job.spec = test::MakeSpec(2, 2);
  job.spec.config.params["bytes"] = "\xff";  // not UTF-8
  job.maps.resize(2);
  job.reduces.resize(2);
  job.reduces[1].completion =
      Completion{{}, wire::ReduceResult{{{"part-r-00001", 20, 2, 255}}, {}}, {}, {}};
  job.reduces[0].completion =
      Completion{{}, wire::ReduceResult{{{"part-r-00000", 10, 1, 1}}, {}}, {}, {}};

  const auto json =
      nlohmann::json::parse(MakeManifest(job, {{"words", 9}}, "1.2.3", 1'700'000'000'000));

  EXPECT_EQ(json["job"], "j3");
  EXPECT_EQ(json["millrace"], "1.2.3");
  EXPECT_EQ(json["input"]["bytes"], 200);
  EXPECT_EQ(json["output"]["bytes"], 30);
  EXPECT_EQ(json["output"]["records"], 3);
  EXPECT_EQ(json["output"]["files"][0]["name"], "part-r-00000");
  EXPECT_EQ(json["output"]["files"][1]["xxh3"], "00000000000000ff");
  EXPECT_EQ(json["counters"]["words"], 9);
  EXPECT_EQ(json["plugin"]["sha256"], test::PluginHash());
}

TEST(MakeManifest, GivenUpTasks_AreNamed) {
  JobEntry job;
  job.id = JobId{3};
  job.spec = test::MakeSpec(2, 1);
  job.spec.config.max_failed_permille = 505;
  job.plan = PlanSplits(job.spec).value();
  job.maps.resize(2);
  job.reduces.resize(1);
  job.maps[1].given_up = true;
  wire::Failure failure;
  failure.message = "not a number";
  job.maps[1].failures.push_back({{}, "w1", failure, 0});

  const auto json = nlohmann::json::parse(MakeManifest(job, {}, "1.2.3", 1'700'000'000'000));

  ASSERT_EQ(json["failed_tasks"].size(), 1u);
  EXPECT_EQ(json["failed_tasks"][0]["task"], "j3-m1");
  EXPECT_EQ(json["failed_tasks"][0]["input"], "/in[100,200)");
  EXPECT_EQ(json["failed_tasks"][0]["error"], "not a number");
  EXPECT_EQ(json["config"]["max_failed_tasks"], "50.5%");
}

}  // namespace
}  // namespace mr::coordinator
