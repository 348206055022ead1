// How attempts end: completed, failed (the user's fault), aborted (ours); and how map outputs are
// lost.
#include <algorithm>

#include "common/base/logging.h"
#include "common/base/mutants.h"
#include "common/base/strings.h"
#include "coordinator/core/bad_records.h"
#include "coordinator/core/coordinator_core.h"
#include "coordinator/core/describe.h"
#include "coordinator/core/views.h"

namespace mr::coordinator {
namespace {

// A task whose attempts were aborted so often by our own errors ends its job: something is wrong
// for good.
constexpr uint32_t kMaxTrouble = 10;
// Fetches fail whenever workers come and go, which mends itself by making outputs anew: more
// patience.
constexpr uint32_t kMaxFetchTrouble = 50;
// Reduce attempts that must fail to fetch an output from a live worker before the output counts as
// lost.
constexpr size_t kFetchReports = 3;
constexpr Duration kFirstBackoff = std::chrono::milliseconds(100);
constexpr Duration kMaxBackoff = std::chrono::seconds(5);

bool IsUsersFault(wire::FailureCause cause) { return cause <= wire::FailureCause::kBadParameter; }

bool IsFatal(wire::FailureCause cause) {
  return cause >= wire::FailureCause::kFatal && cause <= wire::FailureCause::kBadParameter;
}

// What a task's own code or input can cause; the others would strike every task.
bool IsTasksOwn(wire::FailureCause cause) {
  return !IsFatal(cause) || cause == wire::FailureCause::kBadInput;
}

// A new plugin may help: not so where the job itself names an input that has changed, or a wrong parameter.
bool CanBeMended(wire::FailureCause cause) {
  return cause != wire::FailureCause::kBadInput && cause != wire::FailureCause::kBadParameter;
}

// Errors of ours that may come back: these wait before the next try, and their number is limited.
bool IsTrouble(wire::FailureCause cause) {
  return cause == wire::FailureCause::kFetch || cause == wire::FailureCause::kDiskFull ||
         cause == wire::FailureCause::kIo || cause == wire::FailureCause::kInternal;
}

std::string NoMoreSkips(const wire::JobConfig& config) {
  return StrCat("; ", Counted(config.skip_bad_records, "bad record"),
                " of the task had been left out before, as many as --skip-bad-records ", config.skip_bad_records, " allows");
}

Duration Backoff(uint32_t trouble) {
  const uint32_t doublings = std::min(trouble == 0 ? 0 : trouble - 1, 10u);
  return std::min<Duration>(kFirstBackoff * (1 << doublings), kMaxBackoff);
}

}  // namespace

void CoordinatorCore::TakeOutcome(Worker& worker, const wire::AttemptOutcome& outcome) {
  const AttemptId& id = outcome.attempt;
  if (RunsHere(worker, id)) {
    JobRun& run = *FindRun(id.task.job);
    run.CountCost(outcome.times);
    run.Changed();
    if (run.pool.Find(id)->cancelling) {
      Abort(id, "its job was over");
    } else if (outcome.result) {
      TakeResult(worker, outcome);
    } else {
      TakeFailure(worker, outcome);
    }
  }
  // Stale, a repetition of what was recorded, or too late: a map output that did not win is garbage.
  const JobEntry* job = state_.Find(id.task.job);
  const bool made_output = outcome.result && std::holds_alternative<wire::MapResult>(*outcome.result) &&
                           (job == nullptr || !job->map_only());
  if (made_output && !worker.map_outputs.contains(id) && !worker.kept_outputs.contains(id))
    worker.drop_outputs.Add(id);
}

void CoordinatorCore::TakeResult(Worker& worker, const wire::AttemptOutcome& outcome) {
  const AttemptId& id = outcome.attempt;
  const JobEntry& job = state_.jobs.at(id.task.job);
  const auto* map = std::get_if<wire::MapResult>(&*outcome.result);
  const auto* reduce = std::get_if<wire::ReduceResult>(&*outcome.result);
  const bool granted = !job.publishes(id.task.phase) || job.Find(id.task)->granted == id ||
                       Mutated(Mutant::kF03ResultWithoutGrant);
  const auto may_leave_out = [&](const std::vector<wire::BadRecord>& skipped) {
    return skipped.size() <= job.spec.config.skip_bad_records;
  };
  const bool map_fits = map != nullptr && id.task.phase == Phase::kMap && may_leave_out(map->skipped) &&
                        (job.map_only() || map->partition_bytes.size() == job.reduces.size());
  const bool reduce_fits = reduce != nullptr && id.task.phase == Phase::kReduce && may_leave_out(reduce->skipped);
  if (map_fits && granted) {
    TakeMap(worker, outcome, *map);
  } else if (reduce_fits && granted) {
    TakeReduce(outcome, *reduce);
  } else if (std::holds_alternative<wire::FinishResult>(*outcome.result) &&
             id.task.phase == Phase::kFinish) {
    FindRun(id.task.job)->pool.Complete(id, now_.unix_ms);
    Forget(id);
    ++worker.tasks_completed;
    EndJob(id.task.job);
  } else {
    wire::AttemptOutcome broken = outcome;
    broken.result.reset();
    broken.failure = wire::Failure{};
    broken.failure->message = granted
                                  ? "the worker's result does not fit the task"
                                  : "the worker reported an output that it had no leave to publish";
    TakeFailure(worker, broken);
  }
}

void CoordinatorCore::TakeMap(Worker& worker, const wire::AttemptOutcome& outcome,
                              const wire::MapResult& result) {
  const AttemptId& id = outcome.attempt;
  JobRun& run = *FindRun(id.task.job);
  const JobEntry& job = state_.jobs.at(id.task.job);
  Commit(wire::MapCompleted{id, worker.ref(), result, outcome.counters, outcome.times});
  run.pool.Complete(id, now_.unix_ms);
  run.CountMap(job, id.task.index, *job.maps[id.task.index].completion);
  Forget(id);
  AbortSiblings(id, "another attempt of the task was first");
  NoteSuccess(worker, run);
  ++worker.tasks_completed;
  if (job.needs_map_outputs()) {
    run.pool.Find(id.task)->output_at = worker.id;
    worker.map_outputs.insert(id);
    NoteSource(run, id.task.index);
  }
  FinishIfDone(id.task.job);
}

void CoordinatorCore::TakeReduce(const wire::AttemptOutcome& outcome,
                                 const wire::ReduceResult& result) {
  const AttemptId& id = outcome.attempt;
  JobRun& run = *FindRun(id.task.job);
  Commit(wire::ReduceCommitted{id, result, outcome.counters, outcome.times});
  run.pool.Complete(id, now_.unix_ms);
  run.CountReduce(*state_.Find(id.task)->completion);
  Worker& worker = *workers_.Find(run.pool.Find(id)->worker.worker);
  ++worker.tasks_completed;
  NoteSuccess(worker, run);
  Forget(id);
  AbortSiblings(id, "another attempt of the task was first");
  FinishIfDone(id.task.job);
}

void CoordinatorCore::TakeFailure(Worker& worker, const wire::AttemptOutcome& outcome) {
  const AttemptId& id = outcome.attempt;
  wire::Failure failure = outcome.failure.value_or(wire::Failure{});
  if (!outcome.failure) failure.message = "the worker reported an end without a result";
  NoteFailure(worker, *FindRun(id.task.job)->pool.Find(id), failure);
  // User code does not run in the finish task: whatever happens there is ours.
  if (IsUsersFault(failure.cause) && id.task.phase != Phase::kFinish)
    return FailAttempt(worker, id, failure);
  ++worker.tasks_failed;
  JobRun& run = *FindRun(id.task.job);
  const std::string text = DescribeFailure(failure);
  const bool trouble = IsTrouble(failure.cause) || id.task.phase == Phase::kFinish;
  if (!trouble) return Abort(id, text);

  run.Warn(StrCat(ToString(id), " on ", worker.info.name, ": ", text));
  const uint32_t times = ++run.pool.Find(id.task)->trouble;
  Abort(id, text, now_.mono + Backoff(times));
  if (failure.cause == wire::FailureCause::kFetch) TakeFetchFailure(id, failure);
  if (times < (failure.cause == wire::FailureCause::kFetch ? kMaxFetchTrouble : kMaxTrouble))
    return;
  if (!run.pool.Find(id.task)->running.empty()) return;  // another attempt may still complete it
  if (state_.jobs.at(id.task.job).stage == JobStage::kActive) {
    wire::FailureReport report;
    report.attempt = id;
    report.worker_name = worker.info.name;
    report.attempts_failed = times;
    report.failure = std::move(failure);
    run.failure = std::move(report);
  }
  FailJob(id.task.job, id.task,
          StrCat(ToString(id.task), " was stopped ", times,
                 " times by errors that are not the job's own; the last: ", text));
}

void CoordinatorCore::FailAttempt(Worker& worker, const AttemptId& id,
                                  const wire::Failure& failure) {
  JobRun& run = *FindRun(id.task.job);
  const JobEntry& job = state_.jobs.at(id.task.job);
  const TaskEntry& entry = *job.Find(id.task);
  if (entry.granted == id) Commit(wire::CommitRevoked{id});
  Commit(wire::AttemptFailed{id, worker.info.name, failure, now_.unix_ms});
  const std::string text = DescribeFailure(failure);
  run.pool.End(id, wire::AttemptState::kFailed, text, now_.unix_ms);
  Forget(id);
  ++worker.tasks_failed;
  const BadRecords bad = FindBadRecords(job.spec.config, entry);
  if (!bad.newest_charged) return LeaveOut(id, worker, text);
  ++run.failures_at[worker.id];
  const uint32_t times = static_cast<uint32_t>(bad.charged.size());
  const uint32_t limit = job.spec.config.max_attempts;
  // One worker may lack what the others have.
  const bool once_more = failure.cause == wire::FailureCause::kBadInput && AnotherMayRead(job, run, id.task, worker);
  if ((!IsFatal(failure.cause) || once_more) && times < limit) {
    run.Warn(StrCat(ToString(id), " failed on ", worker.info.name, " (", times, " of ", limit,
                    "): ", text));
    return;
  }
  if (!run.pool.Find(id.task)->running.empty()) {
    // The task's other attempt may still complete it, unless what has happened would strike every task.
    if (IsTasksOwn(failure.cause)) {
      return run.Warn(StrCat(ToString(id), " failed on ", worker.info.name, " for good, but another attempt of the task "
                             "runs: ", text));
    }
    AbortSiblings(id, "another attempt of the task failed for good");
  }
  if (GiveUp(id.task, failure)) return;
  if (!run.failure) run.failure = MakeFailureReport(entry);
  const std::string how = IsFatal(failure.cause)
                              ? std::string(" failed: ")
                              : StrCat(" failed ", times, times == 1 ? " time" : " times",
                                       " (--max-attempts ", limit, "): ");
  const std::string reason = StrCat(ToString(id.task), how, text, bad.used_up ? NoMoreSkips(job.spec.config) : "");
  const bool pauses = job.spec.config.on_failure == wire::OnFailure::kPause && job.stage == JobStage::kActive &&
                      CanBeMended(failure.cause);
  if (pauses) return PauseJob(id.task.job, id.task, reason);
  run.failure = MakeFailureReport(entry);
  FailJob(id.task.job, id.task, reason);
}

// The record is to blame, not the attempt: the next one leaves it out.
void CoordinatorCore::LeaveOut(const AttemptId& id, const Worker& worker, const std::string& error) {
  JobRun& run = *FindRun(id.task.job);
  const JobEntry& job = state_.jobs.at(id.task.job);
  const size_t count = FindBadRecords(job.spec.config, *job.Find(id.task)).skip.size();
  run.Warn(StrCat(ToString(id), " failed on ", worker.info.name, " at a bad record, which is left out from now on (",
                  count, " of at most ", job.spec.config.skip_bad_records, "): ", error));
  if (CountBadRecords(job) <= kMaxBadRecordsPerJob) return;
  run.failure = MakeFailureReport(*job.Find(id.task));
  FailJob(id.task.job, id.task,
          StrCat("more than ", FormatCount(kMaxBadRecordsPerJob), " records of all its tasks are bad, which no "
                 "--skip-bad-records covers: let map() count such records and return; the last: ", error));
}

bool CoordinatorCore::GiveUp(const TaskId& task, const wire::Failure& failure) {
  const JobEntry& job = state_.jobs.at(task.job);
  if (job.stage != JobStage::kActive || !IsTasksOwn(failure.cause) || !job.CanGiveUp(task))
    return false;
  JobRun& run = *FindRun(task.job);
  const size_t times = job.Find(task)->failures.size();
  Commit(wire::TaskGivenUp{task});
  run.pool.GiveUp(task);
  if (task.phase == Phase::kMap) NoteSource(run, task.index);
  run.Warn(StrCat(ToString(task), " is given up after ", times, times == 1 ? " failure" : " failures",
                  " (", run.pool.given_up_count(task.phase), " of at most ", job.may_fail(task.phase),
                  " ", PhaseName(task.phase), " tasks): ", DescribeFailure(failure)));
  FinishIfDone(task.job);
  return true;
}

void CoordinatorCore::TakeFetchFailure(const AttemptId& reporter, const wire::Failure& failure) {
  if (!failure.failed_source || failure.failed_source->task.job != reporter.task.job) return;
  const AttemptId& source = *failure.failed_source;
  const TaskEntry* entry = state_.Find(source.task);
  // Lost already, or made anew since.
  if (entry == nullptr || !entry->completion || entry->completion->attempt != source) return;
  Task& task = *FindRun(source.task.job)->pool.Find(source.task);
  task.fetch_reports.insert(reporter);
  const Worker* holder = workers_.Find(task.output_at);
  // The holder itself says that it is not there, or its bytes are damaged: asking again would not help.
  const bool denied = failure.type == ErrorCodeName(ErrorCode::kNotFound) ||
                      failure.type == ErrorCodeName(ErrorCode::kDataLoss);
  const bool awaited = FindRun(source.task.job)->pool.unplaced().contains(source.task.index);
  if (awaited) return;  // the coordinator was restarted, and the holder may come back
  if (denied || holder == nullptr || !holder->alive) {
    LoseOutput(source, "its worker does not have it");
  } else if (task.fetch_reports.size() >= kFetchReports) {
    LoseOutput(source, StrCat(task.fetch_reports.size(), " reduces could not fetch it"));
  }
}

void CoordinatorCore::LoseOutput(const AttemptId& id, const std::string& reason) {
  JobRun& run = *FindRun(id.task.job);
  const JobEntry& job = state_.jobs.at(id.task.job);
  if (Worker* holder = workers_.Find(run.pool.Find(id.task)->output_at)) {
    holder->map_outputs.erase(id);
    if (holder->alive) holder->drop_outputs.Add(id);
  }
  if (!Mutated(Mutant::kF06LostMapStaysCounted))
    run.UncountMap(job, id.task.index, *job.maps[id.task.index].completion);
  Commit(wire::MapOutputLost{id, reason});
  run.pool.LoseOutput(id);
  if (!Mutated(Mutant::kF20LostSourceIsNotTold)) NoteSource(run, id.task.index);
  run.pool.Find(id)->cause = reason;
  run.Changed();
}

void CoordinatorCore::Abort(const AttemptId& id, const std::string& cause,
                            std::optional<Time> retry_at) {
  JobRun& run = *FindRun(id.task.job);
  const JobEntry& job = state_.jobs.at(id.task.job);
  const TaskEntry* entry = job.Find(id.task);
  if (job.stage == JobStage::kActive && entry != nullptr && entry->granted == id &&
      !Mutated(Mutant::kF02GrantOutlivesItsAttempt))
    Commit(wire::CommitRevoked{id});
  run.pool.End(id, wire::AttemptState::kAborted, cause, now_.unix_ms, retry_at);
  Forget(id);
  run.Changed();
  OpenCleanupIfQuiet(run);
}

void CoordinatorCore::Forget(const AttemptId& id) {
  const Attempt& attempt = *FindRun(id.task.job)->pool.Find(id);
  Worker* worker = workers_.Find(attempt.worker.worker);
  if (worker != nullptr && worker->running.erase(id) > 0)
    worker->busy_slots -= state_.jobs.at(id.task.job).SlotsOf(id.task.phase);
  if (id.task.phase == Phase::kMap) ForgetEarlier(*FindRun(id.task.job), id.task.index);
}

}  // namespace mr::coordinator
