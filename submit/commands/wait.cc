// wait: quiet; the highest exit code wins.
#include <algorithm>

#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/json_views.h"

namespace mr::submit {
namespace {

constexpr int64_t kPollMs = 1000;

// Waits for one job until the deadline; kExitStillRunning if it is still going then.
Result<wire::JobView> WaitForOne(Cluster& cluster, JobId job, std::optional<Time> deadline) {
  uint64_t version = 0;
  for (;;) {
    int64_t wait_ms = version == 0 ? 0 : kPollMs;
    if (deadline) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          *deadline - SystemClock().Read().mono);
      wait_ms = std::clamp<int64_t>(left.count(), 0, wait_ms);
    }
    MR_ASSIGN_OR_RETURN(wire::JobView view,
                        cluster.Watch(job, version, static_cast<uint32_t>(wait_ms)));
    const bool late = deadline && SystemClock().Read().mono >= *deadline;
    if (wire::IsEnded(view.state) || late) return view;
    version = view.version;
  }
}

// Until the first of several has ended: asked in turn, each for a part of a second.
Result<wire::JobView> WaitForAny(Cluster& cluster, const std::vector<JobId>& jobs,
                                 std::optional<Time> deadline) {
  const auto share =
      static_cast<uint32_t>(std::max<int64_t>(kPollMs / static_cast<int64_t>(jobs.size()), 20));
  std::vector<uint64_t> versions(jobs.size());
  for (;;) {
    for (size_t i = 0; i < jobs.size(); ++i) {
      MR_ASSIGN_OR_RETURN(wire::JobView view,
                          cluster.Watch(jobs[i], versions[i], versions[i] == 0 ? 0 : share));
      const bool late = deadline && SystemClock().Read().mono >= *deadline;
      if (wire::IsEnded(view.state) || late) return view;
      versions[i] = view.version;
    }
  }
}

}  // namespace

int WaitCommand(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const Result<int64_t> timeout = settings.DurationMs("timeout", 0);
  if (!timeout) return UsageStop(invocation, timeout.error().text);
  if (settings.Flag("any") && settings.Flag("all"))
    return UsageStop(invocation, "--any and --all exclude each other");
  Result<std::unique_ptr<Cluster>> cluster = Cluster::Connect(settings);
  if (!cluster) return StopWith(invocation, cluster.error());
  std::vector<JobId> jobs;
  for (const std::string& text : invocation.arguments) {
    const Result<JobId> job = (*cluster)->FindJob(text);
    if (!job) return StopWith(invocation, job.error());
    jobs.push_back(*job);
  }
  std::optional<Time> deadline;
  if (settings.Has("timeout"))
    deadline = SystemClock().Read().mono + std::chrono::milliseconds(*timeout);
  int exit_code = kExitDone;
  const size_t rounds = settings.Flag("any") ? 1 : jobs.size();
  for (size_t i = 0; i < rounds; ++i) {
    const Result<wire::JobView> job = settings.Flag("any")
                                          ? WaitForAny(**cluster, jobs, deadline)
                                          : WaitForOne(**cluster, jobs[i], deadline);
    if (!job) return StopWith(invocation, job.error());
    const int one = ExitCodeOf(job->state);
    if (invocation.console.json()) {
      invocation.console.Out(ResultJson(*job, one, SystemClock().Read().unix_ms) + "\n");
    } else if (one != kExitDone || settings.Flag("any")) {
      const std::string reason = job->reason.empty() ? "" : StrCat(": ", job->reason);
      invocation.console.Note(StrCat(ToString(job->id), " ", StateName(job->state), reason));
    }
    exit_code = std::max(exit_code, one);
  }
  return exit_code;
}

}  // namespace mr::submit
