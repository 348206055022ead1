// From the options of `run` to the JobSpec that is submitted. Pure, apart from looking at files
// through Env.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/io/env.h"
#include "common/wire/job.h"
#include "submit/input_files.h"
#include "submit/plugin_info.h"
#include "submit/settings.h"

namespace mr::submit {

enum class OnInterrupt : uint8_t { kAsk = 0, kKill = 1, kDetach = 2 };

// A later stage of a chain: `--then PLUGIN[:JOB] -P … -r N`.
struct StageOptions {
  std::string plugin;
  std::vector<std::string> params;   // NAME=VALUE
  std::optional<uint32_t> reducers;  // none: auto
  friend bool operator==(const StageOptions&, const StageOptions&) = default;
};

// The options, converted and bounded.
struct RunOptions {
  std::string plugin;  // PLUGIN[:JOB]; may be empty with --like
  std::vector<InputPattern> inputs;
  bool stdin_is_input = false;
  std::string output;                // "-": standard output
  std::optional<uint32_t> reducers;  // none: auto
  std::vector<std::string> params;   // NAME=VALUE, --param-file's first
  wire::JobConfig config;            // every field that an option sets directly
  bool input_format_given = false;
  bool split_given = false;
  std::string combiner;
  bool detach = false;
  bool dry_run = false;
  std::optional<int64_t> wait_timeout_ms;
  OnInterrupt on_interrupt = OnInterrupt::kAsk;
  std::string output_format;            // empty: the plugin's
  bool open_page = false;
  std::optional<uint32_t> local_slots;  // --local; 0 = one per processor
  std::vector<StageOptions> then;       // the stages after the first
  bool keep_stages = false;
  bool resume = false;
};

// Errors: kInvalidArgument naming the option. `arguments`: PLUGIN INPUT…
Result<RunOptions> ReadRunOptions(Env& env, const Settings& settings,
                                  const std::vector<std::string>& arguments);

// Layers below the command line: --spec FILE, and --like JOB (that job's spec as settings).
std::map<std::string, Setting> SettingsOf(const wire::JobSpec& spec, const std::string& origin);

// A number of reduce tasks, or nothing for "auto". Errors: kInvalidArgument naming the option.
Result<std::optional<uint32_t>> ParseReducers(const std::string& option, const std::string& text);

// Sets format and record_bytes from "lines", "blocks", "whole" or "fixed:N".
Status ParseInputFormat(std::string_view text, wire::JobConfig& config);

// Errors: kAlreadyExists naming what is in the way. `stages`: so many stages of this very chain have written to
// OUTPUT/_stage1, … already.
Status CheckOutput(Env& env, const std::string& output_dir, bool overwrite, uint32_t stages = 0);

struct ClusterSize {
  uint32_t slots = 1;
  bool local = false;
};
// -r auto: 95 % of the slots, but not more than one per 256 MiB of input; here at least two, so
// that a job that only works with one partition is found out before it meets a cluster.
uint32_t AutoReducers(const PluginJob& job, uint64_t input_bytes, ClusterSize cluster);
// Here, small inputs are cut finer than 64 MiB: every slot gets work, and there are two maps or
// more.
uint64_t LocalSplitBytes(uint64_t input_bytes, uint32_t slots);

// Everything together, after inputs and plugin are known.
Result<wire::JobSpec> BuildSpec(const RunOptions& options, const PluginJob& job,
                                const std::string& plugin_path, const std::string& plugin_sha256,
                                std::vector<wire::InputFile> inputs, ClusterSize cluster);

}  // namespace mr::submit
