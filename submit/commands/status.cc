// status: one job, or the cluster with my jobs.
#include <algorithm>

#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/events.h"
#include "submit/json_views.h"
#include "submit/progress.h"
#include "submit/report.h"

namespace mr::submit {

std::string JobsTable(const std::vector<wire::JobView>& jobs, int64_t now_unix_ms);

namespace {

// Of a replicated coordinator.
std::string MembersText(const wire::ClusterResponse& cluster) {
  if (cluster.members.empty()) return "";
  const auto answering = std::count_if(cluster.members.begin(), cluster.members.end(),
                                       [](const wire::MemberView& member) { return member.answers; });
  std::string text = StrCat("members   ", answering, " of ", cluster.members.size(), " answer; term ", cluster.term,
                            ", agreed on up to entry ", FormatCount(cluster.commit_index), ", applied ",
                            FormatCount(cluster.applied_index), "\n");
  for (const wire::MemberView& member : cluster.members) {
    const uint64_t lag = cluster.commit_index - std::min(cluster.commit_index, member.match_index);
    text += StrCat("          ", member.node, " ", member.endpoint, " ",
                   member.leads      ? std::string("leads")
                   : !member.answers ? StrCat("does not answer, ", FormatCount(lag), " entries behind when last heard of")
                   : lag == 0        ? std::string("follows")
                                     : StrCat("follows, ", FormatCount(lag), " entries behind"),
                   "\n");
  }
  return text;
}

std::string ClusterText(const wire::ClusterResponse& cluster, const std::string& endpoint,
                        int64_t now_unix_ms) {
  uint32_t alive = 0, slots = 0, busy = 0;
  for (const wire::WorkerView& worker : cluster.workers) {
    if (!worker.alive) continue;
    ++alive;
    slots += worker.slots;
    busy += worker.busy;
  }
  const std::string up = FormatElapsed(now_unix_ms - cluster.started_unix_ms);
  std::string text =
      StrCat("cluster   ", cluster.cluster.empty() ? "millrace" : cluster.cluster, " at ", endpoint,
             ", version ", cluster.version, ", up ", up.substr(0, up.find('.')), "\n");
  if (!cluster.http.empty()) text += StrCat("page      ", cluster.http, "\n");
  text += MembersText(cluster);
  text += StrCat("workers   ", alive, " of ", cluster.workers.size(), " alive, ", busy, "/", slots,
                 " slots busy\n");
  return text +
         StrCat("jobs      ", cluster.jobs_running, " running, ", cluster.jobs_queued, " queued\n");
}

Result<std::string> ClusterStatus(Cluster& cluster, bool json) {
  MR_ASSIGN_OR_RETURN(const wire::ClusterResponse view,
                      cluster.Ask<wire::ClusterResponse>(wire::GetClusterRequest{}));
  wire::ListJobsRequest request;
  request.user = UserName();
  request.limit = 10;
  MR_ASSIGN_OR_RETURN(const wire::ListJobsResponse jobs,
                      cluster.Ask<wire::ListJobsResponse>(std::move(request)));
  if (json) return ClusterJson(view, jobs.jobs) + "\n";
  const int64_t now = SystemClock().Read().unix_ms;
  std::string text = ClusterText(view, cluster.endpoint(), now);
  if (!jobs.jobs.empty()) text += StrCat("\nmy jobs\n", JobsTable(jobs.jobs, now));
  return text;
}

Result<std::string> JobStatus(Cluster& cluster, const Console& console, JobId id) {
  MR_ASSIGN_OR_RETURN(const wire::JobView job, cluster.Watch(id, 0, 0));
  if (console.json()) return JobJson(job) + "\n";
  const Now now = SystemClock().Read();
  std::string text = StrCat(ToString(job.id), " ", job.name, " ", StateName(job.state),
                            job.reason.empty() ? "" : StrCat(": ", job.reason), "\n");
  ReportContext context;
  context.style = console.out_style();
  context.output = job.output_dir;
  if (wire::IsEnded(job.state)) return text + EndReport(job, context);
  if (job.state == wire::JobState::kPaused) return text + PausedReport(job, context);
  FrameOptions frame;
  frame.width = console.out_is_terminal() ? console.ErrWidth() : 100;
  frame.style = console.out_style();
  frame.now_unix_ms = now.unix_ms;
  ProgressMeter meter;
  meter.Add(now.mono, job);
  for (const std::string& line : RenderFrame(job, meter, frame)) text += line + "\n";
  return text + StrCat("  output    ", job.output_dir, "\n");
}

}  // namespace

int StatusCommand(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const Result<int64_t> every = settings.DurationMs("watch", 2000);
  if (!every) return UsageStop(invocation, every.error().text);
  EventSource events;
  Result<std::unique_ptr<Cluster>> cluster = Cluster::Connect(settings);
  if (!cluster) return StopWith(invocation, cluster.error());
  JobId job;
  if (!invocation.arguments.empty()) {
    const Result<JobId> found = (*cluster)->FindJob(invocation.arguments.front());
    if (!found) return StopWith(invocation, found.error());
    job = *found;
  }
  for (;;) {
    const Result<std::string> text = job.value == 0
                                         ? ClusterStatus(**cluster, invocation.console.json())
                                         : JobStatus(**cluster, invocation.console, job);
    if (!text) return StopWith(invocation, text.error());
    const bool again = settings.Has("watch");
    if (again && invocation.console.out_is_terminal()) invocation.console.Out("\x1b[H\x1b[2J");
    if (!invocation.console.Out(*text) || !again) return kExitDone;
    events.Wait(std::chrono::milliseconds(std::max<int64_t>(*every, 100)));
    for (const Event& event : events.Take()) {
      const bool resize = event.kind == EventKind::kResize || event.kind == EventKind::kContinue;
      if (event.kind == EventKind::kSuspend)
        events.SuspendSelf();
      else if (!resize)
        return kExitDone;
    }
  }
}

}  // namespace mr::submit
