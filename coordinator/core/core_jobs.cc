// How jobs begin and end.
#include <algorithm>

#include "common/base/logging.h"
#include "common/base/mutants.h"
#include "common/base/strings.h"
#include "coordinator/core/coordinator_core.h"
#include "coordinator/core/views.h"

namespace mr::coordinator {
namespace {

// Ended jobs are forgotten early when their tasks together take too much memory.
constexpr size_t kMaxRememberedTasks = 1'000'000;
// The commit waits so long for attempts that were told to stop.
constexpr int kLosersHeartbeats = 3;

// "without 1 of 40 map tasks, which failed (--max-failed-tasks 5%)"; empty when nothing is missing.
std::string WhatIsMissing(const JobEntry& job) {
  std::string text;
  const auto add = [&text](uint32_t missing, size_t all, std::string_view phase) {
    if (missing > 0)
      text += StrCat(text.empty() ? "without " : " and ", missing, " of ", all, " ", phase, " tasks");
  };
  add(job.maps_given_up, job.maps.size(), "map");
  add(job.reduces_given_up, job.reduces.size(), "reduce");
  if (text.empty()) return "";
  return StrCat(text, ", which failed (--max-failed-tasks ",
                wire::FormatPermille(job.spec.config.max_failed_permille), ")");
}

}  // namespace

JobId CoordinatorCore::CreateJob(const Asker& asker, const wire::JobSpec& spec, Reusable reusable) {
  const JobId id{state_.last_job + 1};
  Commit(wire::JobSubmitted{id, asker.client, asker.request_id, now_.unix_ms, spec});
  JobRun& run = runs_.emplace(id, JobRun(state_.jobs.at(id), options_.epoch)).first->second;
  if (spec.config.tie_ms > 0) run.tied_until = now_.mono + std::chrono::milliseconds(spec.config.tie_ms);
  active_.insert(id);
  fresh_plugins_.erase(spec.config.plugin_sha256);
  Reserve(runs_.at(id), std::move(reusable.maps));
  return id;
}

void CoordinatorCore::FinishIfDone(JobId id) {
  const JobEntry& job = state_.jobs.at(id);
  if (job.stage == JobStage::kActive && job.all_done()) BeginFinish(id, true, false, WhatIsMissing(job));
}

void CoordinatorCore::FailJob(JobId id, const TaskId& task, const std::string& reason) {
  const JobEntry& job = state_.jobs.at(id);
  if (task.phase != Phase::kFinish || job.success) return BeginFinish(id, false, false, reason);
  EndJobUncleaned(id, "the cleanup did not succeed");
}

void CoordinatorCore::BeginFinish(JobId id, bool success, bool killed, const std::string& reason) {
  JobRun& run = *FindRun(id);
  Commit(wire::JobFinishing{id, success, killed, reason});
  run.pool.Stop();
  run.pool.Find(TaskId{id, Phase::kFinish, 0})->trouble = 0;
  run.reserved.clear();
  run.News();
  if (!success) KeepOutputs(state_.jobs.at(id));
  for (Worker& worker : workers_.workers()) {
    std::erase_if(worker.map_outputs,
                  [id](const AttemptId& attempt) { return attempt.task.job == id; });
  }
  run.open_finish_by.reset();
  if (success) {
    run.open_finish_by = now_.mono + kLosersHeartbeats * options_.heartbeat;
    return OpenFinishIfStopped(run);
  }
  run.finish_by = (run.recovering ? *recover_by_ : now_.mono) + options_.cleanup_timeout;
  if (run.started_unix_ms == 0) return EndJob(id);  // nothing ever ran: nothing to clean up
  OpenCleanupIfQuiet(run);
}

// The cleanup waits until no attempt of the job can still be writing.
void CoordinatorCore::OpenCleanupIfQuiet(JobRun& run) {
  const JobEntry& job = state_.jobs.at(run.id);
  if (job.stage != JobStage::kFinishing || job.success) return;
  if (run.pool.attempt_count() > 0 && !Mutated(Mutant::kF08CleansUpBesideAttempts)) return;
  if (run.recovering) return;  // a worker that has not come back yet may be at it
  const wire::TaskState state = run.pool.Find(TaskId{run.id, Phase::kFinish, 0})->state;
  if (state == wire::TaskState::kBlocked || state == wire::TaskState::kCancelled)
    run.pool.OpenFinish();
}

void CoordinatorCore::EndJobUncleaned(JobId id, const std::string& why) {
  const std::string text = StrCat(why, "; temporary files may remain in ", state_.jobs.at(id).spec.config.output_dir);
  FindRun(id)->Warn(text);
  EndJob(id, text);
}

void CoordinatorCore::EndJob(JobId id, std::string left_behind) {
  JobRun& run = *FindRun(id);
  Commit(wire::JobEnded{id, now_.unix_ms, std::move(left_behind)});
  for (const TaskId& task : std::set<TaskId>(run.pool.running_tasks())) {
    for (const Attempt* running : run.pool.Find(task)->Running()) {
      const AttemptId attempt = running->id;
      run.pool.End(attempt, wire::AttemptState::kAborted, "its job has ended", now_.unix_ms);
      Forget(attempt);
    }
  }
  run.pool.Stop();
  run.finish_by.reset();
  run.News();
  for (Worker& worker : workers_.workers()) {
    const auto [kept, end] = RangeOf(worker.kept_outputs, id);
    if (worker.jobs.erase(id) == 0) continue;
    if (kept == end)
      worker.ended_jobs.Add(id);
    else
      worker.kept_jobs.Add(id);
  }
  run.ended_at = now_.mono;
  active_.erase(id);
  if (active_.empty()) idle_since_ = now_.mono;
}

void CoordinatorCore::ExpireHistory() {
  const size_t keep = std::max<size_t>(options_.history, 1);
  size_t ended = state_.jobs.size() - active_.size();
  if (ended == 0 || (ended == 1 && !options_.history_age)) return;
  size_t tasks = 0;
  for (const auto& [id, job] : state_.jobs) tasks += job.maps.size() + job.reduces.size();
  for (;;) {
    const auto oldest = std::find_if(state_.jobs.begin(), state_.jobs.end(), [](const auto& entry) {
      return entry.second.stage == JobStage::kEnded;
    });
    if (oldest == state_.jobs.end()) return;
    const JobId id = oldest->first;
    const bool too_old =
        options_.history_age && FindRun(id)->ended_at + *options_.history_age <= now_.mono;
    const bool too_many = ended > keep || (ended > 1 && tasks > kMaxRememberedTasks);
    if (!too_old && !too_many) return;
    tasks -= oldest->second.maps.size() + oldest->second.reduces.size();
    --ended;
    DropKept(id);
    Commit(wire::HistoryExpired{id});
    runs_.erase(id);
  }
}

}  // namespace mr::coordinator
