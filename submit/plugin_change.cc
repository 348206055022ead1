#include "submit/plugin_change.h"

#include "common/base/strings.h"

namespace mr::submit {
namespace {

std::vector<std::string> ParamTexts(const wire::JobConfig& config) {
  std::vector<std::string> texts;
  for (const auto& [name, value] : config.params) texts.push_back(StrCat(name, "=", value));
  return texts;
}

}  // namespace

Status CheckReplacement(const PluginJob& before, const PluginJob& now, const wire::JobConfig& config) {
  const auto differs = [&](std::string_view what, std::string_view old_one, std::string_view new_one) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("the new plugin's job ", now.name, " has ", what, what.empty() ? "" : " ", new_one, " instead of ", old_one,
                       ": what finished tasks wrote could not be read. Submit it as a new job instead"));
  };
  if (before.key_type != now.key_type) return differs("keys of type", before.key_type, now.key_type);
  if (before.value_type != now.value_type) return differs("values of type", before.value_type, now.value_type);
  const auto shape = [](const PluginJob& job) {
    return StrCat(job.map_only || !job.has_reduce ? "no reduce" : "a reduce",
                  job.range_partition ? " and a total order" : "");
  };
  if (shape(before) != shape(now)) return differs("", shape(before), shape(now));
  if (config.combine && !now.has_combine) return differs("", "a combiner", "no combiner");
  return {};
}

Result<PluginInfo> DescribeStored(Env& env, Cluster& cluster, const wire::JobConfig& config) {
  MR_ASSIGN_OR_RETURN(std::string bytes, cluster.Download(config.plugin_sha256));
  MR_ASSIGN_OR_RETURN(const PluginCopy copy, PluginCopy::Make(env, config.plugin_name, std::move(bytes)));
  return DescribePlugin(copy);
}

Result<PluginInfo> CheckNewPlugin(Env& env, Cluster& cluster, const wire::JobConfig& config, const PluginCopy& plugin) {
  MR_ASSIGN_OR_RETURN(PluginInfo now, DescribePlugin(plugin));
  MR_ASSIGN_OR_RETURN(const PluginJob* now_job, ChooseJob(now, {plugin.source(), config.job_name}));
  MR_RETURN_IF_ERROR(CheckParams(*now_job, ParamTexts(config)).map([](const auto&) {}));
  MR_ASSIGN_OR_RETURN(const PluginInfo before, DescribeStored(env, cluster, config));
  MR_ASSIGN_OR_RETURN(const PluginJob* before_job, ChooseJob(before, {config.plugin_name, config.job_name}));
  MR_RETURN_IF_ERROR(CheckReplacement(*before_job, *now_job, config));
  return now;
}

}  // namespace mr::submit
