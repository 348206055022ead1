// A life after others. The records say which jobs there are and what they have completed; who runs and holds what,
// the workers say when they register again. Until a lease has passed, what nobody has named may still be named.
#include <algorithm>

#include "common/base/logging.h"
#include "common/base/mutants.h"
#include "common/base/strings.h"
#include "coordinator/core/bad_records.h"
#include "coordinator/core/coordinator_core.h"
#include "coordinator/core/views.h"

namespace mr::coordinator {
namespace {

// Versions that watchers have seen in earlier lives are smaller.
constexpr uint64_t kVersionsPerLife = uint64_t{1} << 32;

Attempt MakeAttempt(const AttemptId& id, wire::AttemptState state) {
  Attempt attempt;
  attempt.id = id;
  attempt.state = state;
  attempt.acknowledged = true;
  return attempt;
}

std::vector<Attempt> KnownAttempts(const TaskEntry& entry) {
  std::vector<Attempt> attempts;
  for (const FailedAttempt& failed : entry.failures) {
    attempts.push_back(MakeAttempt(failed.attempt, wire::AttemptState::kFailed));
    attempts.back().worker_name = failed.worker_name;
    attempts.back().ended_unix_ms = failed.unix_ms;
    attempts.back().cause = DescribeFailure(failed.failure);
  }
  if (entry.completion) {
    const Completion& won = *entry.completion;
    attempts.push_back(MakeAttempt(won.attempt, wire::AttemptState::kCompleted));
    attempts.back().started_unix_ms = won.times.started_unix_ms;
    attempts.back().ended_unix_ms = won.times.ended_unix_ms;
  }
  return attempts;
}

// The task that the job failed by: the one with the newest failure.
const TaskEntry* LastFailed(const JobEntry& job) {
  const TaskEntry* last = nullptr;
  const auto look = [&last](const std::vector<TaskEntry>& tasks) {
    for (const TaskEntry& task : tasks) {
      if (task.failures.empty() || task.completion || task.given_up) continue;
      if (last == nullptr || last->failures.back().unix_ms <= task.failures.back().unix_ms) last = &task;
    }
  };
  look(job.maps);
  look(job.reduces);
  return last;
}

}  // namespace

CoordinatorCore::CoordinatorCore(CoreOptions options, Now now, State recovered)
    : CoordinatorCore(std::move(options), now) {
  state_ = std::move(recovered);
  for (const auto& [id, job] : state_.jobs) RecoverJob(job);
  if (active_.empty()) return;
  settle_by_ = now.mono + std::min(options_.settle, options_.lease);
  recover_by_ = now.mono + options_.lease;
}

void CoordinatorCore::RecoverJob(const JobEntry& job) {
  JobRun& run = runs_.emplace(job.id, JobRun(job, options_.epoch)).first->second;
  run.version = run.news_version = options_.epoch * kVersionsPerLife;
  for (uint32_t i = 0; i < job.maps.size(); ++i) RecoverTask(job, run, {job.id, Phase::kMap, i});
  for (uint32_t i = 0; i < job.reduces.size(); ++i) RecoverTask(job, run, {job.id, Phase::kReduce, i});
  if (run.started_unix_ms == 0) run.started_unix_ms = job.submitted_unix_ms;  // attempts may run that nobody knows of
  if (job.stage != JobStage::kActive) {
    run.pool.Stop();
    RecoverFinish(job, run);
  }
  if (job.stage == JobStage::kEnded) {
    // How long ago only the wall clock knows, and it may have jumped meanwhile: the age counts anew.
    run.ended_at = now_.mono;
    if (!job.left_behind.empty()) run.Warn(job.left_behind);
    return;
  }
  active_.insert(job.id);
  const int64_t tie_ms = job.spec.config.tie_ms;
  if (tie_ms > 0) run.tied_until = now_.mono + std::chrono::milliseconds(tie_ms);
  run.recovering = true;
  run.pool.Hold();
  run.Warn("the coordinator was restarted; the job goes on");
}

void CoordinatorCore::RecoverTask(const JobEntry& job, JobRun& run, const TaskId& task) {
  const TaskEntry& entry = *job.Find(task);
  for (const FailedAttempt* failed : FindBadRecords(job.spec.config, entry).charged)
    ++run.failures_before[failed->worker_name];
  const bool granted = entry.granted && !entry.completion;
  run.pool.Restore(task, KnownAttempts(entry), entry.completion.has_value(), granted);
  if (entry.given_up) run.pool.GiveUp(task);
  if (!entry.completion) return;
  const Completion& won = *entry.completion;
  if (task.phase == Phase::kMap) {
    run.CountMap(job, task.index, won);
  } else {
    run.CountReduce(won);
  }
  run.CountCost(won.times);
  const int64_t started = won.times.started_unix_ms;
  if (started > 0 && (run.started_unix_ms == 0 || started < run.started_unix_ms)) run.started_unix_ms = started;
  if (task.phase == Phase::kMap && job.needs_map_outputs()) run.pool.ExpectOutput(task.index);
}

void CoordinatorCore::RecoverFinish(const JobEntry& job, JobRun& run) {
  const TaskId task{job.id, Phase::kFinish, 0};
  if (!job.success && !job.killed) {
    if (const TaskEntry* failed = LastFailed(job)) run.failure = MakeFailureReport(*failed);
  }
  if (job.stage == JobStage::kEnded) {
    if (job.success) run.pool.Restore(task, {MakeAttempt({task, 0, 0}, wire::AttemptState::kCompleted)}, true, false);
    return;
  }
  if (job.success) {
    // An attempt may have published the job's success already: from now on a kill comes too late. If one still runs
    // it is number 0 or more, so this one does not stand in its way.
    run.commit_may_have_begun = true;
    run.pool.OpenFinish();
  } else {
    run.finish_by = now_.mono + options_.lease + options_.cleanup_timeout;
  }
}

// ---- workers come back ------------------------------------------------------------------------------------

void CoordinatorCore::TakeInventory(Worker& worker, const wire::RegisterRequest& request) {
  for (const AttemptId& id : request.running) {
    if (worker.running.contains(id) || !MayAdopt(id)) continue;
    JobRun& run = *FindRun(id.task.job);
    if (!run.pool.Adopt(id, worker.ref(), request.name, now_)) continue;
    worker.running.insert(id);
    worker.busy_slots += state_.jobs.at(id.task.job).SlotsOf(id.task.phase);
    run.Changed();
  }
  for (const AttemptId& id : request.map_outputs) AdoptOutput(worker, id);
}

bool CoordinatorCore::MayAdopt(const AttemptId& id) const {
  const JobEntry* job = state_.Find(id.task.job);
  if (job == nullptr || id.epoch == 0 || id.epoch >= options_.epoch) return false;
  // A cleanup is begun anew; so is nothing else.
  if (id.task.phase == Phase::kFinish) return job->stage == JobStage::kFinishing && job->success;
  const TaskEntry* task = job->Find(id.task);
  if (job->stage != JobStage::kActive || task == nullptr || task->completion || task->given_up) return false;
  if (task->granted && *task->granted != id && !Mutated(Mutant::kF09AdoptsWhoHasNoGrant)) return false;
  return true;
}

void CoordinatorCore::AdoptOutput(Worker& worker, const AttemptId& id) {
  const JobEntry* job = state_.Find(id.task.job);
  if (job == nullptr || id.task.phase != Phase::kMap || !job->needs_map_outputs()) return;
  const TaskEntry* task = job->Find(id.task);
  JobRun& run = *FindRun(id.task.job);
  if (task == nullptr || !task->completion || task->completion->attempt != id) return;
  if (!run.pool.unplaced().contains(id.task.index)) return;
  run.pool.PlaceOutput(id.task.index, worker.id);
  run.pool.Find(id)->worker_name = worker.info.name;
  worker.map_outputs.insert(id);
  NoteSource(run, id.task.index);
}

// ---- and those who do not ---------------------------------------------------------------------------------

void CoordinatorCore::EndSettlingIfAllAreBack() {
  const bool all_back = options_.expected_workers > 0 && workers_.alive_count() >= options_.expected_workers;
  if (settle_by_ && all_back) settle_by_ = now_.mono;
}

void CoordinatorCore::EndRecovery() {
  if (settle_by_ && *settle_by_ <= now_.mono) {
    settle_by_.reset();
    for (auto& [id, run] : runs_) run.pool.Release();
    // The last task's record was kept, but not the one that follows from it.
    for (const JobId id : std::set<JobId>(active_)) FinishIfDone(id);
  }
  if (!recover_by_ || (now_.mono < *recover_by_ && !Mutated(Mutant::kF07RecoveryDoesNotWait))) return;
  recover_by_.reset();
  for (const JobId id : std::set<JobId>(active_)) {
    JobRun& run = runs_.at(id);
    if (run.recovering) EndRecoveryOf(run);
  }
}

void CoordinatorCore::EndRecoveryOf(JobRun& run) {
  const JobEntry& job = state_.jobs.at(run.id);
  run.recovering = false;
  if (job.stage == JobStage::kActive) {
    const auto revoke = [&](const std::vector<TaskEntry>& tasks, Phase phase) {
      for (uint32_t i = 0; i < tasks.size(); ++i) {
        const TaskId task{run.id, phase, i};
        if (!tasks[i].granted || tasks[i].completion || !run.pool.Find(task)->running.empty()) continue;
        const AttemptId silent = *tasks[i].granted;
        Commit(wire::CommitRevoked{silent});
        run.pool.ReleaseGrant(silent);
      }
    };
    revoke(job.maps, Phase::kMap);
    revoke(job.reduces, Phase::kReduce);
    for (const uint32_t map : std::set<uint32_t>(run.pool.unplaced()))
      LoseOutput(job.maps[map].completion->attempt, "its worker did not come back after the coordinator's restart");
  }
  run.Changed();
  OpenCleanupIfQuiet(run);
}

}  // namespace mr::coordinator
