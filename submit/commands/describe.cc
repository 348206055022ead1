// describe: what a plugin offers, or what a job was asked to do.
#include <cstdio>

#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/job_request.h"
#include "submit/json_views.h"
#include "submit/plugin_info.h"

namespace mr::submit {
namespace {

std::string JobText(const PluginJob& job) {
  std::string text = StrCat(job.name, job.help.empty() ? "" : StrCat(": ", job.help), "\n");
  text += StrCat("  keys      ", job.key_type, "\n  values    ", job.value_type, "\n");
  text += StrCat("  input     ", job.input_format, "\n  output    ", job.output_format, "\n");
  text += StrCat("  phases    map", job.has_combine ? ", combine" : "",
                 job.map_only || !job.has_reduce ? "" : ", reduce",
                 job.range_partition ? "; total order" : "", "\n");
  for (const ParamInfo& param : job.params) {
    text += StrCat("  -P ", param.name, "=", ShownType(param.type),
                   param.default_value ? StrCat("   (", *param.default_value, ")")
                                       : std::string("   (required)"),
                   param.help.empty() ? "" : StrCat("   ", param.help), "\n");
  }
  return text;
}

std::string SpecText(const std::string& id, const wire::JobSpec& spec) {
  const wire::JobConfig& config = spec.config;
  uint64_t bytes = 0;
  for (const wire::InputFile& file : spec.inputs) bytes += file.size_bytes;
  std::string text =
      StrCat(id, " ", config.name, "\n  plugin    ", config.plugin_name, ":", config.job_name,
             "   sha256 ", config.plugin_sha256, "\n  user      ", config.user, "\n");
  text += StrCat("  input     ", FormatCount(spec.inputs.size()),
                 spec.inputs.size() == 1 ? " file, " : " files, ", FormatSize(bytes), "\n");
  for (size_t i = 0; i < spec.inputs.size() && i < 10; ++i)
    text += StrCat("            ", spec.inputs[i].path, "\n");
  if (spec.inputs.size() > 10)
    text += StrCat("            … and ", spec.inputs.size() - 10, " more\n");
  text += StrCat("  output    ", config.output_dir, config.overwrite ? " (replaced)" : "",
                 "\n  reducers  ", config.reducers, "\n");
  for (const auto& [name, value] : config.params) text += StrCat("  -P ", name, "=", value, "\n");
  for (const auto& [name, path] : config.side_files) text += StrCat("  -f ", name, "=", path, "\n");
  text += StrCat("  limits    ", config.max_attempts, " attempts, ",
                 config.skip_bad_records > 0 ? StrCat(config.skip_bad_records, " bad records per task, ") : std::string(),
                 FormatSize(config.task_memory_bytes), " task memory, ",
                 config.task_timeout_ms / 1000, " s without progress\n");
  return text;
}

// A TOML basic string.
std::string TomlText(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    char code[8];
    if (c == '"' || c == '\\') {
      out += StrCat("\\", std::string(1, c));
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += code;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// What --param-file reads.
std::string ParamsToml(const std::map<std::string, std::string>& params) {
  std::string text;
  for (const auto& [name, value] : params) text += StrCat(TomlText(name), " = ", TomlText(value), "\n");
  return text;
}

// … of a plugin's job: its defaults, and what must be given as comments.
std::string ParamsToml(const PluginJob& job) {
  std::string text;
  for (const ParamInfo& param : job.params) {
    if (!param.help.empty()) text += StrCat("# ", Printable(param.help), "\n");
    text += param.default_value ? StrCat(TomlText(param.name), " = ", TomlText(*param.default_value), "\n")
                                : StrCat("# ", TomlText(param.name), " =    required: ", ShownType(param.type), "\n");
  }
  return text;
}

// What run --spec reads.
std::string SpecToml(const wire::JobSpec& spec) {
  const wire::JobConfig& config = spec.config;
  std::string text = StrCat("plugin = ", TomlText(StrCat(config.plugin_name, ":", config.job_name)), "   # sha256 ",
                            config.plugin_sha256, "\noutput = ", TomlText(config.output_dir), "\n");
  for (const auto& [name, setting] : SettingsOf(spec, "")) {
    if (name == "param") continue;
    std::vector<std::string> values;
    for (const std::string& value : setting.values) values.push_back(TomlText(value));
    const std::string shown = values.size() == 1 ? values.front() : StrCat("[\n  ", Join(values, ",\n  "), "\n]");
    text += StrCat(name, " = ", shown, "\n");
  }
  return text + (config.params.empty() ? "" : StrCat("[params]\n", ParamsToml(config.params)));
}

int DescribeJob(Invocation& invocation, const std::string& text) {
  const Result<std::unique_ptr<Cluster>> cluster = Cluster::Connect(invocation.settings);
  if (!cluster) return StopWith(invocation, cluster.error());
  const Result<JobId> id = (*cluster)->FindJob(text);
  if (!id) return StopWith(invocation, id.error());
  const Result<wire::GetSpecResponse> answer =
      (*cluster)->Ask<wire::GetSpecResponse>(wire::GetSpecRequest{*id});
  if (!answer) return StopWith(invocation, answer.error());
  if (invocation.settings.Flag("spec"))
    invocation.console.Out(SpecToml(answer->spec));
  else if (invocation.settings.Flag("params"))
    invocation.console.Out(ParamsToml(answer->spec.config.params));
  else
    invocation.console.Out(invocation.console.json() ? SpecJson(answer->spec) + "\n"
                                                     : SpecText(ToString(*id), answer->spec));
  return kExitDone;
}

}  // namespace

int DescribeCommand(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  if (settings.Flag("spec") && settings.Flag("params"))
    return UsageStop(invocation, "--spec and --params exclude each other");
  const std::string text = invocation.arguments.front();
  const bool is_id = text == "last" || ParseJobId(text).has_value();
  if (is_id && !invocation.env.Exists(text)) return DescribeJob(invocation, text);
  if (settings.Flag("spec"))
    return UsageStop(invocation, "--spec shows what a job was asked; name a job, for instance j42");
  const PluginReference reference =
      invocation.env.Exists(text) ? PluginReference{text, ""} : ParsePluginReference(text);
  const Result<std::string> programs = ProgramDirectory();
  if (!programs) return StopWith(invocation, programs.error());
  const Result<std::string> path = FindPlugin(invocation.env, reference.plugin, *programs);
  if (!path) return StopAs(invocation, kExitRefused, path.error().text);
  const Result<PluginCopy> plugin = PluginCopy::Take(invocation.env, *path);
  if (!plugin) return StopAs(invocation, kExitRefused, plugin.error().text);
  const Result<PluginInfo> info = DescribePlugin(*plugin);
  if (!info) return StopAs(invocation, kExitRefused, info.error().text);
  if (invocation.console.json()) {
    invocation.console.Out(std::string(Trim(info->json)) + "\n");
    return kExitDone;
  }
  std::string out;
  if (reference.job.empty() && !settings.Flag("params")) {
    for (const PluginJob& job : info->jobs) out += JobText(job);
  } else {
    const Result<const PluginJob*> job = ChooseJob(*info, reference);
    if (!job) return StopAs(invocation, kExitRefused, job.error().text);
    out = settings.Flag("params") ? ParamsToml(**job) : JobText(**job);
  }
  invocation.console.Out(out);
  return kExitDone;
}

}  // namespace mr::submit
