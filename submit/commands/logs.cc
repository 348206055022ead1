// logs: what the user's code wrote, of a task's attempt, or of all failed attempts of a job.
#include "common/base/clock.h"
#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/events.h"
#include "submit/json_views.h"
#include "submit/log_filter.h"

namespace mr::submit {
namespace {

constexpr Duration kFollowInterval = std::chrono::milliseconds(500);

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

void PrintLog(Console& console, const wire::GetLogResponse& log, const LogFilter& filter, bool with_title) {
  const std::string text = filter.Choose(log.text);
  if (console.json()) {
    wire::GetLogResponse cut = log;
    cut.text = text;
    console.Out(LogJson(cut) + "\n");
    return;
  }
  if (with_title)
    console.Out(StrCat("==> ", ToString(log.attempt), " (", StateName(log.state), ") <==\n"));
  console.Out(text);
  if (!text.empty() && !text.ends_with('\n')) console.Out("\n");
}

// The exit code that a signal asks for.
std::optional<int> TakeSignals(EventSource& events) {
  for (const Event& event : events.Take()) {
    if (event.kind == EventKind::kSuspend) events.SuspendSelf();
    if (event.kind == EventKind::kInterrupt) return kExitInterrupted;
    if (event.kind == EventKind::kTerminate || event.kind == EventKind::kHangup)
      return kExitTerminated;
  }
  return std::nullopt;
}

int Follow(Invocation& invocation, Cluster& cluster, EventSource& events, wire::GetLogResponse log,
           LogFilter filter) {
  uint64_t offset = log.offset + log.text.size();
  while (log.state == wire::AttemptState::kRunning) {
    events.Wait(kFollowInterval);
    if (const std::optional<int> code = TakeSignals(events)) return *code;
    Result<wire::GetLogResponse> more =
        FetchLog(cluster, log.attempt.task, log.attempt.number, offset);
    if (!more) return StopWith(invocation, more.error());
    log = std::move(*more);
    offset = log.offset + log.text.size();
    log.text = filter.Next(log.text, log.state != wire::AttemptState::kRunning);
    if (log.text.empty()) continue;
    if (!invocation.console.Out(invocation.console.json() ? LogJson(log) + "\n" : log.text)) return kExitDone;
  }
  return kExitDone;
}

int TaskLogs(Invocation& invocation, Cluster& cluster, EventSource& events, const TaskId& task,
             std::optional<uint32_t> attempt, const LogFilter& filter) {
  const Result<wire::GetLogResponse> log = FetchLog(cluster, task, attempt, 0);
  if (!log) return StopWith(invocation, log.error());
  PrintLog(invocation.console, *log, filter, false);
  if (!invocation.settings.Flag("follow")) return kExitDone;
  return Follow(invocation, cluster, events, *log, filter);
}

// Which attempts' logs are wanted, of those that a listing shows.
struct AttemptChoice {
  bool all = false;      // not only failed ones
  int64_t since_ms = 0;  // that ran in the last so many milliseconds; 0 = ever
  bool Wants(const wire::AttemptView& attempt, int64_t now) const {
    if (!all && attempt.state != wire::AttemptState::kFailed) return false;
    return since_ms == 0 || attempt.ended_unix_ms == 0 || attempt.ended_unix_ms >= now - since_ms;
  }
};

// Each chosen attempt's log under its title; `only` that task's, if there is one.
int ManyLogs(Invocation& invocation, Cluster& cluster, JobId job, std::optional<TaskId> only,
             const AttemptChoice& choice, const LogFilter& filter) {
  wire::ListTasksRequest request;
  request.job = job;
  request.failed_only = !choice.all;
  if (only) request.phase = only->phase;
  const Result<std::vector<wire::TaskView>> tasks = ListAllTasks(cluster, std::move(request));
  if (!tasks) return StopWith(invocation, tasks.error());
  size_t shown = 0;
  const int64_t now = SystemClock().Read().unix_ms;
  for (const wire::TaskView& task : *tasks) {
    if (only && task.id != *only) continue;
    for (const wire::AttemptView& attempt : task.attempts) {
      if (!choice.Wants(attempt, now)) continue;
      const Result<wire::GetLogResponse> log = FetchLog(cluster, task.id, attempt.id.number, 0);
      if (!log) return StopWith(invocation, log.error());
      PrintLog(invocation.console, *log, filter, true);
      ++shown;
    }
  }
  if (shown == 0) {
    invocation.console.Note(StrCat("no attempt of ", ToString(job), choice.all ? " has run" : " has failed",
                                   choice.since_ms > 0 ? " in that time" : "",
                                   "; for one task's log: mrsubmit logs ",
                                   ToString(TaskId{job, Phase::kMap, 0})));
  }
  return kExitDone;
}

// What happened to the job as a whole.
int JobLog(Invocation& invocation, Cluster& cluster, JobId id) {
  const Result<wire::JobView> job = cluster.Watch(id, 0, 0);
  if (!job) return StopWith(invocation, job.error());
  if (invocation.console.json()) {
    invocation.console.Out(JobJson(*job) + "\n");
    return kExitDone;
  }
  std::string text = StrCat(FormatUtc(job->submitted_unix_ms), "  submitted by ", job->user, "\n");
  if (job->started_unix_ms > 0) text += StrCat(FormatUtc(job->started_unix_ms), "  the first task began\n");
  for (const std::string& warning : job->warnings) text += StrCat("                          ", warning, "\n");
  const std::string reason = job->reason.empty() ? "" : StrCat(": ", job->reason);
  const std::string when = job->ended_unix_ms > 0 ? FormatUtc(job->ended_unix_ms) : "now                     ";
  invocation.console.Out(StrCat(text, when, "  ", StateName(job->state), reason, "\n"));
  return kExitDone;
}

}  // namespace

int LogsCommand(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const Result<LogFilter> filter = LogFilter::Read(settings);
  if (!filter) return UsageStop(invocation, filter.error().text);
  const Result<uint64_t> number = settings.Number("attempt", 0, 0, 1'000'000);
  if (!number) return UsageStop(invocation, number.error().text);
  const Result<int64_t> since = settings.DurationMs("since", 0);
  if (!since) return UsageStop(invocation, since.error().text);
  EventSource events;
  Result<std::unique_ptr<Cluster>> cluster = Cluster::Connect(settings);
  if (!cluster) return StopWith(invocation, cluster.error());
  const std::string text = JobArgument(invocation, 0);
  const AttemptChoice choice{settings.Flag("all-attempts"), *since};
  std::optional<uint32_t> attempt;
  if (settings.Has("attempt")) attempt = static_cast<uint32_t>(*number);
  if (const Result<AttemptId> id = ParseAttemptId(text); id) {
    return TaskLogs(invocation, **cluster, events, id->task, id->number, *filter);
  }
  if (const Result<TaskId> task = ParseTaskId(text); task) {
    if (choice.all) return ManyLogs(invocation, **cluster, task->job, *task, choice, *filter);
    return TaskLogs(invocation, **cluster, events, *task, attempt, *filter);
  }
  const Result<JobId> job = (*cluster)->FindJob(text);
  if (!job && job.error().code == ErrorCode::kInvalidArgument) {
    return UsageStop(
        invocation,
        StrCat("'", text,
               "' is not a job, task or attempt; write for instance j42, j42-m7 or j42-m7.0"));
  }
  if (!job) return StopWith(invocation, job.error());
  if (settings.Flag("job-log")) return JobLog(invocation, **cluster, *job);
  return ManyLogs(invocation, **cluster, *job, std::nullopt, choice, *filter);
}

}  // namespace mr::submit
