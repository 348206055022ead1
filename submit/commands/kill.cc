// kill: stops jobs, or the running attempts of a task. Killing what has ended is not an error.
#include <cstdio>

#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/json_views.h"

namespace mr::submit {
namespace {

Result<wire::KillRequest> RequestFor(Cluster& cluster, const std::string& text,
                                     const std::string& reason) {
  wire::KillRequest request;
  request.reason = reason;
  if (const Result<TaskId> task = ParseTaskId(text); task) {
    request.job = task->job;
    request.task = *task;
    return request;
  }
  MR_ASSIGN_OR_RETURN(request.job, cluster.FindJob(text));
  return request;
}

// With --now what is left of a job, its cleanup, is killed after it. Attempts get no grace in any case.
Result<wire::KillResponse> Kill(Cluster& cluster, const wire::KillRequest& request, bool now) {
  MR_ASSIGN_OR_RETURN(const wire::KillResponse killed, cluster.Ask<wire::KillResponse>(request));
  if (!now || request.task || wire::IsEnded(killed.state)) return killed;
  wire::KillRequest cleanup = request;
  cleanup.task = TaskId{request.job, Phase::kFinish, 0};
  MR_ASSIGN_OR_RETURN(wire::KillResponse ended, cluster.Ask<wire::KillResponse>(std::move(cleanup)));
  ended.already_ended = false;  // perhaps the cleanup was quicker than the second request
  return ended;
}

Result<std::vector<std::string>> RunningJobs(Cluster& cluster, const std::string& user) {
  wire::ListJobsRequest request;
  request.user = user;
  request.limit = 10'000;
  MR_ASSIGN_OR_RETURN(const wire::ListJobsResponse answer,
                      cluster.Ask<wire::ListJobsResponse>(std::move(request)));
  std::vector<std::string> ids;
  for (const wire::JobView& job : answer.jobs) {
    if (!wire::IsEnded(job.state)) ids.push_back(ToString(job.id));
  }
  return ids;
}

// Yes or no from the terminal; --yes answers for the user.
bool Confirm(Invocation& invocation, const std::string& question) {
  if (invocation.settings.Flag("yes")) return true;
  if (!invocation.console.in_is_terminal() || invocation.settings.Flag("no-input")) return false;
  invocation.console.Err(question + " [y/N] ");
  const int answer = std::getchar();
  return answer == 'y' || answer == 'Y';
}

}  // namespace

int KillCommand(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const bool all = settings.Flag("all");
  if (all != invocation.arguments.empty()) {
    return UsageStop(invocation, all ? "--all takes no ID"
                                     : "name a job or task, for instance j42, or use --all");
  }
  const std::string user = settings.Get("user", "me") == "me" ? UserName() : settings.Get("user");
  Result<std::unique_ptr<Cluster>> cluster = Cluster::Connect(settings);
  if (!cluster) return StopWith(invocation, cluster.error());
  std::vector<std::string> ids = invocation.arguments;
  if (all) {
    const Result<std::vector<std::string>> running = RunningJobs(**cluster, user);
    if (!running) return StopWith(invocation, running.error());
    ids = *running;
    if (!ids.empty() && !Confirm(invocation, StrCat("kill ", ids.size(), " jobs of ", user, " (",
                                                    Join(ids, ", "), ")?"))) {
      return StopAs(invocation, kExitUsage, "nothing was killed; --yes confirms");
    }
  }
  const std::string reason = settings.Get("reason", StrCat("killed by ", UserName()));
  std::vector<KillResult> results;
  int exit_code = kExitDone;
  for (const std::string& id : ids) {
    const Result<wire::KillRequest> request = RequestFor(**cluster, id, reason);
    if (!request) {
      exit_code = std::max(exit_code, StopWith(invocation, request.error()));
      continue;
    }
    const Result<wire::KillResponse> answer = Kill(**cluster, *request, settings.Flag("now"));
    if (!answer) {
      exit_code = std::max(exit_code, StopWith(invocation, answer.error()));
      continue;
    }
    const std::string name = request->task ? ToString(*request->task) : ToString(request->job);
    results.push_back({name, answer->already_ended, answer->state});
    if (invocation.console.json()) continue;
    invocation.console.Note(
        answer->already_ended ? StrCat(name, " had ended already (", StateName(answer->state), ")")
                              : StrCat(answer->state == wire::JobState::kKilled ? "killed " : "killing ", name));
  }
  if (invocation.console.json()) invocation.console.Out(KillJson(results) + "\n");
  return exit_code;
}

}  // namespace mr::submit
