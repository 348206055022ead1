#include "submit/plugin_info.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "common/base/strings.h"
#include "submit/child_process.h"
#include "submit/error_codes.h"

namespace mr::submit {
namespace {

using json = nlohmann::ordered_json;

constexpr Duration kDescribeTimeout = std::chrono::seconds(30);
// Types of parameters that are made of others; see mr_param_def.
constexpr std::string_view kListType = "list:";
constexpr std::string_view kEnumType = "enum:";

PluginJob ReadJob(const json& entry) {
  PluginJob job;
  job.name = entry.at("name").get<std::string>();
  job.help = entry.value("help", "");
  job.key_type = entry.value("key_type", "");
  job.value_type = entry.value("value_type", "");
  job.input_format = entry.value("input_format", "lines");
  job.output_format = entry.value("output_format", "tsv");
  job.map_only = entry.value("map_only", false);
  job.range_partition = entry.value("range_partition", false);
  job.has_combine = entry.value("has_combine", false);
  job.has_reduce = entry.value("has_reduce", false);
  for (const json& one : entry.value("params", json::array())) {
    ParamInfo param;
    param.name = one.at("name").get<std::string>();
    param.type = one.value("type", "string");
    if (one.contains("default") && !one.at("default").is_null()) {
      param.default_value = one.at("default").get<std::string>();
    }
    param.help = one.value("help", "");
    job.params.push_back(std::move(param));
  }
  return job;
}

template <class T>
bool IsNumber(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// Empty if `value` fits the type, else the form that would. A type that is not known here takes anything: the task looks
// at it again.
std::string WantedForm(std::string_view type, const std::string& value) {
  if (type.starts_with(kListType)) {
    if (value.empty()) return "";
    for (const std::string_view item : Split(value, ',')) {
      const std::string wanted = WantedForm(type.substr(kListType.size()), std::string(item));
      if (!wanted.empty()) return StrCat("a list with commas: '", item, "' in it is not ", wanted);
    }
  }
  if (type.starts_with(kEnumType)) {
    std::vector<std::string> names;
    for (const std::string_view name : Split(type.substr(kEnumType.size()), '|')) names.emplace_back(name);
    if (std::find(names.begin(), names.end(), value) == names.end()) return StrCat("one of ", Join(names, ", "));
  }
  if (type == "int" && !IsNumber<int64_t>(value)) return "a whole number, for instance 3";
  if (type == "float" && !IsNumber<double>(value)) return "a number, for instance 0.5";
  if (type == "bool" && value != "true" && value != "false" && value != "1" && value != "0") {
    return "true or false";
  }
  if (type == "bytes" && !ParseSize(value)) return "a size, for instance 64MiB";
  if (type == "duration" && !ParseDurationMs(value)) return "a duration, for instance 250ms or 10s";
  return "";
}

std::vector<std::string> NamesOf(const std::vector<ParamInfo>& params) {
  std::vector<std::string> names;
  for (const ParamInfo& param : params) names.push_back(param.name);
  return names;
}

tl::unexpected<Error> UnknownParam(const PluginJob& job, const std::string& name) {
  const std::vector<std::string> names = NamesOf(job.params);
  if (names.empty()) {
    return Refuse(kCodeParameter, ErrorCode::kInvalidArgument,
                  StrCat("parameter '", name, "' was given, but ", job.name, " takes none."));
  }
  const std::string_view near = Nearest(name, names);
  return Refuse(kCodeParameter, ErrorCode::kInvalidArgument,
                StrCat("parameter '", name, "' is not one of ", job.name, "'s (", Join(names, ", "),
                       ").", near.empty() ? std::string() : StrCat(" Did you mean ", near, "?")));
}

}  // namespace

PluginReference ParsePluginReference(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 ||
      text.find('/', colon) != std::string_view::npos) {
    return {std::string(text), ""};
  }
  return {std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

Result<std::string> FindPlugin(Env& env, const std::string& plugin,
                               const std::string& program_directory) {
  const auto is_file = [&](const std::string& path) {
    const Result<FileStat> stat = env.Stat(path);
    return stat && stat->is_regular;
  };
  if (is_file(plugin)) return AbsolutePath(plugin);
  if (plugin.find('/') != std::string::npos) {
    return Refuse(kCodePlugin, ErrorCode::kNotFound, StrCat("there is no plugin ", plugin, "."));
  }
  const std::string file = plugin.ends_with(".so") ? plugin : plugin + ".so";
  std::vector<std::string> folders;
  std::vector<std::string> known;
  for (const char* relative : {"../plugins", "../lib/millrace/plugins"}) {
    MR_ASSIGN_OR_RETURN(const std::string folder,
                        AbsolutePath(JoinPath(program_directory, relative)));
    const std::string path = JoinPath(folder, file);
    if (is_file(path)) return path;
    const Result<std::vector<std::string>> names = env.ListDirectory(folder);
    if (!names) continue;
    folders.push_back(folder);
    for (const std::string& name : *names) {
      if (name.ends_with(".so")) known.push_back(name.substr(0, name.size() - 3));
    }
  }
  const std::string_view near = Nearest(plugin, known);
  return Refuse(
      kCodePlugin, ErrorCode::kNotFound,
      StrCat("there is no plugin '", plugin, "' here",
             folders.empty() ? std::string() : StrCat(" or in ", Join(folders, ", ")), ".",
             near.empty() ? std::string(" Give its path, for instance ./build/wordcount.so.")
                          : StrCat(" Did you mean ", near, "?")));
}

Result<PluginInfo> ParsePluginInfo(std::string_view text) {
  try {
    PluginInfo info;
    info.json = text;
    const json document = json::parse(text);
    const json abi = document.value("abi", json::object());
    info.build.abi_major = abi.value("major", 0u);
    info.build.abi_minor = abi.value("minor", 0u);
    info.build.build_id = document.value("build_id", "");
    for (const json& job : document.at("jobs")) info.jobs.push_back(ReadJob(job));
    return info;
  } catch (const json::exception& error) {
    return Fail(ErrorCode::kInternal,
                StrCat("mrtask describe printed something unexpected: ", error.what()));
  }
}

Result<PluginInfo> DescribePlugin(const PluginCopy& plugin) {
  const std::string& path = plugin.source();
  MR_ASSIGN_OR_RETURN(const std::string program, SiblingProgram("mrtask"));
  MR_ASSIGN_OR_RETURN(const CapturedRun run,
                      RunCaptured({program, "describe", plugin.path(), "--name", BaseName(path), "--source", path, "--json"},
                                  kDescribeTimeout));
  if (run.exit_code == 0 && !Trim(run.out).empty()) {
    MR_ASSIGN_OR_RETURN(PluginInfo info, ParsePluginInfo(run.out));
    info.build.file_unix_ms = plugin.file_unix_ms();
    return info;
  }
  std::string text(Trim(run.err));
  for (const std::string_view prefix : {"mrtask: ", "mrsubmit: "}) {
    if (text.starts_with(prefix)) text.erase(0, prefix.size());
  }
  if (run.exit_code >= 128) {
    text = StrCat(path, " crashed while it was being loaded (signal ", run.exit_code - 128,
                  "). Does a constructor of a global object fail?", text.empty() ? "" : "\n", text);
  }
  if (text.empty() && run.exit_code == 0)
    text = StrCat(path, " called exit() while it was being loaded: no global object may end the process");
  if (text.empty())
    text = StrCat(path, " cannot be used as a plugin (mrtask exit code ", run.exit_code, ")");
  if (text.ends_with(']')) return Fail(ErrorCode::kInvalidArgument, text);
  return Refuse(kCodePlugin, ErrorCode::kInvalidArgument, text);
}

Result<const PluginJob*> ChooseJob(const PluginInfo& info, const PluginReference& reference) {
  std::vector<std::string> names;
  for (const PluginJob& job : info.jobs) {
    if (job.name == reference.job) return &job;
    names.push_back(job.name);
  }
  if (reference.job.empty() && info.jobs.size() == 1) return &info.jobs.front();
  if (reference.job.empty()) {
    return Refuse(
        kCodeNoJobNamed, ErrorCode::kInvalidArgument,
        StrCat(reference.plugin, " holds ", info.jobs.size(), " jobs (", Join(names, ", "),
               "); say which one: ", reference.plugin, ":", names.empty() ? "JOB" : names.front()));
  }
  const std::string_view near = Nearest(reference.job, names);
  return Refuse(
      kCodeNoJobNamed, ErrorCode::kInvalidArgument,
      StrCat(reference.plugin, " has no job '", reference.job, "' (it has ", Join(names, ", "),
             ").", near.empty() ? std::string() : StrCat(" Did you mean ", near, "?")));
}

std::string ShownType(std::string_view type) {
  if (type.starts_with(kEnumType)) return std::string(type.substr(kEnumType.size()));
  if (!type.starts_with(kListType)) return std::string(type);
  const std::string_view item = type.substr(kListType.size());
  return StrCat(item, ",", item, ",…");
}

Result<std::map<std::string, std::string>> CheckParams(const PluginJob& job,
                                                       const std::vector<std::string>& params) {
  std::map<std::string, std::string> given;
  for (const std::string& text : params) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Refuse(kCodeParameter, ErrorCode::kInvalidArgument,
                    StrCat("'-P ", text, "' lacks its value; write -P NAME=VALUE."));
    }
    given[text.substr(0, equals)] = text.substr(equals + 1);
  }
  std::map<std::string, std::string> complete;
  std::vector<std::string> missing;
  for (const ParamInfo& param : job.params) {
    const auto it = given.find(param.name);
    if (it == given.end()) {
      if (param.default_value)
        complete[param.name] = *param.default_value;
      else
        missing.push_back(param.name);
      continue;
    }
    const std::string wanted = WantedForm(param.type, it->second);
    if (!wanted.empty()) {
      return Refuse(kCodeParameterValue, ErrorCode::kInvalidArgument,
                    StrCat("parameter '", param.name, "' of ", job.name, " is '", it->second,
                           "', which is not ", wanted, "."));
    }
    complete[param.name] = it->second;
    given.erase(it);
  }
  // The unknown name first: it may be the missing one, misspelt.
  if (!given.empty()) return UnknownParam(job, given.begin()->first);
  if (!missing.empty()) {
    return Refuse(kCodeParameter, ErrorCode::kInvalidArgument,
                  StrCat(job.name, " needs the parameter", missing.size() > 1 ? "s " : " ",
                         Join(missing, ", "), "; give it with -P ", missing.front(), "=VALUE."));
  }
  return complete;
}

}  // namespace mr::submit
