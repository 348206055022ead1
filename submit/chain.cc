#include "submit/chain.h"

#include <charconv>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/io/env.h"

namespace mr::submit {
namespace {

constexpr uint32_t kStagesMost = 100;

struct StageValue {
  uint32_t stage = 0;
  std::string value;
};

// "2:NAME=VALUE"
Result<StageValue> ParseStageValue(const std::string& option, const std::string& text, size_t stages) {
  const size_t colon = text.find(':');
  StageValue parsed;
  const char* end = text.data() + (colon == std::string::npos ? 0 : colon);
  const auto [stop, error] = std::from_chars(text.data(), end, parsed.stage);
  if (colon == std::string::npos || error != std::errc() || stop != end) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("--", option, ": '", text, "' does not begin with a stage's number and a colon, as in 2:…"));
  }
  if (parsed.stage < 2 || parsed.stage > stages) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("--", option, ": '", text, "' is for stage ", parsed.stage, ", but ",
                       stages == 1 ? std::string("there is no --then")
                                   : StrCat("the stages after --then are 2 to ", stages)));
  }
  parsed.value = text.substr(colon + 1);
  return parsed;
}

// ":JOB" is another job of the plugin before it.
std::string PluginOf(const RunOptions& whole, uint32_t stage) {
  const std::string& own = stage == 1 ? whole.plugin : whole.then[stage - 2].plugin;
  if (stage == 1 || own.front() != ':') return own;
  return ParsePluginReference(PluginOf(whole, stage - 1)).plugin + own;
}

}  // namespace

Result<std::vector<StageOptions>> ReadStages(const Settings& settings) {
  std::vector<StageOptions> stages;
  for (const std::string& plugin : settings.All("then")) {
    if (plugin.empty()) return Fail(ErrorCode::kInvalidArgument, "--then: name a PLUGIN[:JOB]");
    stages.push_back({plugin, {}, std::nullopt});
  }
  if (stages.size() >= kStagesMost) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("--then was given ", stages.size(), " times; a chain has at most ", kStagesMost, " stages"));
  }
  for (const std::string& text : settings.All("then-param")) {
    MR_ASSIGN_OR_RETURN(StageValue parsed, ParseStageValue("then-param", text, stages.size() + 1));
    stages[parsed.stage - 2].params.push_back(std::move(parsed.value));
  }
  for (const std::string& text : settings.All("then-reducers")) {
    MR_ASSIGN_OR_RETURN(const StageValue parsed, ParseStageValue("then-reducers", text, stages.size() + 1));
    MR_ASSIGN_OR_RETURN(stages[parsed.stage - 2].reducers, ParseReducers("then-reducers", parsed.value));
  }
  return stages;
}

std::string StageName(uint32_t stage) { return StrCat("_stage", stage); }

std::string StageDirectory(const std::string& output_dir, uint32_t stage) {
  return JoinPath(output_dir, StageName(stage));
}

RunOptions StageRunOptions(const RunOptions& whole, uint32_t stage) {
  const auto stages = static_cast<uint32_t>(whole.then.size() + 1);
  RunOptions options = whole;
  wire::JobConfig& config = options.config;
  options.then.clear();
  config.stage = stage;
  config.stages = stages;
  if (stage > 1) {
    const StageOptions& own = whole.then[stage - 2];
    options.plugin = PluginOf(whole, stage);
    options.params = own.params;
    options.reducers = own.reducers;
    options.inputs.clear();
    options.stdin_is_input = false;
    // What was said of the first stage's input and code says nothing about this one's.
    const wire::JobConfig defaults;
    options.input_format_given = false;
    config.input_format = defaults.input_format;
    config.record_bytes = defaults.record_bytes;
    if (options.combiner == "on") options.combiner = "auto";
    config.resume_from = {};
    config.output_nonce = RandomSeed();
  }
  if (stage < stages) {
    // What is read again at once: compressed files could not be split.
    config.output_dir = StageDirectory(whole.config.output_dir, stage);
    config.output_compression = wire::Compression::kNone;
    options.output = whole.output == "-" ? config.output_dir : StageDirectory(whole.output, stage);
  }
  return options;
}

std::string StagedName(const std::string& name, uint32_t stage, uint32_t stages) {
  return StrCat(name, " (stage ", stage, " of ", stages, ")");
}

std::string WithoutStage(const wire::JobConfig& config) {
  const std::string suffix = StagedName("", config.stage, config.stages);
  if (config.stages == 0 || !config.name.ends_with(suffix)) return config.name;
  return config.name.substr(0, config.name.size() - suffix.size());
}

}  // namespace mr::submit
