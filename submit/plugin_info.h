// What a plugin offers, as `mrtask describe` tells it: the only program that loads a plugin is
// mrtask, so a plugin that crashes while being looked at takes nothing of ours with it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/io/env.h"
#include "common/wire/job.h"
#include "submit/plugin_copy.h"

namespace mr::submit {

struct ParamInfo {
  std::string name;
  std::string type;                          // as in mr_param_def
  std::optional<std::string> default_value;  // none: must be given
  std::string help;
};

struct PluginJob {
  std::string name;
  std::string help;
  std::string key_type;
  std::string value_type;
  std::string input_format;  // lines, blocks, whole, fixed:N
  std::string output_format;
  bool map_only = false;
  bool range_partition = false;
  bool has_combine = false;
  bool has_reduce = false;
  std::vector<ParamInfo> params;
};

struct PluginInfo {
  std::vector<PluginJob> jobs;
  wire::PluginBuild build;
  std::string json;  // as mrtask printed it
};

// PLUGIN[:JOB]; a ':' inside a folder's name belongs to the path.
struct PluginReference {
  std::string plugin;
  std::string job;
};
PluginReference ParsePluginReference(std::string_view text);

// A path as it is; a bare name also in the plugin folders that belong to `program_directory`.
// Errors: kNotFound listing where it was looked for.
Result<std::string> FindPlugin(Env& env, const std::string& plugin,
                               const std::string& program_directory);

// Runs mrtask. Errors: kInvalidArgument with mrtask's own sentence when the plugin is unusable.
Result<PluginInfo> DescribePlugin(const PluginCopy& plugin);
Result<PluginInfo> ParsePluginInfo(std::string_view json);

// A parameter's type for people: "int", "int,int,…", "word|file".
std::string ShownType(std::string_view type);

// The named job, or the only one. The pointer is into `info`.
Result<const PluginJob*> ChooseJob(const PluginInfo& info, const PluginReference& reference);

// "NAME=VALUE" texts against the job's declaration: names, types, missing ones; the result has the
// defaults too.
Result<std::map<std::string, std::string>> CheckParams(const PluginJob& job,
                                                       const std::vector<std::string>& params);

}  // namespace mr::submit
