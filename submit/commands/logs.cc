// logs: what the user's code wrote, of a task's attempt, or of all failed attempts of a job.
#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/events.h"
#include "submit/json_views.h"

namespace mr::submit {
namespace {

constexpr Duration kFollowInterval = std::chrono::milliseconds(500);

// The last `count` lines of `text`; 0 = all.
std::string_view LastLines(std::string_view text, uint64_t count) {
  if (count == 0 || text.empty()) return text;
  size_t at = text.ends_with('\n') ? text.size() - 1 : text.size();
  for (uint64_t lines = 0; lines < count; ++lines) {
    if (at == 0) return text;
    at = text.rfind('\n', at - 1);
    if (at == std::string_view::npos) return text;
  }
  return text.substr(at + 1);
}

// All that there is of one attempt's log at this moment, from `offset` on.
Result<wire::GetLogResponse> FetchLog(Cluster& cluster, const TaskId& task,
                                      std::optional<uint32_t> attempt, uint64_t offset) {
  wire::GetLogResponse whole;
  for (bool first = true;; first = false) {
    wire::GetLogRequest request;
    request.task = task;
    request.attempt = first ? attempt : std::optional<uint32_t>(whole.attempt.number);
    request.offset = first ? offset : whole.offset + whole.text.size();
    MR_ASSIGN_OR_RETURN(wire::GetLogResponse piece,
                        cluster.Ask<wire::GetLogResponse>(std::move(request)));
    const bool empty = piece.text.empty();
    if (first) {
      whole = std::move(piece);
    } else {
      // Older text was dropped in between: what follows starts later.
      whole.state = piece.state;
      whole.text += piece.text;
    }
    if (empty) return whole;
  }
}

void PrintLog(Console& console, const wire::GetLogResponse& log, uint64_t lines, bool with_title) {
  if (console.json()) {
    wire::GetLogResponse cut = log;
    cut.text = LastLines(log.text, lines);
    console.Out(LogJson(cut) + "\n");
    return;
  }
  if (with_title)
    console.Out(StrCat("==> ", ToString(log.attempt), " (", StateName(log.state), ") <==\n"));
  const std::string_view text = LastLines(log.text, lines);
  console.Out(text);
  if (!text.empty() && !text.ends_with('\n')) console.Out("\n");
}

int Follow(Invocation& invocation, Cluster& cluster, EventSource& events,
           wire::GetLogResponse log) {
  uint64_t offset = log.offset + log.text.size();
  while (log.state == wire::AttemptState::kRunning) {
    events.Wait(kFollowInterval);
    for (const Event& event : events.Take()) {
      if (event.kind == EventKind::kSuspend) events.SuspendSelf();
      if (event.kind == EventKind::kInterrupt) return kExitInterrupted;
      if (event.kind == EventKind::kTerminate || event.kind == EventKind::kHangup)
        return kExitTerminated;
    }
    Result<wire::GetLogResponse> more =
        FetchLog(cluster, log.attempt.task, log.attempt.number, offset);
    if (!more) return StopWith(invocation, more.error());
    log = std::move(*more);
    if (!log.text.empty() && invocation.console.json())
      invocation.console.Out(LogJson(log) + "\n");
    else if (!invocation.console.Out(log.text))
      return kExitDone;
    offset = log.offset + log.text.size();
  }
  return kExitDone;
}

int TaskLogs(Invocation& invocation, Cluster& cluster, EventSource& events, const TaskId& task,
             std::optional<uint32_t> attempt, uint64_t lines) {
  const Result<wire::GetLogResponse> log = FetchLog(cluster, task, attempt, 0);
  if (!log) return StopWith(invocation, log.error());
  PrintLog(invocation.console, *log, lines, false);
  if (!invocation.settings.Flag("follow")) return kExitDone;
  return Follow(invocation, cluster, events, *log);
}

int JobLogs(Invocation& invocation, Cluster& cluster, JobId job, uint64_t lines) {
  wire::ListTasksRequest request;
  request.job = job;
  request.failed_only = true;
  const Result<std::vector<wire::TaskView>> tasks = ListAllTasks(cluster, std::move(request));
  if (!tasks) return StopWith(invocation, tasks.error());
  size_t shown = 0;
  for (const wire::TaskView& task : *tasks) {
    for (const wire::AttemptView& attempt : task.attempts) {
      if (attempt.state != wire::AttemptState::kFailed) continue;
      const Result<wire::GetLogResponse> log = FetchLog(cluster, task.id, attempt.id.number, 0);
      if (!log) return StopWith(invocation, log.error());
      PrintLog(invocation.console, *log, lines, true);
      ++shown;
    }
  }
  if (shown == 0) {
    invocation.console.Note(StrCat("no attempt of ", ToString(job),
                                   " has failed; for one task's log: mrsubmit logs ",
                                   ToString(TaskId{job, Phase::kMap, 0})));
  }
  return kExitDone;
}

}  // namespace

int LogsCommand(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const Result<uint64_t> lines = settings.Number("lines", 0, 0, 1'000'000'000);
  if (!lines) return UsageStop(invocation, lines.error().text);
  const Result<uint64_t> number = settings.Number("attempt", 0, 0, 1'000'000);
  if (!number) return UsageStop(invocation, number.error().text);
  EventSource events;
  Result<std::unique_ptr<Cluster>> cluster = Cluster::Connect(settings);
  if (!cluster) return StopWith(invocation, cluster.error());
  const std::string text = JobArgument(invocation, 0);
  std::optional<uint32_t> attempt;
  if (settings.Has("attempt")) attempt = static_cast<uint32_t>(*number);
  if (const Result<AttemptId> id = ParseAttemptId(text); id) {
    return TaskLogs(invocation, **cluster, events, id->task, id->number, *lines);
  }
  if (const Result<TaskId> task = ParseTaskId(text); task) {
    return TaskLogs(invocation, **cluster, events, *task, attempt, *lines);
  }
  const Result<JobId> job = (*cluster)->FindJob(text);
  if (!job && job.error().code == ErrorCode::kInvalidArgument) {
    return UsageStop(
        invocation,
        StrCat("'", text,
               "' is not a job, task or attempt; write for instance j42, j42-m7 or j42-m7.0"));
  }
  if (!job) return StopWith(invocation, job.error());
  return JobLogs(invocation, **cluster, *job, *lines);
}

}  // namespace mr::submit
