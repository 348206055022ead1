// drain: takes a worker out of the cluster without harm to any job, or puts it back.
#include <algorithm>

#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/events.h"
#include "submit/json_views.h"

namespace mr::submit {
namespace {

constexpr Duration kPause = std::chrono::milliseconds(200);

std::string Sentence(const wire::WorkerView& worker) {
  if (!worker.taken_out) return StrCat(worker.name, " gets tasks again");
  if (!worker.alive) return StrCat(worker.name, " is gone; it will get no tasks when it comes back");
  if (worker.busy == 0 && worker.outputs_held == 0) return StrCat(worker.name, " is drained: it can be stopped");
  return StrCat(worker.name, " gets no new tasks; it runs ", worker.busy, " and holds ", worker.outputs_held,
                " map outputs that jobs still need");
}

// Until it can be stopped without a job noticing. `deadline`: none = for ever.
Result<wire::WorkerView> WaitUntilDrained(Cluster& cluster, wire::WorkerView worker, std::optional<Time> deadline) {
  EventSource events;
  const SystemClock clock;
  while (worker.alive && (worker.busy > 0 || worker.outputs_held > 0)) {
    if (deadline && clock.Read().mono >= *deadline) {
      return Fail(ErrorCode::kTimeout, StrCat("gave up waiting (--timeout): ", Sentence(worker)));
    }
    events.Wait(kPause);
    for (const Event& event : events.Take()) {
      if (event.kind == EventKind::kSuspend)
        events.SuspendSelf();
      else if (event.kind != EventKind::kResize && event.kind != EventKind::kContinue)
        return Fail(ErrorCode::kCancelled, StrCat("stopped waiting: ", Sentence(worker)));
    }
    MR_ASSIGN_OR_RETURN(const wire::ClusterResponse answer,
                        cluster.Ask<wire::ClusterResponse>(wire::GetClusterRequest{}));
    const auto found = std::find_if(answer.workers.begin(), answer.workers.end(),
                                    [&](const wire::WorkerView& each) { return each.name == worker.name; });
    // A coordinator that was restarted does not know it yet, nor that it was taken out.
    if (found == answer.workers.end() || !found->taken_out) {
      return Fail(ErrorCode::kNotFound, StrCat(worker.name, " is no longer taken out: somebody put it back, or the "
                                                            "coordinator was started anew"));
    }
    worker = *found;
  }
  return worker;
}

}  // namespace

int DrainCommand(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const bool wait = settings.Flag("wait");
  if (settings.Flag("undo") && (wait || settings.Has("reason")))
    return UsageStop(invocation, "--undo goes with neither --wait nor --reason");
  const Result<int64_t> timeout = settings.DurationMs("timeout", 0);
  if (!timeout) return UsageStop(invocation, timeout.error().text);
  Result<std::unique_ptr<Cluster>> cluster = Cluster::Connect(settings);
  if (!cluster) return StopWith(invocation, cluster.error());
  wire::DrainRequest request;
  request.worker = invocation.arguments.front();
  request.undo = settings.Flag("undo");
  if (!request.undo) request.reason = settings.Get("reason", StrCat("taken out by ", UserName()));
  const Result<wire::DrainResponse> answer = (*cluster)->Ask<wire::DrainResponse>(std::move(request));
  if (!answer) return StopWith(invocation, answer.error());
  wire::WorkerView worker = answer->worker;
  if (wait) {
    std::optional<Time> deadline;
    if (settings.Has("timeout")) deadline = SystemClock().Read().mono + std::chrono::milliseconds(*timeout);
    Result<wire::WorkerView> drained = WaitUntilDrained(**cluster, std::move(worker), deadline);
    if (!drained) {
      if (drained.error().code == ErrorCode::kTimeout)
        return StopAs(invocation, kExitStillRunning, drained.error().text);
      return StopWith(invocation, drained.error());
    }
    worker = std::move(*drained);
  }
  if (invocation.console.json())
    invocation.console.Out(WorkersJson({worker}) + "\n");
  else
    invocation.console.Note(Sentence(worker));
  return kExitDone;
}

}  // namespace mr::submit
