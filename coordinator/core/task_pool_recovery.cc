// The task pool after a restart of the coordinator: what the durable state says, and what workers bring with them.
#include <algorithm>
#include <utility>

#include "common/base/logging.h"
#include "coordinator/core/task_pool.h"

namespace mr::coordinator {
namespace {

constexpr const char* kUnknown = "of an earlier life of the coordinator; how it ended is not known";

}  // namespace

// Numbers that earlier lives may have given away.
void TaskPool::FillUp(Task& task, const TaskId& id, uint32_t count) {
  while (task.attempts.size() < count) {
    Attempt attempt;
    attempt.id = {id, static_cast<uint32_t>(task.attempts.size()), 0};
    attempt.state = wire::AttemptState::kAborted;
    attempt.acknowledged = true;
    attempt.cause = kUnknown;
    task.attempts.push_back(std::move(attempt));
  }
}

void TaskPool::Restore(const TaskId& id, std::vector<Attempt> attempts, bool completed, bool wait) {
  Task* task = Find(id);
  CHECK(task != nullptr && task->attempts.empty()) << ToString(id);
  std::stable_sort(attempts.begin(), attempts.end(),
                   [](const Attempt& a, const Attempt& b) { return a.id.number < b.id.number; });
  for (Attempt& attempt : attempts) {
    FillUp(*task, id, attempt.id.number);
    // Two lives may have used one number; the newer is the one that matters.
    if (attempt.id.number < task->attempts.size()) task->attempts.pop_back();
    task->attempts.push_back(std::move(attempt));
  }
  if (task->attempts.size() > 1) ++retried_[Slot(id.phase)];
  if (!completed && !wait) return;
  pending_[Slot(id.phase)].erase(id.index);
  task->state = completed ? wire::TaskState::kCompleted : wire::TaskState::kPending;
  if (completed) ++completed_[Slot(id.phase)];
}

bool TaskPool::Adopt(const AttemptId& id, WorkerRef worker, const std::string& worker_name, const Now& now) {
  Task* task = Find(id.task);
  if (task == nullptr || !task->running.empty() || id.number < task->attempts.size()) return false;
  if (task->state != wire::TaskState::kPending && task->state != wire::TaskState::kBlocked) return false;
  // Far more than a task is ever tried: no number of ours.
  if (id.number > task->attempts.size() + 10'000) return false;
  FillUp(*task, id.task, id.number);
  pending_[Slot(id.task.phase)].erase(id.task.index);
  std::erase_if(delayed_, [&](const auto& delayed) { return delayed.second == id.task; });
  Append(id.task, id.number, id.epoch, worker, worker_name, now).acknowledged = true;
  return true;
}

void TaskPool::ReleaseGrant(const AttemptId& id) {
  Task* task = Find(id.task);
  CHECK(task != nullptr && task->running.empty()) << ToString(id);
  FillUp(*task, id.task, id.number + 1);
  MakePending(id.task);
}

void TaskPool::PlaceOutput(uint32_t map, WorkerId worker) {
  CHECK_EQ(unplaced_.erase(map), 1u) << "map " << map << " is not waited for";
  tasks_[Slot(Phase::kMap)][map].output_at = worker;
}

}  // namespace mr::coordinator
