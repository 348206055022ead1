// explain: for each task that waits, what it waits for first.
#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/json_views.h"

namespace mr::submit {
namespace {

Result<wire::ExplainRequest> RequestFor(Cluster& cluster, const std::string& text) {
  wire::ExplainRequest request;
  if (const Result<TaskId> task = ParseTaskId(text); task) {
    request.job = task->job;
    request.task = *task;
    return request;
  }
  MR_ASSIGN_OR_RETURN(request.job, cluster.FindJob(text));
  return request;
}

// "j1-m3", or "j1-m3, j1-m4, …"
std::string NamesOf(const wire::WaitingTasks& group) {
  std::string names;
  for (const TaskId& task : group.tasks) names += (names.empty() ? "" : ", ") + ToString(task);
  return group.count > group.tasks.size() ? names + ", …" : names;
}

std::string Text(const wire::ExplainResponse& answer) {
  std::string text = answer.summary + ".\n";
  for (const wire::WaitingTasks& group : answer.waiting) {
    text += StrCat("! ", FormatCount(group.count), " ", PhaseName(group.phase),
                   group.count == 1 ? " task waits (" : " tasks wait (", NamesOf(group),
                   "): ", Printable(group.reason), ".");
    if (!group.fix.empty()) text += "   " + group.fix;
    text += "\n";
  }
  return text;
}

}  // namespace

int ExplainCommand(Invocation& invocation) {
  Result<std::unique_ptr<Cluster>> cluster = Cluster::Connect(invocation.settings);
  if (!cluster) return StopWith(invocation, cluster.error());
  Result<wire::ExplainRequest> request = RequestFor(**cluster, JobArgument(invocation, 0));
  if (!request) return StopWith(invocation, request.error());
  const Result<wire::ExplainResponse> answer =
      (*cluster)->Ask<wire::ExplainResponse>(std::move(*request));
  if (!answer) return StopWith(invocation, answer.error());
  invocation.console.Out(invocation.console.json() ? ExplainJson(*answer) + "\n" : Text(*answer));
  return kExitDone;
}

}  // namespace mr::submit
