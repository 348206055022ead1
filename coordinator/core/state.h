// The coordinator's durable state: what the records, applied in order, say. Live operation and
// recovery run the same Apply, so the state after a restart is the state before it. Workers, leases
// and assignments are not here.
//
// Pure values; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/wire/job.h"
#include "common/wire/records.h"

namespace mr::coordinator {

// An attempt that failed by the user's fault.
struct FailedAttempt {
  AttemptId attempt;
  std::string worker_name;
  wire::Failure failure;
  int64_t unix_ms = 0;
  friend bool operator==(const FailedAttempt&, const FailedAttempt&) = default;
};

// The attempt that won a task, and what it made. At most one per task; a map's may be lost again.
struct Completion {
  AttemptId attempt;
  wire::AttemptResult result;  // MapResult or ReduceResult
  wire::Counters counters;
  wire::AttemptTimes times;
  friend bool operator==(const Completion&, const Completion&) = default;
};

struct TaskEntry {
  std::vector<FailedAttempt> failures;  // oldest first
  std::optional<AttemptId> granted;     // may publish; tasks that write output only
  std::optional<Completion> completion;
  bool given_up = false;     // it failed for good, and the job goes on without it
  bool output_lost = false;  // a completed map's output was lost at some time
  friend bool operator==(const TaskEntry&, const TaskEntry&) = default;
};

enum class JobStage : uint8_t { kActive, kFinishing, kEnded };

struct JobEntry {
  JobId id;
  uint64_t client = 0;
  uint64_t request_id = 0;
  int64_t submitted_unix_ms = 0;
  int64_t ended_unix_ms = 0;
  wire::JobSpec spec;
  std::vector<wire::MapWork> plan;  // PlanSplits(spec); one per map task
  std::vector<TaskEntry> maps;
  std::vector<TaskEntry> reduces;
  uint32_t maps_completed = 0;
  uint32_t reduces_completed = 0;
  uint32_t maps_given_up = 0;
  uint32_t reduces_given_up = 0;
  JobStage stage = JobStage::kActive;
  bool success = false;  // from kFinishing on
  bool killed = false;
  std::string reason;
  std::optional<TaskId> paused_by;  // used up its attempts; nothing new starts until the job is changed
  std::string pause_reason;
  std::string left_behind;  // of an ended job: what was not cleaned up
  friend bool operator==(const JobEntry&, const JobEntry&) = default;

  bool paused() const { return stage == JobStage::kActive && paused_by.has_value(); }

  bool map_only() const { return spec.config.reducers == 0; }
  // Of a worker, that one attempt of this phase occupies.
  uint32_t SlotsOf(Phase phase) const { return phase == Phase::kFinish ? 1 : spec.config.slots_per_task; }
  bool maps_done() const { return maps_completed + maps_given_up == maps.size(); }
  bool reduces_done() const { return reduces_completed + reduces_given_up == reduces.size(); }
  bool all_done() const { return maps_done() && reduces_done(); }
  // Completed map outputs must stay where they are: some reduce may still fetch them.
  bool needs_map_outputs() const {
    return stage == JobStage::kActive && !map_only() && !reduces_done();
  }
  // Tasks of this phase write job output, so they need a commit grant.
  bool publishes(Phase phase) const {
    return phase == Phase::kReduce || (phase == Phase::kMap && map_only());
  }
  // Tasks of the phase that may be given up altogether.
  uint32_t may_fail(Phase phase) const;
  // This task may be given up. Not a map whose output was there once: some reduces may have used it.
  bool CanGiveUp(const TaskId& task) const;
  // Null for the finish task and for an index that does not exist.
  const TaskEntry* Find(const TaskId& task) const;
  TaskEntry* Find(const TaskId& task);
};

struct State {
  std::map<std::string, uint64_t> plugins;  // sha256 -> bytes
  std::map<JobId, JobEntry> jobs;
  std::map<std::pair<uint64_t, uint64_t>, JobId>
      by_request;  // (client, request id), while in history
  uint64_t last_job = 0;
  friend bool operator==(const State&, const State&) = default;

  const JobEntry* Find(JobId job) const;
  const TaskEntry* Find(const TaskId& task) const;
};

// May this record follow `state`? Live operation checks its own records with it (a refusal is a
// bug); recovery stops at a record that is refused. Errors: kInternal naming the record and the
// rule.
Status Validate(const State& state, const wire::Record& record);
// Changes `state`. Only for records that Validate accepted.
void Apply(State& state, const wire::Record& record);

// The whole state in bytes, for a snapshot of the log: the fewest records that lead to it. Equal states give equal
// bytes.
std::string EncodeState(const State& state);
// Errors: kDataLoss or kInternal saying what cannot be understood.
Result<State> DecodeState(std::string_view bytes);

}  // namespace mr::coordinator
