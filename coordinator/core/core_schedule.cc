// Who gets which task: jobs by priority, then by age; in a job the finish task, then reduces, then maps. When nothing of
// this waits, reduces whose maps still run (core_sources.cc).
#include <algorithm>

#include "common/base/logging.h"
#include "coordinator/core/bad_records.h"
#include "coordinator/core/coordinator_core.h"
#include "coordinator/core/plugin_abi.h"
#include "coordinator/core/manifest.h"

namespace mr::coordinator {

bool CoordinatorCore::FailedHere(const TaskEntry* entry, const Worker& worker) {
  return entry != nullptr && std::any_of(entry->failures.begin(), entry->failures.end(),
                                         [&](const FailedAttempt& failed) {
                                           return failed.worker_name == worker.info.name;
                                         });
}

void CoordinatorCore::Schedule() {
  ExpireHistory();
  const bool work = std::any_of(active_.begin(), active_.end(),
                                [this](JobId job) {
                                  const JobRun& run = runs_.at(job);
                                  return run.pool.has_pending() || run.pool.MayStartEarly() || !run.reserved.empty() || !run.stragglers.empty();
                                });
  if (!work || !someone_may_wait_) return;
  const std::vector<WorkerId> waiting = workers_.Waiting();
  someone_may_wait_ = !waiting.empty();
  for (const WorkerId id : waiting) GiveWork(*workers_.Find(id));
}

bool CoordinatorCore::MayRun(const JobEntry& job, const JobRun& run, const Worker& worker) const {
  const wire::PluginBuild& build = job.spec.config.plugin_build;
  if (!Speaks(worker.info, build)) return false;
  if (!run.Excludes(worker.id)) return true;
  const auto& all = workers_.workers();
  return std::none_of(all.begin(), all.end(), [&](const Worker& other) {
    return other.usable() && !run.Excludes(other.id) && Speaks(other.info, build);
  });
}

// An input that a worker could not read is tried on another one, once.
bool CoordinatorCore::AnotherMayRead(const JobEntry& job, const JobRun& run, const TaskId& task,
                                     const Worker& worker) const {
  const auto& failures = job.Find(task)->failures;
  const auto unread = std::count_if(failures.begin(), failures.end(), [](const FailedAttempt& failed) {
    return failed.failure.cause == wire::FailureCause::kBadInput;
  });
  const auto& all = workers_.workers();
  return unread == 1 && std::any_of(all.begin(), all.end(), [&](const Worker& other) {
    return other.id != worker.id && other.usable() && other.trouble.empty() && !run.Excludes(other.id) &&
           Speaks(other.info, job.spec.config.plugin_build) && other.info.slots >= job.SlotsOf(task.phase) &&
           !FailedHere(job.Find(task), other);
  });
}

TaskPool::Fit CoordinatorCore::FitOf(const JobEntry& job, const JobRun& run, const TaskId& task,
                                     const Worker& worker) const {
  const TaskEntry* entry = job.Find(task);
  if (!FailedHere(entry, worker)) return TaskPool::Fit::kWell;
  const FailedAttempt& last = entry->failures.back();
  const bool unread_here = last.failure.cause == wire::FailureCause::kBadInput && last.worker_name == worker.info.name;
  return unread_here && AnotherMayRead(job, run, task, worker) ? TaskPool::Fit::kNotAtAll : TaskPool::Fit::kPoorly;
}

bool CoordinatorCore::GiveWork(Worker& worker) {
  if (!worker.held || worker.held->free_slots == 0 || !worker.usable()) return false;
  if (worker.quarantine.probing && !worker.running.empty()) return false;
  for (const wire::Priority priority :
       {wire::Priority::kHigh, wire::Priority::kNormal, wire::Priority::kLow}) {
    for (const JobId id : active_) {
      if (state_.jobs.at(id).spec.config.priority != priority) continue;
      const Offer offer = OfferTo(worker, id, Turn::kDue);
      if (offer != Offer::kNothing) return offer == Offer::kGiven;
    }
  }
  if (OthersWaiting() > 0) return false;
  return std::any_of(active_.begin(), active_.end(),
                     [&](JobId id) { return OfferTo(worker, id, Turn::kEarly) == Offer::kGiven; });
}

CoordinatorCore::Offer CoordinatorCore::OfferTo(Worker& worker, JobId id, Turn turn) {
  JobRun& run = runs_.at(id);
  const JobEntry& job = state_.jobs.at(id);
  const uint32_t max_running = job.spec.config.max_running;
  if (max_running > 0 && run.pool.attempt_count() >= max_running) return Offer::kNothing;
  if (job.paused() || !MayRun(job, run, worker)) return Offer::kNothing;
  const auto fit = [&](const TaskId& candidate) { return FitOf(job, run, candidate, worker); };
  std::optional<TaskId> task;
  bool backup = false;
  if (turn == Turn::kEarly) {
    task = run.pool.NextEarlyReduce(fit);
  } else {
    // A task that is reserved stays so until its holder has the slots for it.
    if (job.SlotsOf(Phase::kMap) <= worker.held->free_slots) task = TakeReserved(run, worker);
    if (!task) task = run.pool.NextPending(fit);
    backup = !task;
    if (backup) task = NextStraggler(job, run, worker);
  }
  if (!task) return Offer::kNothing;
  const uint32_t slots = job.SlotsOf(task->phase);
  if (slots > worker.info.slots || (backup && slots > worker.held->free_slots)) return Offer::kNothing;
  // Enough slots will be free when some of its tasks have ended: given to a later job one by one, they never would.
  if (slots > worker.held->free_slots) return Offer::kWaits;
  const Attempt& attempt =
      backup ? StartBackup(run, *task, worker) : run.pool.Start(*task, worker.ref(), worker.info.name, now_);
  worker.running.insert(attempt.id);
  worker.busy_slots += slots;
  worker.jobs.insert(id);
  run.Changed();
  if (run.started_unix_ms == 0) {
    run.started_unix_ms = now_.unix_ms;
    run.News();
  }
  AnswerAssignment(worker, attempt);
  return Offer::kGiven;
}

void CoordinatorCore::AnswerAssignment(Worker& worker, const Attempt& attempt) {
  const JobEntry& job = state_.jobs.at(attempt.id.task.job);
  wire::Assignment assignment;
  assignment.attempt = attempt.id;
  assignment.map_count = static_cast<uint32_t>(job.maps.size());
  assignment.config = job.spec.config;
  if (assignment.config.shuffle_codec == wire::Compression::kAuto && workers_.OnOneHost())
    assignment.config.shuffle_codec = wire::Compression::kNone;
  assignment.work = MakeWork(job, attempt.id.task);
  assignment.earlier = EarlierOutputFor(worker, attempt.id);
  if (const TaskEntry* entry = job.Find(attempt.id.task); entry != nullptr && !entry->failures.empty())
    assignment.skip = FindBadRecords(job.spec.config, *entry).skip;
  Answer({worker.held->token, 0, worker.held->request_id},
         wire::WorkResponse{wire::WorkVerdict::kAssigned, std::move(assignment)});
  worker.held.reset();
}

wire::Work CoordinatorCore::MakeWork(const JobEntry& job, const TaskId& task) const {
  if (task.phase == Phase::kMap) return job.plan[task.index];
  if (task.phase == Phase::kReduce) return MakeReduceWork(job, task.index);
  wire::FinishWork work;
  work.success = job.success;
  work.files = PublishedFiles(job);
  work.bad_records = BadRecordFiles(job);
  if (job.success) {
    work.manifest_json =
        MakeManifest(job, runs_.at(job.id).counters, options_.version, now_.unix_ms);
  } else {
    for (wire::BadRecordFile& file : work.bad_records) file.text.clear();  // only to be removed
  }
  return work;
}

}  // namespace mr::coordinator
