#include <algorithm>

#include "common/base/strings.h"
#include "submit/commands/commands.h"

namespace mr::submit {

int StopWith(Invocation& invocation, const Error& error) {
  return StopAs(invocation, ExitCodeOf(error), error.text);
}

int StopAs(Invocation& invocation, int exit_code, const std::string& text) {
  invocation.console.Error(text);
  return exit_code;
}

int UsageStop(Invocation& invocation, const std::string& text) {
  return StopAs(invocation, kExitUsage,
                StrCat(text, "\ntry 'mrsubmit ", invocation.command.name, " --help'"));
}

std::string JobArgument(const Invocation& invocation, size_t index) {
  return index < invocation.arguments.size() ? invocation.arguments[index] : "last";
}

int64_t ElapsedMs(const wire::JobView& job, int64_t now_unix_ms) {
  const int64_t end = job.ended_unix_ms > 0 ? job.ended_unix_ms : now_unix_ms;
  return std::max<int64_t>(end - job.submitted_unix_ms, 0);
}

Result<std::vector<wire::TaskView>> ListAllTasks(Cluster& cluster, wire::ListTasksRequest request) {
  std::vector<wire::TaskView> tasks;
  for (;;) {
    request.offset = static_cast<uint32_t>(tasks.size());
    MR_ASSIGN_OR_RETURN(wire::ListTasksResponse page,
                        cluster.Ask<wire::ListTasksResponse>(request));
    for (wire::TaskView& task : page.tasks) tasks.push_back(std::move(task));
    if (page.tasks.empty() || tasks.size() >= page.total) return tasks;
  }
}

}  // namespace mr::submit
