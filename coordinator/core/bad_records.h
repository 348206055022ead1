// Records that a task leaves out (--skip-bad-records), and what is told of them. All of it follows from the failures
// that are recorded, so there is nothing more to make durable. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "common/wire/job.h"
#include "coordinator/core/state.h"

namespace mr::coordinator {

inline constexpr uint32_t kMaxSkipBadRecords = 100;      // of a task: each costs a failed attempt, or two
inline constexpr uint32_t kMaxBadRecordsPerJob = 10'000;  // what the finish task writes down must fit in one message

struct BadRecords {
  std::vector<wire::BadRecord> skip;          // what the task's next attempts leave out, in the order of discovery
  std::vector<const FailedAttempt*> charged;  // of the task's failures, those that count against max_attempts
  bool newest_charged = false;                // the last failure is among them
  bool used_up = false;                       // a further record was at fault, but no more may be left out
};

// mr::BadRecord condemns its record at once; an exception, a crash, the memory limit or a time-out does so when it
// strikes a second attempt at the same record.
BadRecords FindBadRecords(const wire::JobConfig& config, const TaskEntry& task);

// Records that attempts of the job are told to leave out, over all tasks.
uint32_t CountBadRecords(const JobEntry& job);

// What the completed tasks left out, as JSON lines, a file per task; and how many records that are.
std::vector<wire::BadRecordFile> BadRecordFiles(const JobEntry& job);
uint64_t CountSkipped(const JobEntry& job);

}  // namespace mr::coordinator
