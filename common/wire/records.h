// Records: the durable changes of the coordinator's state. The coordinator validates and applies them
// (coordinator/core); this is only their shape.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "common/base/ids.h"
#include "common/wire/fields.h"
#include "common/wire/job.h"

namespace mr::wire {

struct PluginStored {
  static constexpr uint8_t kTag = 1;
  std::string sha256;
  uint64_t size_bytes = 0;
  MR_FIELDS(PluginStored, sha256, size_bytes)
};

struct JobSubmitted {
  static constexpr uint8_t kTag = 2;
  JobId job;
  uint64_t client = 0;  // with request_id: a resubmission after a lost answer finds the same job
  uint64_t request_id = 0;
  int64_t unix_ms = 0;
  JobSpec spec;
  MR_FIELDS(JobSubmitted, job, client, request_id, unix_ms, spec)
};

struct MapCompleted {
  static constexpr uint8_t kTag = 3;
  AttemptId attempt;
  WorkerRef worker;
  MapResult result;
  Counters counters;
  AttemptTimes times;
  MR_FIELDS(MapCompleted, attempt, worker, result, counters, times)
};

// A completed map's output can no longer be fetched: the task runs again.
struct MapOutputLost {
  static constexpr uint8_t kTag = 4;
  AttemptId attempt;
  std::string reason;
  MR_FIELDS(MapOutputLost, attempt, reason)
};

// This attempt, and no other, may publish the task's output.
struct CommitGrantedRecord {
  static constexpr uint8_t kTag = 5;
  AttemptId attempt;
  WorkerRef worker;
  MR_FIELDS(CommitGrantedRecord, attempt, worker)
};

// The granted attempt was declared dead before it reported: the grant may go to another.
struct CommitRevoked {
  static constexpr uint8_t kTag = 6;
  AttemptId attempt;
  MR_FIELDS(CommitRevoked, attempt)
};

struct ReduceCommitted {
  static constexpr uint8_t kTag = 7;
  AttemptId attempt;
  ReduceResult result;
  Counters counters;
  AttemptTimes times;
  MR_FIELDS(ReduceCommitted, attempt, result, counters, times)
};

// Counted against max_attempts.
struct AttemptFailed {
  static constexpr uint8_t kTag = 8;
  AttemptId attempt;
  std::string worker_name;
  Failure failure;
  int64_t unix_ms = 0;
  MR_FIELDS(AttemptFailed, attempt, worker_name, failure, unix_ms)
};

// A task has used up its attempts, and the job goes on without it (JobConfig::max_failed_permille).
struct TaskGivenUp {
  static constexpr uint8_t kTag = 14;
  TaskId task;
  MR_FIELDS(TaskGivenUp, task)
};

// From here on the finish task runs; `success` says which way.
struct JobFinishing {
  static constexpr uint8_t kTag = 9;
  JobId job;
  bool success = false;
  bool killed = false;
  std::string reason;
  MR_FIELDS(JobFinishing, job, success, killed, reason)
};

struct JobEnded {
  static constexpr uint8_t kTag = 10;
  JobId job;
  int64_t unix_ms = 0;
  std::string left_behind;  // what was not cleaned up, and why: a sentence; empty: nothing
  MR_FIELDS(JobEnded, job, unix_ms, left_behind)
};

struct HistoryExpired {
  static constexpr uint8_t kTag = 11;
  JobId job;
  MR_FIELDS(HistoryExpired, job)
};

// A task has used up its attempts and the job is to wait for its user (JobConfig::on_failure): no task starts until
// JobChanged brings a new plugin. Running attempts go on.
struct JobPaused {
  static constexpr uint8_t kTag = 12;
  JobId job;
  TaskId task;
  std::string reason;
  MR_FIELDS(JobPaused, job, task, reason)
};

// A user has changed a job that has not ended. What is absent stays as it is.
struct JobChanged {
  static constexpr uint8_t kTag = 13;
  JobId job;
  // Attempts that start from now on use this plugin; failed attempts of tasks that are not completed are forgotten,
  // and a paused job goes on.
  std::optional<std::string> plugin_sha256;
  std::string plugin_name;  // with plugin_sha256
  std::optional<uint32_t> max_running;
  PluginBuild plugin_build;  // with plugin_sha256
  MR_FIELDS(JobChanged, job, plugin_sha256, plugin_name, max_running, plugin_build)
};

// No job names the plugin any more, and somebody cleared up. Its bytes go when this is durable.
struct PluginRemoved {
  static constexpr uint8_t kTag = 15;
  std::string sha256;
  MR_FIELDS(PluginRemoved, sha256)
};

using RecordBody = std::variant<PluginStored, JobSubmitted, MapCompleted, MapOutputLost, CommitGrantedRecord,
                                CommitRevoked, ReduceCommitted, AttemptFailed, JobFinishing, JobEnded, HistoryExpired,
                                TaskGivenUp, JobPaused, JobChanged, PluginRemoved>;
struct Record {
  RecordBody body;
  MR_FIELDS(Record, body)
};

}  // namespace mr::wire
