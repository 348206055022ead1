// What happens because time passes: leases, held requests, delays, idleness.
#include <algorithm>

#include "common/base/logging.h"
#include "common/base/mutants.h"
#include "common/base/strings.h"
#include "coordinator/core/coordinator_core.h"
#include "coordinator/core/describe.h"

namespace mr::coordinator {
namespace {

// A worker that reports every heartbeat and was not heard of for so many has gone.
constexpr int kSilentHeartbeats = 3;
constexpr int kAcknowledgeHeartbeats = 4;

}  // namespace

void CoordinatorCore::On(const Tick&) {
  const Duration gap = now_.mono - last_tick_;
  last_tick_ = now_.mono;
  if (gap > options_.lease / 2) {
    // The coordinator itself stood still (suspended, starved): its workers may have been reporting
    // all the while.
    for (Worker& worker : workers_.workers()) {
      worker.lease_until = std::max(worker.lease_until, now_.mono + options_.lease / 2);
    }
    for (const JobId id : active_) {
      std::optional<Time>& tied = runs_.at(id).tied_until;
      if (tied) tied = std::max(*tied, now_.mono + options_.lease / 2);
    }
  }
  ExpireLeases();
  TakeBackUnanswered();
  KillUntied();
  EndRecovery();
  ReviewQuarantines();
  std::vector<JobId> overdue;
  for (const JobId id : active_) {
    JobRun& run = runs_.at(id);
    run.pool.ReleaseDelayed(now_.mono);
    LookForStragglers(run);
    OpenFinishIfStopped(run);
    if (run.finish_by && *run.finish_by <= now_.mono) overdue.push_back(id);
  }
  for (const JobId id : overdue) {
    EndJobUncleaned(id, "no worker cleaned up in time");
  }
  MakeRoom();
  ExpireKept();
  ReleaseHeld();
  WatchIdle();
  workers_deadline_ = Time::max();
  for (const Worker& worker : workers_.workers()) NoteDeadline(worker);
}

// Between ticks only a worker that speaks can get an earlier deadline, so nobody looks through thousands of them for
// each request. One that is no longer true costs a tick.
void CoordinatorCore::NoteDeadline(const Worker& worker) {
  if (worker.alive) workers_deadline_ = std::min(workers_deadline_, worker.lease_until);
  if (worker.held) workers_deadline_ = std::min(workers_deadline_, worker.held->until);
}

void CoordinatorCore::ExpireLeases() {
  for (Worker& worker : workers_.workers()) {
    if (worker.alive && worker.lease_until <= now_.mono) LoseWorker(worker, false);
  }
}

// The submitter of a job with --tie renews its lease by watching it. After a restart of the coordinator the lease
// begins anew.
void CoordinatorCore::KillUntied() {
  const std::set<JobId> active = active_;
  for (const JobId id : active) {
    const std::optional<Time> until = runs_.at(id).tied_until;
    const JobEntry& job = state_.jobs.at(id);
    if (!until || *until > now_.mono || job.stage != JobStage::kActive) continue;
    BeginFinish(id, false, true,
                StrCat("killed: its submitter was not heard of for ",
                       static_cast<double>(job.spec.config.tie_ms) / 1000, " s (--tie)"));
  }
}

// An assignment that its worker has not acknowledged after several heartbeats went to a process that is gone or
// stands still: another one can begin long before the lease tells the same.
void CoordinatorCore::TakeBackUnanswered() {
  for (Worker& worker : workers_.workers()) {
    for (const AttemptId& id : std::set<AttemptId>(worker.running)) {
      const Attempt& attempt = *FindRun(id.task.job)->pool.Find(id);
      if (attempt.acknowledged || now_.mono < attempt.assigned_at + kAcknowledgeHeartbeats * options_.heartbeat) {
        continue;
      }
      Abort(id, StrCat("worker ", worker.info.name, " did not take it"));
    }
  }
}

void CoordinatorCore::LoseWorker(Worker& worker, bool said_so) {
  worker.alive = false;
  if (worker.held) {
    AnswerError({worker.held->token, 0, worker.held->request_id},
                {ErrorCode::kFenced, StrCat("no report came from ", worker.info.name,
                                            " for a whole lease; register again")});
    worker.held.reset();
  }
  const std::string what = StrCat("worker ", worker.info.name, said_so ? " has left" : " was lost");
  struct Loss {
    uint32_t attempts = 0;
    uint32_t outputs = 0;
  };
  std::map<JobId, Loss> losses;
  for (const AttemptId& id : std::set<AttemptId>(worker.running)) {
    ++losses[id.task.job].attempts;
    Abort(id, what);
  }
  for (const AttemptId& id : std::set<AttemptId>(worker.map_outputs)) {
    if (Mutated(Mutant::kL04LostMapStaysDone)) break;
    ++losses[id.task.job].outputs;
    LoseOutput(id, what);
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(options_.lease).count();
  for (const auto& [job, loss] : losses) {
    FindRun(job)->Warn(StrCat(what, said_so ? std::string() : StrCat(" (silent for ", seconds, " s)"),
                              "; made again: ", Counted(loss.attempts, "attempt"), ", ",
                              Counted(loss.outputs, "map output")));
  }
  worker.jobs.clear();
  worker.kept_outputs.clear();
  ReleaseReserved(worker.id, {});
}

void CoordinatorCore::ReleaseHeld() {
  for (Worker& worker : workers_.workers()) {
    if (!worker.held || worker.held->until > now_.mono) continue;
    // What became pending by this very tick goes out before anybody is sent away.
    if (!GiveWork(worker)) AnswerHeld(worker, wire::WorkVerdict::kNothing);
  }
}

bool CoordinatorCore::HasActiveJob() const { return !active_.empty(); }

void CoordinatorCore::WatchIdle() {
  if (!options_.exit_when_idle) return;
  if (!leave_by_) {
    if (HasActiveJob() || now_.mono < idle_since_ + *options_.exit_when_idle) return;
    leave_by_ = now_.mono + options_.leave_timeout;
  }
  bool all_gone = true;
  for (Worker& worker : workers_.workers()) {
    if (worker.held) {
      AnswerHeld(worker, wire::WorkVerdict::kLeave);
      worker.told_to_leave = true;
    }
    // An answer can be lost: one that was told and still reports is told again.
    const bool silent = worker.lease_until - options_.lease + kSilentHeartbeats * options_.heartbeat <= now_.mono;
    if (worker.alive && (!worker.told_to_leave || !silent)) all_gone = false;
  }
  if (all_gone || now_.mono >= *leave_by_) actions_.stop = true;
}

Duration CoordinatorCore::TickInterval() const {
  return std::clamp<Duration>(options_.lease / 4, std::chrono::milliseconds(20),
                              std::chrono::seconds(1));
}

Time CoordinatorCore::NextDeadline() const {
  Time next = now_.mono + TickInterval();
  const auto consider = [&next](Time time) { next = std::min(next, time); };
  consider(workers_deadline_);
  for (const HeldWatch& watch : watches_) {
    consider(watch.until);
    // AnswerWatches has just run: this one has news only of progress, and not for long enough yet.
    const auto run = runs_.find(watch.job);
    if (run != runs_.end() && run->second.version > watch.since_version)
      consider(watch.arrived + kWatchInterval);
  }
  for (const JobId id : active_) {
    const JobRun& run = runs_.at(id);
    if (run.finish_by) consider(*run.finish_by);
    if (run.open_finish_by) consider(*run.open_finish_by);
    if (run.tied_until && state_.jobs.at(id).stage == JobStage::kActive) consider(*run.tied_until);
    if (const auto deadline = run.pool.next_deadline()) consider(*deadline);
  }
  consider(tell_sources_at_);
  if (leave_by_) consider(*leave_by_);
  if (settle_by_) consider(*settle_by_);
  if (recover_by_) consider(*recover_by_);
  if (options_.exit_when_idle && !leave_by_ && !HasActiveJob())
    consider(idle_since_ + *options_.exit_when_idle);
  return std::max(next, now_.mono);
}

}  // namespace mr::coordinator
