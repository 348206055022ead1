// A black hole: a worker on which everything fails at once, so that it takes one task after the other while the others
// are busy. It is quarantined: no tasks for a while, then one at a time as a probe, until one succeeds.
//
// That others do better is what tells it from a job that fails everywhere: another worker has completed a task of the
// same jobs since, or is long past where this one fails.
#include <algorithm>

#include "common/base/mutants.h"
#include "common/base/strings.h"
#include "coordinator/core/coordinator_core.h"
#include "coordinator/core/views.h"

namespace mr::coordinator {
namespace {

constexpr uint32_t kFailuresInRow = 5;
// A failure that took longer swallows no tasks.
constexpr Duration kQuick = std::chrono::seconds(10);
constexpr Duration kMuchLonger = std::chrono::seconds(2);
constexpr Duration kFirstPause = std::chrono::seconds(10);
constexpr Duration kLongestPause = std::chrono::minutes(10);
constexpr Duration kForgotten = std::chrono::hours(1);

// Neither the worker's nor the job's doing, or the job's alone.
bool SaysNothing(wire::FailureCause cause) {
  switch (cause) {
    case wire::FailureCause::kFatal:
    case wire::FailureCause::kBadRecord:
    case wire::FailureCause::kBadParameter:
    case wire::FailureCause::kFetch:
    case wire::FailureCause::kLeaseExpired:
    case wire::FailureCause::kCancelled:
    case wire::FailureCause::kWorkerStopping:
      return true;
    default:
      return false;
  }
}

Duration PauseAfter(uint32_t quarantines) {
  return std::min<Duration>(kFirstPause * (1 << std::min(quarantines, 10u)), kLongestPause);
}

}  // namespace

void CoordinatorCore::NoteSuccess(Worker& worker, JobRun& run) {
  run.NoteSuccess(worker.id, now_.mono);
  worker.failing = {};
  worker.quarantine = {};
}

void CoordinatorCore::NoteFailure(Worker& worker, const Attempt& attempt, const wire::Failure& failure) {
  const Duration took = now_.mono - attempt.assigned_at;
  if (SaysNothing(failure.cause) || took > kQuick) return;
  FailingStreak& failing = worker.failing;
  if (failing.count > 0 && now_.mono - failing.last > kForgotten) failing = {};
  if (failing.count == 0) failing.since = attempt.assigned_at;
  ++failing.count;
  ++failing.by_job[attempt.id.task.job];
  failing.last = now_.mono;
  failing.longest = std::max(failing.longest, took);
  failing.error = DescribeFailure(failure);
  QuarantineIfBlackHole(worker);
}

// Failures of jobs with which other workers do better.
uint32_t CoordinatorCore::FailuresOfItsOwn(const Worker& worker) const {
  uint32_t count = 0;
  for (const auto& [job, failures] : worker.failing.by_job) {
    const auto run = runs_.find(job);
    if (run != runs_.end() && OthersDoBetter(worker, run->second)) count += failures;
  }
  return count;
}

bool CoordinatorCore::OthersDoBetter(const Worker& worker, const JobRun& run) const {
  if (run.SucceededElsewhere(worker.id, worker.failing.since)) return true;
  const Duration much = std::max<Duration>(5 * worker.failing.longest, kMuchLonger);
  for (const TaskId& task : run.pool.running_tasks()) {
    for (const Attempt* attempt : run.pool.Find(task)->Running()) {
      if (attempt->worker.worker != worker.id && attempt->acknowledged && now_.mono - attempt->assigned_at > much)
        return true;
    }
  }
  return false;
}

void CoordinatorCore::QuarantineIfBlackHole(Worker& worker) {
  Quarantine& quarantine = worker.quarantine;
  if (quarantine.until || !worker.alive || worker.failing.count == 0) return;
  // One probe that fails is enough, but it must have been able to succeed.
  const uint32_t enough = quarantine.probing ? quarantine.failures_before + 1 : kFailuresInRow;
  if (worker.failing.count < enough || Mutated(Mutant::kF18BlackHoleGoesOn)) return;
  const uint32_t own = FailuresOfItsOwn(worker);
  if (own < enough || !AnotherIsUsable(worker)) return;
  const Duration pause = PauseAfter(quarantine.times++);
  quarantine.probing = false;
  quarantine.failures_before = own;
  quarantine.until = now_.mono + pause;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(pause).count();
  quarantine.reason = StrCat(worker.failing.count, " attempts in a row failed here at once, while other workers get on; "
                             "it is tried again after ", seconds, " s; the last: ", worker.failing.error);
  for (const auto& [job, failures] : worker.failing.by_job) {
    JobRun* run = FindRun(job);
    if (run != nullptr && active_.contains(job))
      run->Warn(StrCat("worker ", worker.info.name, " is quarantined: ", quarantine.reason));
  }
}

bool CoordinatorCore::AnotherIsUsable(const Worker& worker) const {
  const auto& all = workers_.workers();
  return std::any_of(all.begin(), all.end(),
                     [&](const Worker& other) { return other.id != worker.id && other.usable() && other.trouble.empty(); });
}

// Others may have had their success only since; a pause is over; or nobody else is left.
void CoordinatorCore::ReviewQuarantines() {
  for (Worker& worker : workers_.workers()) {
    Quarantine& quarantine = worker.quarantine;
    if (quarantine.until && Mutated(Mutant::kF19QuarantineForEver)) continue;
    if (quarantine.until && (*quarantine.until <= now_.mono || !AnotherIsUsable(worker))) {
      quarantine.until.reset();
      quarantine.probing = true;
    } else {
      QuarantineIfBlackHole(worker);
    }
  }
}

}  // namespace mr::coordinator
