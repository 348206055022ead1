// Backup attempts: near the end of a phase, when none of its tasks waits any more, a task that is far behind the others
// gets a second attempt on another worker. The first to complete wins; the other is told to stop, and what it has
// made is dropped.
//
// A straggler is known by its rate of progress, not by its age: by what is done of it and how long that took, it will
// take longer than a backup attempt that begins now. What a backup would take is the median of its phase, more for a
// task that has more to read: a large partition is no straggler.
#include <algorithm>
#include <limits>

#include "common/base/mutants.h"
#include "common/base/strings.h"
#include "coordinator/core/coordinator_core.h"
#include "coordinator/core/split_planner.h"

namespace mr::coordinator {
namespace {

// Before that nobody knows how fast an attempt is.
constexpr double kMinAgeMs = 2000;
constexpr double kMinExpectedMs = 100;
// The last steps of an attempt (sorting, writing back, publishing) have no progress of their own.
constexpr double kMostProgress = 0.9;
// At once, of the tasks of a phase.
constexpr uint32_t kMinBackups = 2;
constexpr uint32_t kTasksPerBackup = 10;
// A task whose backups come to nothing gets no more: whatever it is, it is not its worker.
constexpr uint32_t kMaxBackupsPerTask = 3;

double Milliseconds(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

double Share(uint64_t done, uint64_t total) {
  return total == 0 ? 0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
}

// What is known of a phase's tasks.
struct Norm {
  double median_ms = 0;
  double mean_bytes = 0;
};

std::optional<Norm> NormOf(const JobRun& run, Phase phase) {
  std::vector<uint32_t> durations = (phase == Phase::kMap ? run.map_durations : run.reduce_durations).values();
  if (durations.empty()) return std::nullopt;
  const auto middle = durations.begin() + static_cast<std::ptrdiff_t>(durations.size() / 2);
  std::nth_element(durations.begin(), middle, durations.end());
  const uint64_t bytes = phase == Phase::kMap ? run.input_bytes : run.shuffle_bytes;
  return Norm{static_cast<double>(*middle),
              static_cast<double>(bytes) / static_cast<double>(run.pool.tasks(phase).size())};
}

uint64_t BytesOf(const JobEntry& job, const JobRun& run, const TaskId& task) {
  return task.phase == Phase::kMap ? SplitBytes(job.plan[task.index]) : run.partition_bytes[task.index];
}

double ProgressOf(const JobRun& run, const Attempt& attempt) {
  const double own = Share(attempt.bytes_done, attempt.bytes_total);
  if (attempt.id.task.phase == Phase::kMap) return own;
  const uint64_t bytes = run.partition_bytes[attempt.id.task.index];
  return (own + (bytes == 0 ? 1.0 : Share(attempt.shuffle_bytes_done, bytes))) / 2;
}

uint32_t MostBackups(const JobRun& run, Phase phase) {
  return std::max(kMinBackups, static_cast<uint32_t>(run.pool.tasks(phase).size()) / kTasksPerBackup);
}

struct Straggler {
  TaskId task;
  WorkerId worker;
  double left_ms = 0;         // by its rate; infinite if it does not move
  double times_expected = 0;  // what it has taken, against what such a task takes
};

// How much longer the attempt will take, if that is so much that a backup attempt would be there first.
std::optional<Straggler> Judge(const JobEntry& job, const JobRun& run, const Norm& norm, const Attempt& attempt,
                               Time now) {
  const TaskId& task = attempt.id.task;
  const double age_ms = Milliseconds(now - attempt.able_since);
  if (age_ms < kMinAgeMs || !attempt.acknowledged || attempt.cancelling) return std::nullopt;
  const double size = norm.mean_bytes <= 0 ? 1 : static_cast<double>(BytesOf(job, run, task)) / norm.mean_bytes;
  const double expected_ms = std::max(kMinExpectedMs, norm.median_ms) * std::max(1.0, size);
  const bool stalled = Milliseconds(now - attempt.advanced_at) > std::max(expected_ms, kMinAgeMs);
  const double progress = stalled ? 0 : std::min(kMostProgress, ProgressOf(run, attempt));
  const double left_ms =
      progress > 0 ? age_ms / progress - age_ms : std::numeric_limits<double>::infinity();
  // One that does not move is judged by what it has taken until now.
  const double total_ms = progress > 0 ? age_ms + left_ms : age_ms;
  const double factor = job.spec.config.backup_factor_percent / 100.0;
  if (total_ms <= factor * expected_ms || left_ms <= expected_ms) return std::nullopt;
  return Straggler{task, attempt.worker.worker, left_ms, age_ms / expected_ms};
}

// Nothing of the phase waits, so that a free slot has nothing better to do for it.
bool IsNearItsEnd(const TaskPool& pool, Phase phase) {
  return pool.NoneWaits(phase) && (phase == Phase::kMap || pool.maps_done());
}

std::vector<Straggler> FindStragglers(const JobEntry& job, const JobRun& run, Time now) {
  std::vector<Straggler> found;
  for (const Phase phase : {Phase::kMap, Phase::kReduce}) {
    const std::optional<Norm> norm = NormOf(run, phase);
    if (!norm || run.pool.running_count(phase) == 0 || !IsNearItsEnd(run.pool, phase)) continue;
    for (const TaskId& task : run.pool.running_tasks()) {
      if (task.phase != phase) continue;
      for (const Attempt* attempt : run.pool.Find(task)->Running()) {
        if (const std::optional<Straggler> straggler = Judge(job, run, *norm, *attempt, now)) found.push_back(*straggler);
      }
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Straggler& a, const Straggler& b) { return a.left_ms > b.left_ms; });
  return found;
}

// Whatever has happened since it was chosen.
bool MayBackUp(const JobEntry& job, const JobRun& run, const TaskId& id) {
  const Task& task = *run.pool.Find(id);
  if (run.pool.stopped() || !IsNearItsEnd(run.pool, id.phase)) return false;
  if (task.running.size() != 1 || task.backups() >= kMaxBackupsPerTask) return false;
  if (run.pool.backup_count(id.phase) >= MostBackups(run, id.phase)) return false;
  // One that publishes is all but there; if it dies, the task is pending again.
  return !task.Running()[0]->cancelling && !job.Find(id)->granted;
}

}  // namespace

void CoordinatorCore::LookForStragglers(JobRun& run) {
  if (now_.mono < run.look_for_stragglers_at) return;
  run.look_for_stragglers_at = now_.mono + options_.heartbeat;
  run.stragglers.clear();
  run.slow_workers.clear();
  const JobEntry& job = state_.jobs.at(run.id);
  if (workers_.alive_count() < 2) return;  // nobody else is there
  if (!job.spec.config.backup || job.stage != JobStage::kActive || job.paused() || run.recovering) return;
  for (const Straggler& straggler : FindStragglers(job, run, now_.mono)) {
    run.slow_workers.insert(straggler.worker);
    if (MayBackUp(job, run, straggler.task)) run.stragglers.emplace_back(straggler.task, straggler.times_expected);
  }
}

// The first straggler that this worker may help with.
std::optional<TaskId> CoordinatorCore::NextStraggler(const JobEntry& job, const JobRun& run, const Worker& worker) const {
  if (run.slow_workers.contains(worker.id) && !Mutated(Mutant::kF17BackupBesideTheFirst))
    return std::nullopt;  // it would be none the faster here
  for (const auto& [task, times] : run.stragglers) {
    if (!MayBackUp(job, run, task)) continue;
    if (run.pool.Find(task)->Running()[0]->worker.worker == worker.id && !Mutated(Mutant::kF17BackupBesideTheFirst)) continue;
    if (FailedHere(job.Find(task), worker)) continue;
    return task;
  }
  return std::nullopt;
}

Attempt& CoordinatorCore::StartBackup(JobRun& run, const TaskId& task, const Worker& worker) {
  const auto straggler = std::find_if(run.stragglers.begin(), run.stragglers.end(),
                                      [&](const auto& entry) { return entry.first == task; });
  // In tenths: people are told, not machines.
  const auto tenths = static_cast<uint64_t>(std::min(straggler->second, 1e6) * 10);
  run.Warn(StrCat(ToString(task), " has taken ", tenths / 10, ".", tenths % 10, " times what others take, on ",
                  run.pool.Find(task)->Running()[0]->worker_name, "; a backup attempt runs on ", worker.info.name));
  run.stragglers.erase(straggler);
  return run.pool.StartBackup(task, worker.ref(), worker.info.name, now_);
}

// The task is completed, or its job is lost: whoever else runs it is told to stop.
void CoordinatorCore::AbortSiblings(const AttemptId& decided, const std::string& cause) {
  if (Mutated(Mutant::kF16LoserRunsOn)) return;
  JobRun& run = *FindRun(decided.task.job);
  const bool writes = state_.jobs.at(run.id).publishes(decided.task.phase);
  for (const Attempt* attempt : run.pool.Find(decided.task)->Running()) {
    const AttemptId id = attempt->id;
    if (id == decided) continue;
    if (writes) run.losers.emplace(id, attempt->worker.worker);
    Abort(id, cause);
  }
}

void CoordinatorCore::FindStoppedLosers(const Worker& worker, const wire::ReportRequest& report) {
  const auto named = [&](const AttemptId& id) {
    return std::any_of(report.progress.begin(), report.progress.end(),
                       [&](const wire::AttemptProgress& progress) { return progress.attempt == id; });
  };
  for (const JobId id : active_) {
    JobRun& run = runs_.at(id);
    if (run.losers.empty()) continue;
    std::erase_if(run.losers, [&](const auto& loser) { return loser.second == worker.id && !named(loser.first); });
    OpenFinishIfStopped(run);
  }
}

// The commit of a job removes what is temporary in the output directory. It waits a moment for losers that may be
// writing there, so that nothing of them remains; for one that does not answer it waits no longer.
void CoordinatorCore::OpenFinishIfStopped(JobRun& run) {
  if (!run.open_finish_by || (!run.losers.empty() && now_.mono < *run.open_finish_by)) return;
  run.open_finish_by.reset();
  run.losers.clear();
  run.pool.OpenFinish();
}

}  // namespace mr::coordinator
