// set: changes a job that has not ended.
#include <functional>
#include <limits>
#include <map>

#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/json_views.h"
#include "submit/plugin_change.h"

namespace mr::submit {
namespace {

// One change: fills in its part of the request.
struct Change {
  Invocation& invocation;
  Cluster& cluster;
  const wire::JobConfig& config;
  wire::SetJobRequest& request;
};

// Checked as a submission is, and stored.
Status SetPlugin(const Change& change, const std::string& value) {
  Env& env = change.invocation.env;
  const PluginReference reference = env.Exists(value) ? PluginReference{value, ""} : ParsePluginReference(value);
  if (!reference.job.empty() && reference.job != change.config.job_name) {
    return Fail(ErrorCode::kInvalidArgument, StrCat("the job runs ", change.config.job_name,
                                                    " of its plugin and cannot change to ", reference.job));
  }
  MR_ASSIGN_OR_RETURN(const std::string programs, ProgramDirectory());
  MR_ASSIGN_OR_RETURN(const std::string path, FindPlugin(env, reference.plugin, programs));
  MR_ASSIGN_OR_RETURN(const PluginCopy plugin, PluginCopy::Take(env, path));
  MR_ASSIGN_OR_RETURN(const PluginInfo info, CheckNewPlugin(env, change.cluster, change.config, plugin));
  change.request.plugin_build = info.build;
  change.request.plugin_sha256 = plugin.sha256();
  change.request.plugin_name = BaseName(path);
  return change.cluster.Upload(plugin.sha256(), plugin.bytes());
}

Status SetMaxRunning(const Change& change, const std::string& value) {
  Settings settings;
  settings.AddWeaker("max-running", Setting{{value}, "--max-running"});
  MR_ASSIGN_OR_RETURN(const uint64_t number,
                      settings.Number("max-running", 0, 0, std::numeric_limits<uint32_t>::max()));
  change.request.max_running = static_cast<uint32_t>(number);
  return {};
}

using Setter = std::function<Status(const Change&, const std::string& value)>;
const std::map<std::string, Setter>& Setters() {
  static const std::map<std::string, Setter> setters{{"plugin", SetPlugin}, {"max-running", SetMaxRunning}};
  return setters;
}

std::string Sentence(const std::string& id, const wire::SetJobRequest& request, const wire::SetJobResponse& answer) {
  std::string text = StrCat(id, answer.resumed ? " goes on" : " is changed");
  if (request.plugin_sha256) {
    text += StrCat(" with ", request.plugin_name, "; kept: ", FormatCount(answer.maps_kept), " finished map tasks");
    if (answer.reduces_kept > 0) text += StrCat(", ", FormatCount(answer.reduces_kept), " finished reduce tasks");
  }
  return text;
}

}  // namespace

int SetCommand(Invocation& invocation) {
  // What is wrong with the words is found before anything is asked.
  std::vector<std::pair<const Setter*, std::string>> changes;
  for (size_t i = 1; i < invocation.arguments.size(); ++i) {
    const std::string& text = invocation.arguments[i];
    const size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    const auto setter = Setters().find(name);
    if (equals == std::string::npos || setter == Setters().end()) {
      std::vector<std::string> names;
      for (const auto& [known, function] : Setters()) names.push_back(known);
      const std::string_view near = Nearest(name, names);
      return UsageStop(invocation, StrCat("'", text, "': give NAME=VALUE with one of ", Join(names, ", "),
                                          near.empty() || equals == std::string::npos
                                              ? std::string()
                                              : StrCat(". Did you mean ", near, "?")));
    }
    changes.emplace_back(&setter->second, text.substr(equals + 1));
  }
  const Result<std::unique_ptr<Cluster>> cluster = Cluster::Connect(invocation.settings);
  if (!cluster) return StopWith(invocation, cluster.error());
  const Result<JobId> job = (*cluster)->FindJob(invocation.arguments.front());
  if (!job) return StopWith(invocation, job.error());
  const Result<wire::GetSpecResponse> spec = (*cluster)->Ask<wire::GetSpecResponse>(wire::GetSpecRequest{*job});
  if (!spec) return StopWith(invocation, spec.error());
  wire::SetJobRequest request;
  request.job = *job;
  for (const auto& [setter, value] : changes) {
    const Status set = (*setter)({invocation, **cluster, spec->spec.config, request}, value);
    if (set) continue;
    const bool lost = set.error().code == ErrorCode::kTimeout || set.error().code == ErrorCode::kUnavailable;
    return lost ? StopWith(invocation, set.error()) : StopAs(invocation, kExitRefused, set.error().text);
  }
  const Result<wire::SetJobResponse> answer = (*cluster)->Ask<wire::SetJobResponse>(request);
  if (!answer && (answer.error().code == ErrorCode::kInvalidArgument || answer.error().code == ErrorCode::kUnsupported))
    return StopAs(invocation, kExitRefused, answer.error().text);
  if (!answer) return StopWith(invocation, answer.error());
  if (invocation.console.json())
    invocation.console.Out(SetJson(ToString(*job), *answer) + "\n");
  else
    invocation.console.Note(Sentence(ToString(*job), request, *answer));
  return kExitDone;
}

}  // namespace mr::submit
