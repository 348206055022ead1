// Task processes, modelled: how long they take, what they read and write, and how they fail.
#include <algorithm>
#include <csignal>
#include <numeric>

#include "common/abi/mr_abi.h"
#include "common/base/strings.h"
#include "test/sim/worker_node.h"

namespace mr::sim {

using std::chrono::milliseconds;

namespace {

constexpr uint32_t kFetchTries = 3;
constexpr Duration kFetchTimeout = std::chrono::seconds(2);
constexpr int kSteps = 4;

}  // namespace

Duration WorkerNode::Time(Duration ordinary) {
  const Duration time = world_.Uniform(ordinary / 10, ordinary);
  return slow_ && around_.chaos() ? 10 * time : time;
}

void WorkerNode::RunTask(uint32_t slot) {
  const TaskProcess& task = tasks_[slot];
  const auto go_on = [&](Duration after, void (WorkerNode::*step)(uint32_t)) {
    world_.After(after, task.life, [this, slot, step] { (this->*step)(slot); });
  };
  const wire::Work& work = task.assignment->work;
  if (std::holds_alternative<wire::MapWork>(work)) return go_on(Time(options_.task_time) / kSteps, &WorkerNode::RunMap);
  if (std::holds_alternative<wire::ReduceWork>(work)) return go_on(milliseconds(1), &WorkerNode::FetchNext);
  go_on(Time(milliseconds(50)), &WorkerNode::RunFinish);
}

void WorkerNode::RunFinish(uint32_t slot) {
  const wire::Assignment& assignment = *tasks_[slot].assignment;
  const bool fails = around_.chaos() && world_.random().Chance(options_.finish_error);
  const auto stop = fails ? static_cast<OutputFiles::Stop>(1 + world_.random().Below(3)) : OutputFiles::Stop::kNever;
  around_.output_files().Finish(assignment.attempt.task.job, std::get<wire::FinishWork>(assignment.work), stop);
  if (fails) return FailTask(slot, wire::FailureCause::kIo, "the output file system is sick");
  Succeed(slot, wire::FinishResult{});
}

// The output of a finished map of an earlier job gets this attempt's name.
bool WorkerNode::TakeOver(uint32_t slot) {
  const wire::Assignment& assignment = *tasks_[slot].assignment;
  if (!assignment.earlier) return false;
  const auto found = run_files_.find(assignment.earlier->attempt);
  if (found == run_files_.end()) return false;
  world_.Note(StrCat("  ", endpoint_, ": ", ToString(assignment.attempt), " takes over what ",
                     ToString(found->first), " wrote"));
  run_files_[assignment.attempt] = found->second;
  run_files_.erase(found);
  wire::AttemptResult result(assignment.earlier->result);
  Succeed(slot, std::move(result));
  return true;
}

void WorkerNode::RunMap(uint32_t slot) {
  TaskProcess& task = tasks_[slot];
  Random& random = world_.random();
  const wire::Assignment& assignment = *task.assignment;
  const AttemptId attempt = assignment.attempt;
  if (TakeOver(slot)) return;
  if (around_.chaos() && random.Chance(options_.hang / kSteps)) return;  // no beat, no end: killed for that
  ++task.beat;
  task.bytes_done += 100 / kSteps;
  if (task.bytes_done < 100) {
    world_.After(Time(options_.task_time) / kSteps, task.life, [this, slot] { RunMap(slot); });
    return;
  }
  if (around_.IsPoisoned(assignment)) return FailTask(slot, wire::FailureCause::kException, "poisoned record");
  if (around_.chaos() && random.Chance(options_.user_failure)) {
    if (random.Chance(0.5)) return KillProcess(slot, {}, SIGSEGV, MR_PHASE_MAP);
    return FailTask(slot, wire::FailureCause::kException, "bad luck");
  }
  if (scratch_full_ || (around_.chaos() && random.Chance(options_.disk_full)))
    return FailTask(slot, wire::FailureCause::kDiskFull, "no space left in scratch");
  if (assignment.config.reducers == 0) {
    task.maps_read = {attempt.task.index};
    return WriteOutput(slot);
  }
  run_files_[attempt] = false;
  const uint32_t reducers = assignment.config.reducers;
  wire::MapResult result;
  result.output_bytes = 10 * reducers;
  result.partition_bytes.assign(reducers, 10);
  result.partition_records.assign(reducers, 1);
  result.partition_digests.assign(reducers, attempt.task.index + 1);
  Succeed(slot, std::move(result));
}

void WorkerNode::LearnSources(TaskProcess& task, const std::vector<wire::MapOutput>& sources, bool complete) {
  for (const wire::MapOutput& source : sources) {
    const uint32_t map = source.attempt.task.index;
    if (std::find(task.maps_read.begin(), task.maps_read.end(), map) == task.maps_read.end()) task.sources[map] = source;
  }
  task.sources_complete = complete;
}

void WorkerNode::FetchNext(uint32_t slot) {
  TaskProcess& task = tasks_[slot];
  ++task.beat;
  if (task.sources.empty()) {
    if (!task.sources_complete) {
      task.waits_for_sources = true;
      return;
    }
    const AttemptId attempt = task.assignment->attempt;
    std::sort(task.maps_read.begin(), task.maps_read.end());
    world_.After({}, life_, [this, slot, attempt] { Feed(worker::TaskFetchedSources{slot, attempt}); });
    world_.After(Time(options_.task_time), task.life, [this, slot] { WriteOutput(slot); });
    return;
  }
  const wire::MapOutput source = task.sources.begin()->second;
  const Surroundings::Fetched fetched = around_.Fetch(host_, source.endpoint, source.attempt);
  if (fetched == Surroundings::Fetched::kWhole) {
    task.maps_read.push_back(source.attempt.task.index);
    task.sources.erase(source.attempt.task.index);
    task.fetch_tries = 0;
    world_.After(Time(milliseconds(20)), task.life, [this, slot] { FetchNext(slot); });
  } else if (fetched == Surroundings::Fetched::kSilence && ++task.fetch_tries < kFetchTries) {
    world_.After(kFetchTimeout, task.life, [this, slot] { FetchNext(slot); });
  } else {
    const ErrorCode code = fetched == Surroundings::Fetched::kNotThere  ? ErrorCode::kNotFound
                           : fetched == Surroundings::Fetched::kDamaged ? ErrorCode::kDataLoss
                                                                        : ErrorCode::kUnavailable;
    FailTask(slot, wire::FailureCause::kFetch, StrCat("cannot fetch from ", source.endpoint), source.attempt,
             std::string(ErrorCodeName(code)));
  }
}

void WorkerNode::WriteOutput(uint32_t slot) {
  TaskProcess& task = tasks_[slot];
  ++task.beat;
  around_.output_files().WriteTemporary(task.assignment->attempt, task.maps_read);
  // Synced; now the wait for leave to publish.
  world_.After(Time(milliseconds(20)), task.life, [this, slot, attempt = task.assignment->attempt] {
    world_.After({}, life_, [this, slot, attempt] { Feed(worker::TaskWantedCommit{slot, attempt}); });
  });
}

void WorkerNode::Publish(uint32_t slot) {
  TaskProcess& task = tasks_[slot];
  const AttemptId attempt = task.assignment->attempt;
  if (around_.chaos() && world_.random().Chance(options_.publish_error))
    return FailTask(slot, wire::FailureCause::kIo, "rename failed");
  if (!around_.WasGranted(attempt)) world_.Blame(StrCat(ToString(attempt), " publishes without leave"));
  const wire::OutputFile* file = around_.output_files().Publish(attempt);
  if (file == nullptr) return FailTask(slot, wire::FailureCause::kIo, "the temporary file is gone");
  world_.After(world_.Uniform(milliseconds(1), milliseconds(100)), task.life, [this, slot, file = *file, attempt] {
    if (attempt.task.phase == Phase::kMap) {
      wire::MapResult result;
      result.files = {file};
      return Succeed(slot, std::move(result));
    }
    Succeed(slot, wire::ReduceResult{{file}, {}});
  });
}

void WorkerNode::Succeed(uint32_t slot, wire::AttemptResult result) {
  wire::AttemptOutcome outcome;
  outcome.result = std::move(result);
  outcome.counters = {{"records", 5}};
  Report(slot, std::move(outcome));
}

void WorkerNode::FailTask(uint32_t slot, wire::FailureCause cause, const std::string& message,
                          std::optional<AttemptId> source, const std::string& type) {
  wire::AttemptOutcome outcome;
  wire::Failure failure;
  failure.cause = cause;
  failure.type = type;
  failure.message = message;
  failure.failed_source = source;
  outcome.failure = std::move(failure);
  Report(slot, std::move(outcome));
}

void WorkerNode::Report(uint32_t slot, wire::AttemptOutcome outcome) {
  TaskProcess& task = tasks_[slot];
  outcome.attempt = task.assignment->attempt;
  task.assignment.reset();
  // Over the worker's own queue: it may be about to be killed.
  world_.After(milliseconds(1), life_, [this, slot, life = task.life, outcome = std::move(outcome)] {
    if (tasks_[slot].life != life) return;
    Feed(worker::TaskReported{slot, outcome, ""});
  });
}

}  // namespace mr::sim
