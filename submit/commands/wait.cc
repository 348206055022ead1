// wait: quiet; the highest exit code wins.
#include <algorithm>
#include <thread>

#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/json_views.h"
#include "submit/outage.h"

namespace mr::submit {
namespace {

constexpr int64_t kPollMs = 1000;

struct Waiter {
  Cluster& cluster;
  Console& console;
  std::optional<Time> deadline;
  Outage outage;
  bool heard = false;  // else it may never have been there

  bool late() const { return deadline && SystemClock().Read().mono >= *deadline; }
  Result<wire::JobView> Watch(JobId job, uint64_t since, uint32_t wait_ms);
};

// An outage of the coordinator is waited out, as long as that may be.
Result<wire::JobView> Waiter::Watch(JobId job, uint64_t since, uint32_t wait_ms) {
  for (;;) {
    Result<wire::JobView> view = cluster.Watch(job, since, wait_ms);
    const bool lost = !view && (view.error().code == ErrorCode::kTimeout ||
                                view.error().code == ErrorCode::kUnavailable);
    if (!lost) {
      heard = true;
      if (outage.OnAnswer()) console.Note("mrsubmit: the coordinator answers again");
      return view;
    }
    const Time now = SystemClock().Read().mono;
    const Outage::Verdict verdict = outage.OnSilence(now);
    if (verdict == Outage::Verdict::kGiveUp || !heard || late()) return view;
    if (verdict == Outage::Verdict::kSayAndTryAgain)
      console.Note(OutageText(cluster.endpoint(), view.error(), outage.Lasted(now)));
    if (view.error().code == ErrorCode::kUnavailable) std::this_thread::sleep_for(kUnavailablePause);
  }
}

// Waits for one job until the deadline; kExitStillRunning if it is still going then.
Result<wire::JobView> WaitForOne(Waiter& waiter, JobId job) {
  uint64_t version = 0;
  for (;;) {
    int64_t wait_ms = version == 0 ? 0 : kPollMs;
    if (waiter.deadline) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          *waiter.deadline - SystemClock().Read().mono);
      wait_ms = std::clamp<int64_t>(left.count(), 0, wait_ms);
    }
    MR_ASSIGN_OR_RETURN(wire::JobView view,
                        waiter.Watch(job, version, static_cast<uint32_t>(wait_ms)));
    if (wire::IsEnded(view.state) || waiter.late()) return view;
    version = view.version;
  }
}

// Until the first of several has ended: asked in turn, each for a part of a second.
Result<wire::JobView> WaitForAny(Waiter& waiter, const std::vector<JobId>& jobs) {
  const auto share =
      static_cast<uint32_t>(std::max<int64_t>(kPollMs / static_cast<int64_t>(jobs.size()), 20));
  std::vector<uint64_t> versions(jobs.size());
  for (;;) {
    for (size_t i = 0; i < jobs.size(); ++i) {
      MR_ASSIGN_OR_RETURN(wire::JobView view,
                          waiter.Watch(jobs[i], versions[i], versions[i] == 0 ? 0 : share));
      if (wire::IsEnded(view.state) || waiter.late()) return view;
      versions[i] = view.version;
    }
  }
}

}  // namespace

int WaitCommand(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const Result<int64_t> timeout = settings.DurationMs("timeout", 0);
  if (!timeout) return UsageStop(invocation, timeout.error().text);
  const Result<Duration> outage = OutageTimeout(settings);
  if (!outage) return UsageStop(invocation, outage.error().text);
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
  Waiter waiter{**cluster, invocation.console, deadline, Outage(*outage)};
  int exit_code = kExitDone;
  const size_t rounds = settings.Flag("any") ? 1 : jobs.size();
  for (size_t i = 0; i < rounds; ++i) {
    const Result<wire::JobView> job =
        settings.Flag("any") ? WaitForAny(waiter, jobs) : WaitForOne(waiter, jobs[i]);
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
