// tasks: tasks of a job and their newest attempts.
#include <algorithm>

#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/json_views.h"
#include "submit/table.h"

namespace mr::submit {
namespace {

double ShareOf(const wire::AttemptView& attempt) {
  return attempt.bytes_total == 0 ? 0
                                  : static_cast<double>(attempt.bytes_done) / static_cast<double>(attempt.bytes_total);
}

// The one that won; else of those that run the one that is farthest; else the newest. Null: none has begun.
const wire::AttemptView* Foremost(const wire::TaskView& task) {
  const wire::AttemptView* foremost = nullptr;
  for (const wire::AttemptView& attempt : task.attempts) {
    if (attempt.state == wire::AttemptState::kCompleted) return &attempt;
    if (attempt.state != wire::AttemptState::kRunning) continue;
    if (foremost == nullptr || ShareOf(attempt) > ShareOf(*foremost)) foremost = &attempt;
  }
  if (foremost == nullptr && !task.attempts.empty()) return &task.attempts.back();
  return foremost;
}

int64_t DurationOf(const wire::TaskView& task, int64_t now_unix_ms) {
  if (task.attempts.empty()) return 0;
  const wire::AttemptView& attempt = *Foremost(task);
  if (attempt.started_unix_ms == 0) return 0;
  return std::max<int64_t>(
      (attempt.ended_unix_ms > 0 ? attempt.ended_unix_ms : now_unix_ms) - attempt.started_unix_ms,
      0);
}

// What went wrong last, or what the task works on.
std::string NoteOf(const wire::TaskView& task) {
  for (const wire::AttemptView& attempt : task.attempts) {
    if (attempt.backup && attempt.state == wire::AttemptState::kRunning)
      return StrCat("a backup attempt runs on ", attempt.worker_name, "; ", task.input);
  }
  for (auto it = task.attempts.rbegin(); it != task.attempts.rend(); ++it) {
    if (!it->cause.empty() && task.state != wire::TaskState::kCompleted)
      return Printable(it->cause, 120);
  }
  return task.input;
}

std::string DoneOf(const wire::TaskView& task) {
  if (task.state == wire::TaskState::kCompleted) return "100 %";
  if (task.attempts.empty() || Foremost(task)->bytes_total == 0) return "";
  const wire::AttemptView& attempt = *Foremost(task);
  return StrCat(std::min<uint64_t>(attempt.bytes_done * 100 / attempt.bytes_total, 100), " %");
}

std::string TasksTable(const std::vector<wire::TaskView>& tasks, int64_t now_unix_ms) {
  Table table({{"TASK"},
               {"STATE"},
               {"ATTEMPTS", true},
               {"WORKER"},
               {"ELAPSED", true},
               {"DONE", true},
               {"RECORDS", true},
               {"INPUT OR CAUSE"}});
  for (const wire::TaskView& task : tasks) {
    const bool begun = !task.attempts.empty();
    table.Add({ToString(task.id), std::string(StateName(task.state)), StrCat(task.attempts.size()),
               begun ? Foremost(task)->worker_name : "",
               begun ? FormatElapsed(DurationOf(task, now_unix_ms)) : "", DoneOf(task),
               begun ? FormatCount(Foremost(task)->records_done) : "", NoteOf(task)});
  }
  return table.Render();
}

}  // namespace

int TasksCommand(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const Result<size_t> phase = settings.Choice("phase", {"map", "reduce"}, 0);
  if (!phase) return UsageStop(invocation, phase.error().text);
  const std::vector<std::string> states = {"blocked",   "pending", "running",
                                           "completed", "failed",  "cancelled"};
  const Result<size_t> state = settings.Choice("state", states, 0);
  if (!state) return UsageStop(invocation, state.error().text);
  const Result<uint64_t> slowest = settings.Number("slowest", 0, 1, 1'000'000);
  if (!slowest) return UsageStop(invocation, slowest.error().text);
  Result<std::unique_ptr<Cluster>> cluster = Cluster::Connect(settings);
  if (!cluster) return StopWith(invocation, cluster.error());
  const Result<JobId> job = (*cluster)->FindJob(JobArgument(invocation, 0));
  if (!job) return StopWith(invocation, job.error());

  wire::ListTasksRequest request;
  request.job = *job;
  if (settings.Has("phase")) request.phase = static_cast<Phase>(*phase);
  if (settings.Has("state")) request.state = static_cast<wire::TaskState>(*state);
  request.failed_only = settings.Flag("failed");
  Result<std::vector<wire::TaskView>> tasks = ListAllTasks(**cluster, std::move(request));
  if (!tasks) return StopWith(invocation, tasks.error());
  const int64_t now = SystemClock().Read().unix_ms;
  if (*slowest > 0) {
    std::stable_sort(tasks->begin(), tasks->end(),
                     [&](const wire::TaskView& a, const wire::TaskView& b) {
                       return DurationOf(a, now) > DurationOf(b, now);
                     });
    if (tasks->size() > *slowest) tasks->resize(*slowest);
  }
  invocation.console.Out(invocation.console.json() ? TasksJson(*tasks) + "\n"
                                                   : TasksTable(*tasks, now));
  return kExitDone;
}

}  // namespace mr::submit
