#include "submit/job_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/strings.h"
#include "submit/exit_codes.h"
#include "submit/sampling.h"
#include "temporary_tree.h"

namespace mr::submit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Settings Make(const std::map<std::string, std::string>& values) {
  Settings settings;
  for (const auto& [name, value] : values) settings.AddWeaker(name, Setting{{value}, "--" + name});
  return settings;
}

std::string ErrorOf(const std::map<std::string, std::string>& values,
                    const std::vector<std::string>& arguments) {
  const auto options = ReadRunOptions(PosixEnv(), Make(values), arguments);
  return options ? "no error" : options.error().text;
}

TEST(ReadRunOptions, Values_AreConvertedAndBounded) {
  const auto options = ReadRunOptions(PosixEnv(),
                                      Make({{"output", "/out"},
                                            {"reducers", "5"},
                                            {"split-size", "1Mi"},
                                            {"task-timeout", "90s"},
                                            {"input-format", "fixed:100"},
                                            {"shuffle-codec", "zstd"},
                                            {"compress-output", "gzip"},
                                            {"local", "3"},
                                            {"combiner", "off"}}),
                                      {"p.so:job", "in"});

  ASSERT_TRUE(options.has_value()) << options.error().text;
  EXPECT_EQ(options->reducers, 5u);
  EXPECT_EQ(options->config.split_bytes, 1u << 20);
  EXPECT_EQ(options->config.task_timeout_ms, 90'000);
  EXPECT_EQ(options->config.record_bytes, 100u);
  EXPECT_EQ(options->config.shuffle_codec, wire::Compression::kZstd);
  EXPECT_EQ(options->config.output_compression, wire::Compression::kGzip);
  EXPECT_EQ(options->local_slots, 3u);
  EXPECT_FALSE(options->config.combine);
}

TEST(ReadRunOptions, SchedulingAndSurroundings) {
  const auto options = ReadRunOptions(PosixEnv(),
                                      Make({{"output", "/out"},
                                            {"priority", "high"},
                                            {"slots-per-task", "3"},
                                            {"max-splits", "7"},
                                            {"workdir", "shared"},
                                            {"isolation", "process"},
                                            {"tie", "5s"}}),
                                      {"p", "in"});
  ASSERT_TRUE(options.has_value()) << options.error().text;
  EXPECT_EQ(options->config.priority, wire::Priority::kHigh);
  EXPECT_EQ(options->config.slots_per_task, 3u);
  EXPECT_EQ(options->config.max_splits, 7u);
  EXPECT_EQ(options->config.workdir, wire::Workdir::kShared);
  EXPECT_EQ(options->config.tie_ms, 5000);
  EXPECT_EQ(ReadRunOptions(PosixEnv(), Make({{"output", "o"}, {"tie", "auto"}}), {"p", "in"})->config.tie_ms, 30'000);
  EXPECT_EQ(ReadRunOptions(PosixEnv(), Make({{"output", "o"}}), {"p", "in"})->config.tie_ms, 0);

  wire::JobSpec spec;
  spec.config = options->config;
  spec.config.output_format = wire::OutputFormat::kJsonLines;
  const auto settings = SettingsOf(spec, "j1");
  EXPECT_THAT(settings.at("priority").values, ElementsAre("high"));
  EXPECT_THAT(settings.at("slots-per-task").values, ElementsAre("3"));
  EXPECT_THAT(settings.at("max-splits").values, ElementsAre("7"));
  EXPECT_THAT(settings.at("workdir").values, ElementsAre("shared"));
  EXPECT_THAT(settings.at("output-format").values, ElementsAre("jsonl"));
}

TEST(ReadRunOptions, SchedulingAndSurroundings_Wrong) {
  const auto error = [](const std::string& name, const std::string& value) {
    return ErrorOf({{"output", "o"}, {name, value}}, {"p", "i"});
  };
  EXPECT_THAT(error("priority", "urgent"), HasSubstr("--priority"));
  EXPECT_THAT(error("slots-per-task", "0"), HasSubstr("--slots-per-task"));
  EXPECT_THAT(error("max-splits", "100001"), HasSubstr("--max-splits"));
  EXPECT_THAT(error("workdir", "mine"), HasSubstr("--workdir"));
  EXPECT_THAT(error("output-format", "xml"), HasSubstr("--output-format"));
  EXPECT_THAT(error("isolation", "thread"), HasSubstr("Use --isolation process"));
  EXPECT_THAT(error("tie", "10ms"), HasSubstr("must be 1s or more"));
  EXPECT_THAT(ErrorOf({{"output", "o"}, {"tie", "5s"}, {"detach", "true"}}, {"p", "i"}), HasSubstr("exclude each other"));
  EXPECT_THAT(ErrorOf({{"output", "o"}, {"open", "true"}, {"local", "2"}}, {"p", "i"}), HasSubstr("--open"));
}

TEST(BuildSpec, OutputFormat_MustFitTheJob) {
  PluginJob job;
  job.name = "J";
  job.has_reduce = true;
  job.input_format = "lines";
  RunOptions options;
  const auto build = [&] { return BuildSpec(options, job, "/p.so", "", {}, {1, true}); };
  job.output_format = "tsv";
  options.output_format = "jsonl";
  EXPECT_EQ(build()->config.output_format, wire::OutputFormat::kJsonLines);
  options.output_format = "raw";
  EXPECT_THAT(build().error().text, HasSubstr("writes keys and values"));
  job.output_format = "raw";
  EXPECT_TRUE(build().has_value());
  options.output_format = "jsonl";
  EXPECT_THAT(build().error().text, HasSubstr("writes its own bytes"));
}

TEST(ReadRunOptions, Wrong_NamesTheOptionAndTheForm) {
  EXPECT_THAT(ErrorOf({{"output", "o"}}, {}), HasSubstr("no PLUGIN"));
  EXPECT_THAT(ErrorOf({{"output", "o"}}, {"p.so"}), HasSubstr("no INPUT"));
  EXPECT_THAT(ErrorOf({}, {"p.so", "in"}), HasSubstr("-o DIR"));
  EXPECT_THAT(ErrorOf({{"output", "o"}, {"reducers", "x"}}, {"p", "i"}),
              HasSubstr("--reducers: 'x' is not a number"));
  EXPECT_THAT(ErrorOf({{"output", "o"}, {"split-size", "0"}}, {"p", "i"}), HasSubstr("too small"));
  EXPECT_THAT(ErrorOf({{"output", "o"}, {"shuffle-codec", "lz5"}}, {"p", "i"}),
              HasSubstr("Did you mean lz4?"));
  EXPECT_THAT(ErrorOf({{"output", "o"}, {"max-failed-tasks", "101%"}}, {"p", "i"}),
              HasSubstr("--max-failed-tasks: '101%' is not a share from 0% to 100%"));
  EXPECT_THAT(ErrorOf({{"output", "o"}, {"max-failed-tasks", "x"}}, {"p", "i"}),
              HasSubstr("for instance 5%"));
  EXPECT_THAT(ErrorOf({{"output", "o"}, {"skip-bad-records", "101"}}, {"p", "i"}), HasSubstr("--skip-bad-records"));
  EXPECT_THAT(ErrorOf({{"output", "o"}, {"backup", "on"}}, {"p", "i"}), HasSubstr("--backup"));
  EXPECT_THAT(ErrorOf({{"output", "o"}, {"backup-factor", "0.9"}}, {"p", "i"}),
              HasSubstr("--backup-factor: '0.9' is not a number from 1 to 1000, for instance 1.5"));
  EXPECT_THAT(ErrorOf({{"output", "o"}, {"backup-factor", "nan"}}, {"p", "i"}), HasSubstr("'nan' is not a number"));
  EXPECT_THAT(ErrorOf({{"output", "o"}, {"backup-factor", "2x"}}, {"p", "i"}), HasSubstr("for instance 1.5"));
  EXPECT_THAT(ErrorOf({{"output", "o"}}, {"p", "-"}), HasSubstr("needs --local"));
  EXPECT_THAT(ErrorOf({{"output", "-"}}, {"p", "i"}), HasSubstr("needs --local"));
  EXPECT_THAT(ErrorOf({{"output", "o"}, {"local", "auto"}, {"detach", "true"}}, {"p", "i"}),
              HasSubstr("exclude each other"));
  EXPECT_THAT(ErrorOf({{"output", "o"}, {"file", "a=/does/not/exist"}}, {"p", "i"}),
              HasSubstr("[MR0312]"));
}

TEST(SettingsOf, RoundTrip_ThroughOptions) {
  wire::JobSpec spec;
  spec.config.reducers = 9;
  spec.config.split_bytes = 12345;
  spec.config.params = {{"a", "1"}};
  spec.config.max_attempts = 2;
  spec.config.max_failed_permille = 25;
  spec.config.skip_bad_records = 7;
  spec.config.backup = false;
  spec.config.backup_factor_percent = 205;
  spec.config.input_format = wire::InputFormat::kFixed;
  spec.config.record_bytes = 10;
  spec.inputs.push_back({"/in/file", "left", 1, 1, wire::Compression::kNone});
  Settings settings = Make({{"output", "/o"}});
  for (auto& [name, setting] : SettingsOf(spec, "j1")) settings.AddWeaker(name, setting);

  const auto options = ReadRunOptions(PosixEnv(), settings, {"p.so"});

  ASSERT_TRUE(options.has_value()) << options.error().text;
  EXPECT_EQ(options->reducers, 9u);
  EXPECT_EQ(options->config.split_bytes, 12345u);
  EXPECT_EQ(options->config.max_attempts, 2u);
  EXPECT_EQ(options->config.max_failed_permille, 25u);
  EXPECT_EQ(options->config.skip_bad_records, 7u);
  EXPECT_FALSE(options->config.backup);
  EXPECT_EQ(options->config.backup_factor_percent, 205u);
  EXPECT_EQ(options->config.record_bytes, 10u);
  EXPECT_THAT(options->params, ElementsAre("a=1"));
  ASSERT_EQ(options->inputs.size(), 1u);
  EXPECT_EQ(options->inputs[0].tag, "left");
}

TEST(CheckOutput, Existing_IsRefusedUnlessOverwriting) {
  TemporaryTree tree;
  tree.Write("out/part-r-00000", "x");

  EXPECT_TRUE(CheckOutput(PosixEnv(), tree.Path("new"), false).has_value());
  EXPECT_TRUE(CheckOutput(PosixEnv(), tree.Path("out"), true).has_value());
  const Status refused = CheckOutput(PosixEnv(), tree.Path("out"), false);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().text,
            tree.Path("out") +
                " exists and holds 1 file. Choose another -o, or --overwrite to replace it "
                "when the job succeeds.   [MR0302]");
  EXPECT_FALSE(CheckOutput(PosixEnv(), tree.Path("out/part-r-00000"), true).has_value());
}

TEST(AutoReducers, Number_FromSlotsAndBytes) {
  PluginJob job;
  job.has_reduce = true;
  constexpr uint64_t kGiB = 1ull << 30;
  EXPECT_EQ(AutoReducers(job, 100 * kGiB, {48, false}), 45u);
  EXPECT_EQ(AutoReducers(job, kGiB, {48, false}), 4u);
  EXPECT_EQ(AutoReducers(job, 1, {48, false}), 1u);
  EXPECT_EQ(AutoReducers(job, 1, {1, true}), 2u);
  job.map_only = true;
  EXPECT_EQ(AutoReducers(job, kGiB, {48, false}), 0u);
}

TEST(LocalSplitBytes, Size_GivesEverySlotWork) {
  EXPECT_EQ(LocalSplitBytes(1, 4), 1u);
  EXPECT_EQ(LocalSplitBytes(0, 4), 1u);
  EXPECT_EQ(LocalSplitBytes(1000, 4), 500u);
  EXPECT_EQ(LocalSplitBytes(64u << 20, 2), (64u << 20) / 6 + 1);
  EXPECT_EQ(LocalSplitBytes(100ull << 30, 2), 64ull << 20);
}

TEST(BuildSpec, Defaults_ComeFromThePlugin) {
  PluginJob job;
  job.name = "wc";
  job.input_format = "blocks";
  job.has_reduce = true;
  job.has_combine = false;
  job.params = {{"n", "int", "3", ""}};
  RunOptions options;

  const auto spec = BuildSpec(options, job, "/x/wc.so", "abc",
                              {{"/in", "", 10, 1, wire::Compression::kNone}}, {2, true});

  ASSERT_TRUE(spec.has_value()) << spec.error().text;
  EXPECT_EQ(spec->config.name, "wc");
  EXPECT_EQ(spec->config.plugin_name, "wc.so");
  EXPECT_EQ(spec->config.input_format, wire::InputFormat::kBlocks);
  EXPECT_EQ(spec->config.params.at("n"), "3");
  EXPECT_EQ(spec->config.reducers, 2u);
  EXPECT_EQ(spec->config.split_bytes, 5u);
  EXPECT_FALSE(spec->config.combine);
}

TEST(QuantileBounds, AHotKey_LeavesTheOtherPartitionsEven) {
  std::vector<std::string> keys(4000, "m");  // half of all records
  for (int i = 0; i < 4000; ++i) keys.push_back(StrCat(i % 2 == 0 ? "a" : "z", 1000 + i));
  std::sort(keys.begin(), keys.end());
  const auto bounds = QuantileBounds(keys, 8);
  ASSERT_EQ(bounds.size(), 7u);
  EXPECT_TRUE(std::is_sorted(bounds.begin(), bounds.end()));
  std::vector<size_t> sizes(8);
  for (const std::string& key : keys) {
    ++sizes[static_cast<size_t>(std::upper_bound(bounds.begin(), bounds.end(), key) - bounds.begin())];
  }
  std::sort(sizes.begin(), sizes.end());
  EXPECT_EQ(sizes.back(), 4000u) << "the hot key cannot be divided, but it is alone";
  EXPECT_LE(sizes[6], 1000u);
  EXPECT_GT(sizes.front(), 200u) << "no partition is wasted";
}

TEST(QuantileBounds, Bounds_AreQuantilesAndDeterministic) {
  std::vector<std::string> keys;
  for (char c = 'a'; c < 'a' + 8; ++c) keys.emplace_back(1, c);
  EXPECT_THAT(QuantileBounds(keys, 4), ElementsAre("c", "e", "g"));
  EXPECT_TRUE(QuantileBounds(keys, 1).empty());
  EXPECT_EQ(QuantileBounds({}, 3).size(), 2u);
}

TEST(SampleSplits, Splits_AreSpreadOverAllBytes) {
  wire::JobSpec spec;
  spec.inputs = {{"/a", "", 1000, 1, wire::Compression::kNone},
                 {"/b.gz", "", 50, 1, wire::Compression::kGzip},
                 {"/c", "", 1000, 1, wire::Compression::kNone}};

  const auto splits = SampleSplits(spec, 4, 100);

  ASSERT_EQ(splits.size(), 5u);  // the compressed file, and every 500 bytes of the others
  EXPECT_EQ(splits[0].file.path, "/b.gz");
  EXPECT_EQ(splits[0].end, 50u);
  const uint64_t first = splits[1].begin;
  EXPECT_LE(first, 400u);
  EXPECT_EQ(splits[2].begin, first + 500);
  EXPECT_EQ(splits[2].end, first + 600);
  EXPECT_EQ(splits[3].file.path, "/c");
  EXPECT_EQ(splits[3].begin, first);
}

TEST(SampleSplits, Splits_AreTheSameForTheSameSeed) {
  wire::JobSpec spec;
  spec.config.input_format = wire::InputFormat::kFixed;
  spec.config.record_bytes = 100;
  spec.inputs = {{"/a", "", 1'000'000, 1, wire::Compression::kNone}};
  const auto begins = [&](uint64_t seed) {
    spec.config.seed = seed;
    std::vector<uint64_t> out;
    for (const wire::Split& split : SampleSplits(spec, 16, 1000)) out.push_back(split.begin);
    return out;
  };
  EXPECT_EQ(begins(1), begins(1));
  EXPECT_NE(begins(1), begins(2));
  for (const uint64_t begin : begins(3)) EXPECT_EQ(begin % 100, 0u);
}

TEST(ExitCodeOf, Mapping_IsTheDocumentedOne) {
  EXPECT_EQ(ExitCodeOf(wire::JobState::kSucceeded), 0);
  EXPECT_EQ(ExitCodeOf(wire::JobState::kFailed), 1);
  EXPECT_EQ(ExitCodeOf(wire::JobState::kKilled), 3);
  EXPECT_EQ(ExitCodeOf(wire::JobState::kRunning), 4);
  EXPECT_EQ(ExitCodeOf(Error{ErrorCode::kNotFound, ""}), 5);
  EXPECT_EQ(ExitCodeOf(Error{ErrorCode::kInvalidArgument, ""}), 6);
  EXPECT_EQ(ExitCodeOf(Error{ErrorCode::kTimeout, ""}), 7);
  EXPECT_EQ(ExitCodeOf(Error{ErrorCode::kPermission, ""}), 8);
  EXPECT_EQ(ExitCodeOf(Error{ErrorCode::kInternal, ""}), 70);
}

}  // namespace
}  // namespace mr::submit
