#include "coordinator/core/split_planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/unit/coordinator/support/script.h"

namespace mr::coordinator {
namespace {

using test::MakeSpec;

wire::InputFile File(const std::string& path, uint64_t bytes,
                     wire::Compression compression = wire::Compression::kNone) {
  return {path, "", bytes, 1, compression};
}

std::vector<std::string> Plan(const wire::JobSpec& spec) {
  std::vector<std::string> out;
  const Result<std::vector<wire::MapWork>> plan = PlanSplits(spec);
  for (const wire::MapWork& work : plan.value()) {
    std::string text;
    for (const wire::Split& split : work.splits) {
      text += (text.empty() ? "" : " ") + split.file.path + "[" + std::to_string(split.begin) +
              "," + std::to_string(split.end) + ")";
    }
    out.push_back(text);
  }
  return out;
}

wire::JobSpec SpecOf(std::vector<wire::InputFile> files) {
  wire::JobSpec spec = MakeSpec(1, 1);
  spec.inputs = std::move(files);
  return spec;
}

TEST(PlanSplits, LargeFile_IsCut) {
  EXPECT_THAT(Plan(SpecOf({File("/a", 250)})),
              testing::ElementsAre("/a[0,100)", "/a[100,200)", "/a[200,250)"));
}

TEST(PlanSplits, SmallFiles_ArePackedInOrder) {
  EXPECT_THAT(Plan(SpecOf({File("/a", 40), File("/b", 60), File("/c", 1), File("/d", 99)})),
              testing::ElementsAre("/a[0,40) /b[0,60)", "/c[0,1) /d[0,99)"));
}

TEST(PlanSplits, CompressedFile_IsOnePiece) {
  EXPECT_THAT(Plan(SpecOf({File("/a.gz", 250, wire::Compression::kGzip), File("/b", 10)})),
              testing::ElementsAre("/a.gz[0,250)", "/b[0,10)"));
}

TEST(PlanSplits, MaxSplits_MakesThemLarger) {
  wire::JobSpec spec = SpecOf({File("/a", 1000), File("/b.gz", 300, wire::Compression::kGzip), File("/c", 50)});
  spec.config.max_splits = 4;
  const auto plan = PlanSplits(spec);
  ASSERT_TRUE(plan.has_value()) << plan.error().text;
  EXPECT_LE(plan->size(), 4u);
  EXPECT_GE(plan->size(), 3u) << "no larger than needed";
  uint64_t bytes = 0;
  for (const wire::MapWork& work : *plan) bytes += SplitBytes(work);
  EXPECT_EQ(bytes, 1350u);
  spec.config.max_splits = 1;
  EXPECT_EQ(PlanSplits(spec)->size(), 1u);
}

TEST(PlanSplits, MaxSplits_CannotBeKept) {
  std::vector<wire::InputFile> files(2 * kMaxFilesPerTask + 1, File("/a", 1));
  wire::JobSpec spec = SpecOf(std::move(files));
  spec.config.max_splits = 2;
  const auto plan = PlanSplits(spec);
  ASSERT_FALSE(plan.has_value());
  EXPECT_THAT(plan.error().text, testing::HasSubstr("larger --max-splits, or fewer files"));
}

TEST(CheckSpec, BoundsOfSlotsAndSplits) {
  for (const auto change : {+[](wire::JobConfig& c) { c.slots_per_task = 0; }, +[](wire::JobConfig& c) { c.slots_per_task = 5000; },
                            +[](wire::JobConfig& c) { c.max_splits = 0; }, +[](wire::JobConfig& c) { c.tie_ms = -1; }}) {
    wire::JobSpec spec = MakeSpec(1, 1);
    EXPECT_TRUE(CheckSpec(spec).has_value());
    change(spec.config);
    EXPECT_FALSE(CheckSpec(spec).has_value());
  }
}

TEST(PlanSplits, FixedRecords_AreNeverCut) {
  wire::JobSpec spec = SpecOf({File("/a", 90)});
  spec.config.input_format = wire::InputFormat::kFixed;
  spec.config.record_bytes = 30;
  spec.config.split_bytes = 70;
  EXPECT_THAT(Plan(spec), testing::ElementsAre("/a[0,60)", "/a[60,90)"));
  spec.config.split_bytes = 10;
  EXPECT_THAT(Plan(spec), testing::ElementsAre("/a[0,30)", "/a[30,60)", "/a[60,90)"));
}

TEST(PlanSplits, EmptyFiles_CountOnlyAsWholeRecords) {
  wire::JobSpec spec = SpecOf({File("/empty", 0), File("/a", 10)});
  EXPECT_THAT(Plan(spec), testing::ElementsAre("/a[0,10)"));
  spec.config.input_format = wire::InputFormat::kWhole;
  EXPECT_THAT(Plan(spec), testing::ElementsAre("/empty[0,0) /a[0,10)"));
}

TEST(PlanSplits, NoInputAtAll_IsOneEmptyTask) {
  EXPECT_THAT(Plan(SpecOf({})), testing::ElementsAre(""));
  EXPECT_THAT(Plan(SpecOf({File("/empty", 0)})), testing::ElementsAre(""));
}

TEST(PlanSplits, TooManyTasks_HaveLargerSplits) {
  EXPECT_EQ(PlanSplits(SpecOf({File("/a", 100ull * kMaxMapTasks)}))->size(), kMaxMapTasks);
  const auto plan = PlanSplits(SpecOf({File("/a", 100ull * kMaxMapTasks + 1)}));
  ASSERT_TRUE(plan.has_value());
  EXPECT_LE(plan->size(), kMaxMapTasks);
  EXPECT_EQ(PlanSplits(SpecOf({File("/a", UINT64_MAX / 2)}))->size() / 1000, kMaxMapTasks / 1000 * 8 / 9)
      << "not many fewer than allowed";
}

TEST(PlanSplits, ManyTinyFiles_AreAtMostTenThousandPerTask) {
  wire::JobSpec spec = SpecOf(std::vector<wire::InputFile>(kMaxFilesPerTask + 1, File("/a", 1)));
  spec.config.split_bytes = 1 << 20;
  const auto plan = PlanSplits(spec);
  ASSERT_EQ(plan->size(), 2u);
  EXPECT_EQ((*plan)[0].splits.size(), kMaxFilesPerTask);
}

TEST(PlanSplits, EveryByte_BelongsToExactlyOneSplit) {
  for (uint64_t split_bytes : {1u, 7u, 99u, 100u, 101u, 1000u}) {
    wire::JobSpec spec = SpecOf({File("/a", 250), File("/b", 3), File("/c", 100)});
    spec.config.split_bytes = split_bytes;
    std::map<std::string, uint64_t> covered;
    const auto plan = PlanSplits(spec);
    for (const wire::MapWork& work : *plan) {
      for (const wire::Split& split : work.splits) {
        EXPECT_EQ(split.begin, covered[split.file.path]);
        covered[split.file.path] = split.end;
      }
    }
    EXPECT_THAT(covered, testing::ElementsAre(testing::Pair("/a", 250), testing::Pair("/b", 3),
                                              testing::Pair("/c", 100)));
  }
}

TEST(CheckSpec, BadValues_AreRefused) {
  const auto refuse = [](auto change) {
    wire::JobSpec spec = MakeSpec(1, 2);
    change(spec);
    const Status status = CheckSpec(spec);
    return status ? std::string() : status.error().text;
  };
  EXPECT_EQ(refuse([](auto&) {}), "");
  EXPECT_THAT(refuse([](auto& spec) { spec.config.split_bytes = 0; }),
              testing::HasSubstr("--split-size"));
  EXPECT_THAT(refuse([](auto& spec) { spec.config.max_failed_permille = 1001; }),
              testing::HasSubstr("max failed tasks is 100.1%"));
  EXPECT_THAT(refuse([](auto& spec) { spec.config.skip_bad_records = 101; }),
              testing::HasSubstr("at most 100 are possible (--skip-bad-records)"));
  EXPECT_THAT(refuse([](auto& spec) { spec.config.max_attempts = 0; }),
              testing::HasSubstr("--max-attempts"));
  EXPECT_THAT(refuse([](auto& spec) { spec.config.reducers = kMaxReducers + 1; }),
              testing::HasSubstr("reducers"));
  EXPECT_THAT(refuse([](auto& spec) { spec.config.output_dir = "out"; }),
              testing::HasSubstr("absolute"));
  EXPECT_THAT(refuse([](auto& spec) { spec.config.plugin_sha256 = "x"; }),
              testing::HasSubstr("SHA-256"));
  EXPECT_THAT(refuse([](auto& spec) {
                spec.config.range_bounds = {"b", "a"};
              }),
              testing::HasSubstr("bounds"));
  EXPECT_THAT(refuse([](auto& spec) { spec.inputs[0].path = "in"; }), testing::HasSubstr("'in'"));
}

}  // namespace
}  // namespace mr::coordinator
