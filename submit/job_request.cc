#include "submit/job_request.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "common/base/isolation.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "submit/chain.h"
#include "submit/config_files.h"
#include "submit/error_codes.h"

namespace mr::submit {
namespace {

constexpr uint64_t kSplitLeast = 1;
constexpr uint64_t kTaskMemoryLeast = 1u << 20;
constexpr uint32_t kReducersMost = 100'000;
constexpr uint64_t kBytesPerReducer = 256ull << 20;
constexpr uint64_t kSplitDefault = 64ull << 20;
constexpr uint64_t kLocalSplitLeast = 1ull << 20;
constexpr uint64_t kMaxSplitsMost = 100'000;
constexpr uint64_t kSlotsPerTaskMost = 4096;
constexpr uint64_t kSkipBadRecordsMost = 100;
constexpr uint32_t kBackupFactorMost = 1000;
constexpr int64_t kTieDefaultMs = 30'000;
constexpr int64_t kTieLeastMs = 1000;  // an attached client is heard of about once a second

Result<std::map<std::string, std::string>> Pairs(const Settings& settings,
                                                 const std::string& name) {
  std::map<std::string, std::string> pairs;
  for (const std::string& text : settings.All(name)) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Fail(ErrorCode::kInvalidArgument,
                  StrCat("--", name, ": '", text, "' is not NAME=VALUE"));
    }
    pairs[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return pairs;
}

Result<std::map<std::string, std::string>> ReadEnvironment(const Settings& settings) {
  std::map<std::string, std::string> environment;
  for (const std::string& text : settings.All("env")) {
    const size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    if (name.empty()) return Fail(ErrorCode::kInvalidArgument, "--env: write NAME or NAME=VALUE");
    if (equals != std::string::npos) {
      environment[name] = text.substr(equals + 1);
      continue;
    }
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) {
      return Fail(
          ErrorCode::kInvalidArgument,
          StrCat("--env ", name, ": this variable is not set here; write --env ", name, "=VALUE"));
    }
    environment[name] = value;
  }
  return environment;
}

Result<std::map<std::string, std::string>> ReadSideFiles(Env& env, const Settings& settings) {
  MR_ASSIGN_OR_RETURN(auto pairs, Pairs(settings, "file"));
  for (auto& [name, path] : pairs) {
    MR_ASSIGN_OR_RETURN(path, AbsolutePath(path));
    const Result<FileStat> stat = env.Stat(path);
    if (!stat || !stat->is_regular) {
      return Refuse(
          kCodeSideFile, ErrorCode::kNotFound,
          StrCat("side file ", path, " (-f ", name, "=…) is not there, or is not a file."));
    }
  }
  return pairs;
}

// A list of input files, one path a line; empty lines are passed over.
Status AddInputList(Env& env, const std::string& path, std::vector<InputPattern>& inputs) {
  MR_ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(env, path));
  for (const std::string_view line : Split(text, '\n')) {
    if (!Trim(line).empty()) inputs.push_back(ParseTaggedInput(Trim(line)));
  }
  return {};
}

Status ReadInputs(Env& env, const Settings& settings, const std::vector<std::string>& arguments,
                  RunOptions& options) {
  std::vector<std::string> plain(arguments.begin() + (arguments.empty() ? 0 : 1), arguments.end());
  if (plain.empty() && !settings.Has("input") && !settings.Has("input-list"))
    plain = settings.All("inputs");
  for (const std::string& text : plain) {
    if (text == "-")
      options.stdin_is_input = true;
    else
      options.inputs.push_back({text, ""});
  }
  for (const std::string& text : settings.All("input")) {
    if (text == "-")
      options.stdin_is_input = true;
    else
      options.inputs.push_back(ParseTaggedInput(text));
  }
  for (const std::string& path : settings.All("input-list")) {
    MR_RETURN_IF_ERROR(AddInputList(env, path, options.inputs));
  }
  if (options.inputs.empty() && !options.stdin_is_input) {
    return Fail(ErrorCode::kInvalidArgument,
                "no INPUT was given: name a file, a directory or a pattern");
  }
  return {};
}

Status ReadParams(Env& env, const Settings& settings, RunOptions& options) {
  for (const std::string& path : settings.All("param-file")) {
    MR_ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(env, path, 1u << 20));
    MR_ASSIGN_OR_RETURN(const std::vector<std::string> params, ParseParamFile(text, path));
    options.params.insert(options.params.end(), params.begin(), params.end());
  }
  for (const std::string& text : settings.All("param")) options.params.push_back(text);
  return {};
}

// "5%", "5" or "0.5%", as tenths of a percent.
Result<uint32_t> ParsePermille(const Settings& settings, const std::string& name) {
  if (!settings.Has(name)) return 0u;
  const std::string whole = settings.Get(name);
  std::string_view text = whole;
  if (text.ends_with('%')) text.remove_suffix(1);
  double percent = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), percent);
  const bool number = error == std::errc() && end == text.data() + text.size();
  if (number && percent >= 0 && percent <= 100)
    return static_cast<uint32_t>(std::lround(std::floor(percent * 10 + 1e-9)));
  return Fail(ErrorCode::kInvalidArgument,
              StrCat("--", name, ": '", whole, "' is not a share from 0% to 100%, for instance 5%"));
}

// "1.5", as a percentage.
Status ReadBackup(const Settings& settings, wire::JobConfig& config) {
  MR_ASSIGN_OR_RETURN(const size_t backup, settings.Choice("backup", {"auto", "off"}, 0));
  config.backup = backup == 0;
  if (!settings.Has("backup-factor")) return {};
  const std::string text = settings.Get("backup-factor");
  double factor = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), factor);
  const bool number = error == std::errc() && end == text.data() + text.size();
  if (!number || !(factor >= 1 && factor <= kBackupFactorMost)) {  // nan is no number
    return Fail(ErrorCode::kInvalidArgument, StrCat("--backup-factor: '", text, "' is not a number from 1 to ",
                                                    kBackupFactorMost, ", for instance 1.5"));
  }
  config.backup_factor_percent = static_cast<uint32_t>(std::lround(factor * 100));
  return {};
}

// Numbers, sizes and words that go straight into the config.
Status ReadLimits(const Settings& settings, RunOptions& options) {
  wire::JobConfig& config = options.config;
  constexpr uint64_t kMany = std::numeric_limits<uint32_t>::max();
  MR_ASSIGN_OR_RETURN(config.split_bytes, settings.Size("split-size", kSplitDefault, kSplitLeast));
  options.split_given = settings.Has("split-size");
  MR_ASSIGN_OR_RETURN(config.task_memory_bytes,
                      settings.Size("task-memory", config.task_memory_bytes, kTaskMemoryLeast));
  MR_ASSIGN_OR_RETURN(config.memory_limit_bytes, settings.Size("memory", 0, kTaskMemoryLeast));
  MR_ASSIGN_OR_RETURN(const uint64_t attempts, settings.Number("max-attempts", 4, 1, 1000));
  config.max_attempts = static_cast<uint32_t>(attempts);
  MR_ASSIGN_OR_RETURN(config.max_failed_permille, ParsePermille(settings, "max-failed-tasks"));
  MR_ASSIGN_OR_RETURN(const uint64_t skip, settings.Number("skip-bad-records", 0, 0, kSkipBadRecordsMost));
  config.skip_bad_records = static_cast<uint32_t>(skip);
  MR_ASSIGN_OR_RETURN(const uint64_t running, settings.Number("max-running", 0, 0, kMany));
  config.max_running = static_cast<uint32_t>(running);
  MR_ASSIGN_OR_RETURN(const size_t priority, settings.Choice("priority", {"low", "normal", "high"}, 1));
  config.priority = static_cast<wire::Priority>(priority);
  MR_ASSIGN_OR_RETURN(const uint64_t slots, settings.Number("slots-per-task", 1, 1, kSlotsPerTaskMost));
  config.slots_per_task = static_cast<uint32_t>(slots);
  MR_ASSIGN_OR_RETURN(const uint64_t splits,
                      settings.Number("max-splits", kMaxSplitsMost, 1, kMaxSplitsMost));
  config.max_splits = static_cast<uint32_t>(splits);
  if (settings.Has("workdir")) {
    MR_ASSIGN_OR_RETURN(const size_t workdir, settings.Choice("workdir", {"private", "shared"}, 0));
    config.workdir = workdir == 0 ? wire::Workdir::kPrivate : wire::Workdir::kShared;
  }
  MR_ASSIGN_OR_RETURN(config.seed,
                      settings.Number("seed", 1, 0, std::numeric_limits<uint64_t>::max()));
  config.output_nonce = RandomSeed();
  MR_ASSIGN_OR_RETURN(config.task_timeout_ms,
                      settings.DurationMs("task-timeout", config.task_timeout_ms));
  if (config.task_timeout_ms <= 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "--task-timeout must be more than nothing, for instance 10m");
  }
  MR_ASSIGN_OR_RETURN(const size_t codec,
                      settings.Choice("shuffle-codec", {"auto", "lz4", "zstd", "none"}, 0));
  constexpr wire::Compression kCodecs[] = {wire::Compression::kAuto, wire::Compression::kLz4,
                                           wire::Compression::kZstd, wire::Compression::kNone};
  config.shuffle_codec = kCodecs[codec];
  MR_ASSIGN_OR_RETURN(const size_t output,
                      settings.Choice("compress-output", {"none", "gzip", "zstd"}, 0));
  constexpr wire::Compression kOutputs[] = {wire::Compression::kNone, wire::Compression::kGzip,
                                            wire::Compression::kZstd};
  config.output_compression = kOutputs[output];
  if (settings.Has("reducers") && settings.Get("reducers") != "auto") {
    MR_ASSIGN_OR_RETURN(const uint64_t reducers, settings.Number("reducers", 1, 0, kReducersMost));
    options.reducers = static_cast<uint32_t>(reducers);
  }
  MR_ASSIGN_OR_RETURN(const size_t failure, settings.Choice("on-failure", {"fail", "pause"}, 0));
  config.on_failure = static_cast<wire::OnFailure>(failure);
  return ReadBackup(settings, config);
}

Status ReadTie(const Settings& settings, wire::JobConfig& config) {
  if (!settings.Flag("tie")) return {};
  config.tie_ms = kTieDefaultMs;
  const std::string text = settings.Get("tie");
  if (text == "auto" || text == "true") return {};
  MR_ASSIGN_OR_RETURN(config.tie_ms, settings.DurationMs("tie", kTieDefaultMs));
  if (config.tie_ms >= kTieLeastMs) return {};
  return Fail(ErrorCode::kInvalidArgument, StrCat("--tie: ", text, " is too short; it must be 1s or more"));
}

Status ReadWatching(const Settings& settings, RunOptions& options) {
  MR_ASSIGN_OR_RETURN(const size_t interrupt,
                      settings.Choice("on-interrupt", {"ask", "kill", "detach"}, 0));
  options.on_interrupt = static_cast<OnInterrupt>(interrupt);
  options.detach = settings.Flag("detach");
  options.open_page = settings.Flag("open");
  options.dry_run = settings.Flag("dry-run");
  options.keep_stages = settings.Flag("keep-stages");
  options.resume = settings.Flag("resume");
  if (settings.Has("wait-timeout")) {
    MR_ASSIGN_OR_RETURN(const int64_t timeout, settings.DurationMs("wait-timeout", 0));
    options.wait_timeout_ms = timeout;
  }
  if (settings.Flag("local")) {
    options.local_slots = 0;
    const std::string text = settings.Get("local");
    if (text != "auto" && text != "true") {
      MR_ASSIGN_OR_RETURN(const uint64_t slots, settings.Number("local", 0, 1, 1024));
      options.local_slots = static_cast<uint32_t>(slots);
    }
  }
  return {};
}

// Combinations that cannot work.
Status CheckCombinations(const RunOptions& options) {
  const bool local = options.local_slots.has_value();
  if (options.stdin_is_input && !local) {
    return Fail(ErrorCode::kInvalidArgument,
                "INPUT '-' (standard input) needs --local: workers elsewhere cannot read it");
  }
  if (options.output == "-" && !local) {
    return Fail(ErrorCode::kInvalidArgument,
                "-o - needs --local; on a cluster give a directory, then: mrsubmit cat DIR");
  }
  if (options.detach && options.config.tie_ms > 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "--tie and --detach exclude each other: a tied job ends with this command");
  }
  if (options.open_page && local) {
    return Fail(ErrorCode::kInvalidArgument,
                "--open needs a coordinator with a web page; a local job has none");
  }
  if (options.detach && local) {
    return Fail(ErrorCode::kInvalidArgument,
                "--detach and --local exclude each other: the job runs inside this command");
  }
  if (!options.then.empty() && options.then.front().plugin.front() == ':' &&
      (options.plugin.empty() || options.plugin.front() == ':')) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("--then ", options.then.front().plugin, " means a job of the same plugin: name that plugin, "
                       "instead of taking it from --like"));
  }
  if (options.detach && !options.then.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "--detach and --then exclude each other: mrsubmit itself starts each stage when the one before it "
                "has succeeded. Run the chain in the background instead (nohup, tmux, a batch system)");
  }
  if (options.keep_stages && (options.then.empty() || options.output == "-")) {
    return Fail(ErrorCode::kInvalidArgument,
                "--keep-stages is for a chain with an output directory: give --then PLUGIN and -o DIR");
  }
  if (options.output.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "no output was given: -o DIR, or -o - for standard output");
  }
  return {};
}

}  // namespace

Result<std::optional<uint32_t>> ParseReducers(const std::string& option, const std::string& text) {
  if (text == "auto") return std::nullopt;
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number > kReducersMost) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("--", option, ": '", text, "' is neither auto nor a number from 0 to ", kReducersMost));
  }
  return number;
}

Status ParseInputFormat(std::string_view text, wire::JobConfig& config) {
  const auto set = [&](wire::InputFormat format, uint64_t record_bytes) {
    config.input_format = format;
    config.record_bytes = record_bytes;
    return Status();
  };
  if (text == "lines") return set(wire::InputFormat::kLines, 0);
  if (text == "blocks") return set(wire::InputFormat::kBlocks, 0);
  if (text == "whole") return set(wire::InputFormat::kWhole, 0);
  if (text.starts_with("fixed:")) {
    const Result<uint64_t> bytes = ParseSize(text.substr(6));
    if (bytes && *bytes > 0) return set(wire::InputFormat::kFixed, *bytes);
  }
  return Fail(ErrorCode::kInvalidArgument,
              StrCat("--input-format: '", text, "' is not one of lines, blocks, whole, fixed:N"));
}

Result<RunOptions> ReadRunOptions(Env& env, const Settings& settings,
                                  const std::vector<std::string>& arguments) {
  RunOptions options;
  options.plugin = arguments.empty() ? settings.Get("plugin") : arguments.front();
  if (options.plugin.empty() && !settings.Has("like")) {
    return Fail(ErrorCode::kInvalidArgument,
                "no PLUGIN was given: mrsubmit run PLUGIN[:JOB] INPUT… -o OUTPUT");
  }
  MR_RETURN_IF_ERROR(ReadInputs(env, settings, arguments, options));
  options.output = settings.Get("output");
  MR_RETURN_IF_ERROR(ReadParams(env, settings, options));
  MR_RETURN_IF_ERROR(ReadLimits(settings, options));
  MR_RETURN_IF_ERROR(CheckIsolation(settings.Get("isolation", "process")));
  MR_RETURN_IF_ERROR(ReadTie(settings, options.config));
  MR_RETURN_IF_ERROR(ReadWatching(settings, options));
  MR_ASSIGN_OR_RETURN(options.then, ReadStages(settings));
  MR_RETURN_IF_ERROR(CheckCombinations(options));
  wire::JobConfig& config = options.config;
  config.name = settings.Get("name");
  config.overwrite = settings.Flag("overwrite");
  MR_ASSIGN_OR_RETURN(const size_t combiner, settings.Choice("combiner", {"auto", "on", "off"}, 0));
  options.combiner = std::vector<std::string>{"auto", "on", "off"}[combiner];
  config.combine = options.combiner != "off";
  if (settings.Has("output-format")) {
    const std::vector<std::string> formats{"tsv", "jsonl", "raw"};
    MR_ASSIGN_OR_RETURN(const size_t format, settings.Choice("output-format", formats, 0));
    options.output_format = formats[format];
  }
  if (settings.Has("input-format")) {
    MR_RETURN_IF_ERROR(ParseInputFormat(settings.Get("input-format"), config));
    options.input_format_given = true;
  }
  if (options.output != "-") {
    MR_ASSIGN_OR_RETURN(config.output_dir, AbsolutePath(options.output));
  }
  if (settings.Has("job-dir")) {
    MR_ASSIGN_OR_RETURN(config.job_dir, AbsolutePath(settings.Get("job-dir")));
    const Result<FileStat> stat = env.Stat(config.job_dir);
    if (!stat || !stat->is_directory) {
      return Fail(ErrorCode::kInvalidArgument,
                  StrCat("--job-dir: ", config.job_dir, " is not a directory"));
    }
  }
  MR_ASSIGN_OR_RETURN(config.labels, Pairs(settings, "labels"));
  MR_ASSIGN_OR_RETURN(config.environment, ReadEnvironment(settings));
  MR_ASSIGN_OR_RETURN(config.side_files, ReadSideFiles(env, settings));
  return options;
}

std::map<std::string, Setting> SettingsOf(const wire::JobSpec& spec, const std::string& origin) {
  std::map<std::string, Setting> settings;
  const auto set = [&](const std::string& name, std::vector<std::string> values) {
    if (!values.empty()) settings[name] = Setting{std::move(values), origin};
  };
  const auto pairs = [](const std::map<std::string, std::string>& map) {
    std::vector<std::string> texts;
    for (const auto& [name, value] : map) texts.push_back(StrCat(name, "=", value));
    return texts;
  };
  const wire::JobConfig& config = spec.config;
  constexpr const char* kCompressions[] = {"none", "gzip", "zstd", "lz4", "auto"};
  const std::string formats[] = {"lines", "blocks", "whole", StrCat("fixed:", config.record_bytes)};
  std::vector<std::string> inputs;
  for (const wire::InputFile& file : spec.inputs) {
    inputs.push_back(file.tag.empty() ? file.path : StrCat(file.tag, "=", file.path));
  }
  set("input", inputs);
  set("name", {WithoutStage(config)});
  set("param", pairs(config.params));
  set("file", pairs(config.side_files));
  set("env", pairs(config.environment));
  set("labels", pairs(config.labels));
  set("reducers", {StrCat(config.reducers)});
  set("input-format", {formats[static_cast<size_t>(config.input_format)]});
  set("split-size", {StrCat(config.split_bytes)});
  set("combiner", {config.combine ? "auto" : "off"});
  set("task-memory", {StrCat(config.task_memory_bytes)});
  if (config.memory_limit_bytes > 0) set("memory", {StrCat(config.memory_limit_bytes)});
  set("shuffle-codec", {kCompressions[static_cast<size_t>(config.shuffle_codec)]});
  set("compress-output", {kCompressions[static_cast<size_t>(config.output_compression)]});
  set("max-attempts", {StrCat(config.max_attempts)});
  if (config.max_failed_permille > 0)
    set("max-failed-tasks", {wire::FormatPermille(config.max_failed_permille)});
  if (config.skip_bad_records > 0) set("skip-bad-records", {StrCat(config.skip_bad_records)});
  set("task-timeout", {StrCat(config.task_timeout_ms, "ms")});
  if (config.max_running > 0) set("max-running", {StrCat(config.max_running)});
  set("priority", {std::string(wire::PriorityName(config.priority))});
  set("slots-per-task", {StrCat(config.slots_per_task)});
  set("max-splits", {StrCat(config.max_splits)});
  if (config.output_format == wire::OutputFormat::kTsv) set("output-format", {"tsv"});
  if (config.output_format == wire::OutputFormat::kJsonLines) set("output-format", {"jsonl"});
  if (config.workdir != wire::Workdir::kWorkers)
    set("workdir", {config.workdir == wire::Workdir::kPrivate ? "private" : "shared"});
  if (config.on_failure == wire::OnFailure::kPause) set("on-failure", {"pause"});
  if (!config.backup) set("backup", {"off"});
  set("backup-factor", {StrCat(config.backup_factor_percent / 100, ".", config.backup_factor_percent / 10 % 10,
                               config.backup_factor_percent % 10)});
  set("seed", {StrCat(config.seed)});
  if (!config.job_dir.empty()) set("job-dir", {config.job_dir});
  return settings;
}

Status CheckOutput(Env& env, const std::string& output_dir, bool overwrite, uint32_t stages) {
  const Result<FileStat> stat = env.Stat(output_dir);
  if (!stat) {
    if (stat.error().code == ErrorCode::kNotFound) return {};
    return Fail(stat.error());
  }
  if (!stat->is_directory) {
    return Refuse(kCodeOutputExists, ErrorCode::kAlreadyExists,
                  StrCat(output_dir, " exists and is not a directory. Choose another -o."));
  }
  MR_ASSIGN_OR_RETURN(std::vector<std::string> names, env.ListDirectory(output_dir));
  for (uint32_t stage = 1; stage <= stages; ++stage) std::erase(names, StageName(stage));
  if (names.empty() || overwrite) return {};
  if (std::all_of(names.begin(), names.end(), [](const auto& name) { return name.starts_with("_stage"); })) {
    return Refuse(kCodeOutputExists, ErrorCode::kAlreadyExists,
                  StrCat(output_dir, " holds ", Join(names, ", "),
                         " of a chain that did not end. Choose another -o, or --overwrite to replace everything."));
  }
  return Refuse(
      kCodeOutputExists, ErrorCode::kAlreadyExists,
      StrCat(output_dir, " exists and holds ", names.size(), names.size() == 1 ? " file" : " files",
             ". Choose another -o, or --overwrite to replace it when the job succeeds."));
}

uint32_t AutoReducers(const PluginJob& job, uint64_t input_bytes, ClusterSize cluster) {
  if (job.map_only || !job.has_reduce) return 0;
  const auto by_slots = static_cast<uint64_t>(std::floor(cluster.slots * 0.95));
  const uint64_t by_bytes = (input_bytes + kBytesPerReducer / 2) / kBytesPerReducer;
  const uint64_t wanted =
      cluster.local ? std::max<uint64_t>(by_slots, 2) : std::min(by_slots, by_bytes);
  return static_cast<uint32_t>(std::clamp<uint64_t>(wanted, cluster.local ? 2 : 1, kReducersMost));
}

uint64_t LocalSplitBytes(uint64_t input_bytes, uint32_t slots) {
  const uint64_t for_slots = input_bytes / (3ull * std::max(slots, 1u)) + 1;
  const uint64_t split = std::clamp(for_slots, kLocalSplitLeast, kSplitDefault);
  return std::max<uint64_t>(1, std::min(split, (input_bytes + 1) / 2));
}

namespace {

// Whether key and value are written by the engine's rules or by the job's own code is the plugin's business.
Status SetOutputFormat(const std::string& format, const PluginJob& job, wire::JobConfig& config) {
  if (format.empty()) return {};
  const bool raw = job.output_format == "raw";
  if (raw != (format == "raw")) {
    return Fail(ErrorCode::kInvalidArgument,
                raw ? StrCat("--output-format ", format, ": job ", job.name,
                             " writes its own bytes (raw); leave the option out")
                    : StrCat("--output-format raw: job ", job.name, " writes keys and values; tsv and jsonl fit"));
  }
  config.output_format = format == "jsonl" ? wire::OutputFormat::kJsonLines
                         : format == "tsv" ? wire::OutputFormat::kTsv
                                           : wire::OutputFormat::kPlugins;
  return {};
}

}  // namespace

Result<wire::JobSpec> BuildSpec(const RunOptions& options, const PluginJob& job,
                                const std::string& plugin_path, const std::string& plugin_sha256,
                                std::vector<wire::InputFile> inputs, ClusterSize cluster) {
  wire::JobSpec spec;
  spec.config = options.config;
  wire::JobConfig& config = spec.config;
  spec.inputs = std::move(inputs);
  uint64_t bytes = 0;
  for (const wire::InputFile& file : spec.inputs) bytes += file.size_bytes;
  config.job_name = job.name;
  if (config.name.empty()) config.name = job.name;
  config.plugin_sha256 = plugin_sha256;
  config.plugin_name = BaseName(plugin_path);
  MR_ASSIGN_OR_RETURN(config.params, CheckParams(job, options.params));
  if (!options.input_format_given) MR_RETURN_IF_ERROR(ParseInputFormat(job.input_format, config));
  MR_RETURN_IF_ERROR(SetOutputFormat(options.output_format, job, config));
  config.reducers = options.reducers.value_or(AutoReducers(job, bytes, cluster));
  if (job.map_only && config.reducers > 0) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("job ", job.name, " has no reduce: leave -r out, or give -r 0"));
  }
  if (options.combiner == "on" && !job.has_combine) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("--combiner on: job ", job.name, " has no combiner"));
  }
  config.combine = config.combine && job.has_combine;
  if (cluster.local && !options.split_given)
    config.split_bytes = LocalSplitBytes(bytes, cluster.slots);
  return spec;
}

}  // namespace mr::submit
