// The names of things: typed identifiers, printed the same on screen, on disk and in logs.
//
//   JobId j42    TaskId j42-m107 / j42-r3 / j42-c0    AttemptId j42-m107.2    WorkerRef w4@5
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace mr {

// One distinct integer type per kind of id; no arithmetic, no implicit conversion.
template <class Tag>
struct StrongId {
  uint64_t value = 0;  // 0 = none
  friend auto operator<=>(const StrongId&, const StrongId&) = default;
};
using JobId = StrongId<struct JobTag>;
using WorkerId = StrongId<struct WorkerTag>;    // numbered by the coordinator, one per worker name
using SessionId = StrongId<struct SessionTag>;  // one per registration of a worker process

// Index of a partition of the key space, 0 … reducers-1.
struct PartitionIndex {
  uint32_t value = 0;
  friend auto operator<=>(const PartitionIndex&, const PartitionIndex&) = default;
};

// A job is map tasks, then reduce tasks, then one finish task (writes the manifest, or cleans up).
enum class Phase : uint8_t { kMap = 0, kReduce = 1, kFinish = 2 };
std::string_view PhaseName(Phase phase);  // "map", "reduce", "finish"

struct TaskId {
  JobId job;
  Phase phase = Phase::kMap;
  uint32_t index = 0;
  friend auto operator<=>(const TaskId&, const TaskId&) = default;
};

// One execution of a task. Never reused: `number` grows per task, and `epoch` (of the coordinator that
// handed it out) fences attempts that outlive a coordinator. Printed without the epoch.
struct AttemptId {
  TaskId task;
  uint32_t number = 0;
  uint64_t epoch = 0;
  friend auto operator<=>(const AttemptId&, const AttemptId&) = default;
};

// A worker in one of its sessions.
struct WorkerRef {
  WorkerId worker;
  SessionId session;
  friend auto operator<=>(const WorkerRef&, const WorkerRef&) = default;
};

std::string ToString(JobId id);
std::string ToString(const TaskId& id);
std::string ToString(const AttemptId& id);
std::string ToString(WorkerId id);
std::string ToString(const WorkerRef& ref);

// What a user may type. Errors: kInvalidArgument with an example of the right form.
Result<JobId> ParseJobId(std::string_view text);
Result<TaskId> ParseTaskId(std::string_view text);
Result<AttemptId> ParseAttemptId(std::string_view text);  // epoch is left 0

}  // namespace mr

template <class Tag>
struct std::hash<mr::StrongId<Tag>> {
  size_t operator()(const mr::StrongId<Tag>& id) const noexcept { return std::hash<uint64_t>{}(id.value); }
};
