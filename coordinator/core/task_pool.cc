#include "coordinator/core/task_pool.h"

#include <utility>

#include "common/base/logging.h"

namespace mr::coordinator {
namespace {

constexpr uint32_t kLookAhead = 64;

}  // namespace

Attempt* Task::running() { return const_cast<Attempt*>(std::as_const(*this).running()); }

const Attempt* Task::running() const {
  if (attempts.empty() || attempts.back().state != wire::AttemptState::kRunning) return nullptr;
  return &attempts.back();
}

TaskPool::TaskPool(JobId job, uint64_t epoch, uint32_t maps, uint32_t reduces)
    : job_(job), epoch_(epoch) {
  tasks_[Slot(Phase::kMap)].resize(maps);
  tasks_[Slot(Phase::kReduce)].resize(reduces);
  tasks_[Slot(Phase::kFinish)].resize(1);
  for (uint32_t i = 0; i < maps; ++i) MakePending({job, Phase::kMap, i});
  // Reduces wait in their own queue from the start; NextPending holds them back until the maps are
  // done.
  for (uint32_t i = 0; i < reduces; ++i) pending_[Slot(Phase::kReduce)].insert(i);
}

const Task* TaskPool::Find(const TaskId& id) const {
  const std::vector<Task>& tasks = tasks_[Slot(id.phase)];
  return id.job == job_ && id.index < tasks.size() ? &tasks[id.index] : nullptr;
}

Task* TaskPool::Find(const TaskId& id) { return const_cast<Task*>(std::as_const(*this).Find(id)); }

const Attempt* TaskPool::Find(const AttemptId& id) const {
  const Task* task = Find(id.task);
  if (task == nullptr || id.number >= task->attempts.size()) return nullptr;
  const Attempt& attempt = task->attempts[id.number];
  return attempt.id == id ? &attempt : nullptr;
}

Attempt* TaskPool::Find(const AttemptId& id) {
  return const_cast<Attempt*>(std::as_const(*this).Find(id));
}

std::optional<TaskId> TaskPool::NextPending(const std::function<bool(const TaskId&)>& avoid) const {
  if (held_) return std::nullopt;
  for (const Phase phase : {Phase::kFinish, Phase::kReduce, Phase::kMap}) {
    if (phase == Phase::kReduce && !maps_done()) continue;
    const std::set<uint32_t>& queue = pending_[Slot(phase)];
    if (queue.empty()) continue;
    uint32_t looked_at = 0;
    for (const uint32_t index : queue) {
      if (!avoid({job_, phase, index})) return TaskId{job_, phase, index};
      if (++looked_at == kLookAhead) break;
    }
    return TaskId{job_, phase, *queue.begin()};
  }
  return std::nullopt;
}

Attempt& TaskPool::Start(const TaskId& id, WorkerRef worker, const std::string& worker_name,
                         const Now& now) {
  Task* task = Find(id);
  CHECK(task != nullptr && task->running() == nullptr) << ToString(id);
  CHECK_EQ(pending_[Slot(id.phase)].erase(id.index), 1u) << ToString(id) << " is not pending";
  if (!task->attempts.empty()) ++retried_[Slot(id.phase)];
  Attempt attempt;
  attempt.id = {id, static_cast<uint32_t>(task->attempts.size()), epoch_};
  attempt.worker = worker;
  attempt.worker_name = worker_name;
  attempt.assigned_at = now.mono;
  attempt.started_unix_ms = now.unix_ms;
  task->attempts.push_back(std::move(attempt));
  task->state = wire::TaskState::kRunning;
  ++running_[Slot(id.phase)];
  running_tasks_.insert(id);
  return task->attempts.back();
}

void TaskPool::Complete(const AttemptId& id, int64_t unix_ms) {
  Attempt* attempt = Find(id);
  CHECK(attempt != nullptr && attempt->state == wire::AttemptState::kRunning) << ToString(id);
  attempt->state = wire::AttemptState::kCompleted;
  attempt->ended_unix_ms = unix_ms;
  attempt->cause.clear();
  Task& task = *Find(id.task);
  task.state = wire::TaskState::kCompleted;
  task.trouble = 0;
  task.fetch_reports.clear();
  --running_[Slot(id.task.phase)];
  ++completed_[Slot(id.task.phase)];
  running_tasks_.erase(id.task);
}

void TaskPool::End(const AttemptId& id, wire::AttemptState how, std::string cause, int64_t unix_ms,
                   std::optional<Time> retry_at) {
  Attempt* attempt = Find(id);
  CHECK(attempt != nullptr && attempt->state == wire::AttemptState::kRunning) << ToString(id);
  attempt->state = how;
  attempt->ended_unix_ms = unix_ms;
  attempt->cause = std::move(cause);
  --running_[Slot(id.task.phase)];
  running_tasks_.erase(id.task);
  // The finish task of a stopped job goes on until it is done.
  if (stopped_ && id.task.phase != Phase::kFinish) {
    Find(id.task)->state = wire::TaskState::kCancelled;
  } else if (retry_at) {
    Find(id.task)->state = wire::TaskState::kPending;
    delayed_.insert({*retry_at, id.task});
  } else {
    MakePending(id.task);
  }
}

void TaskPool::GiveUp(const TaskId& id) {
  CHECK_EQ(pending_[Slot(id.phase)].erase(id.index), 1u) << ToString(id) << " is not pending";
  Find(id)->state = wire::TaskState::kFailed;
  ++given_up_[Slot(id.phase)];
}

void TaskPool::LoseOutput(const TaskId& map) {
  Task* task = Find(map);
  CHECK(task != nullptr && task->state == wire::TaskState::kCompleted) << ToString(map);
  task->attempts.back().state = wire::AttemptState::kLost;
  task->output_at = {};
  unplaced_.erase(map.index);
  task->fetch_reports.clear();
  --completed_[Slot(map.phase)];
  MakePending(map);
}

void TaskPool::Stop() {
  stopped_ = true;
  unplaced_.clear();
  delayed_.clear();
  for (std::set<uint32_t>& queue : pending_) queue.clear();
  for (std::vector<Task>& tasks : tasks_) {
    for (Task& task : tasks) {
      if (Attempt* attempt = task.running()) {
        attempt->cancelling = true;
      } else if (task.state == wire::TaskState::kPending ||
                 task.state == wire::TaskState::kBlocked) {
        task.state = wire::TaskState::kCancelled;
      }
    }
  }
}

void TaskPool::OpenFinish() { MakePending({job_, Phase::kFinish, 0}); }

void TaskPool::Delay(const TaskId& id, Time until) {
  CHECK_EQ(pending_[Slot(id.phase)].erase(id.index), 1u) << ToString(id) << " is not pending";
  delayed_.insert({until, id});
}

void TaskPool::Release(const TaskId& id) {
  const auto found = std::find_if(delayed_.begin(), delayed_.end(),
                                  [&](const auto& entry) { return entry.second == id; });
  if (found == delayed_.end()) return;
  delayed_.erase(found);
  MakePending(id);
}

void TaskPool::ReleaseDelayed(Time now) {
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    const TaskId id = delayed_.begin()->second;
    delayed_.erase(delayed_.begin());
    MakePending(id);
  }
}

std::optional<Time> TaskPool::next_deadline() const {
  if (delayed_.empty()) return std::nullopt;
  return delayed_.begin()->first;
}

bool TaskPool::has_pending() const {
  if (held_) return false;
  return !pending_[Slot(Phase::kFinish)].empty() || !pending_[Slot(Phase::kMap)].empty() ||
         (maps_done() && !pending_[Slot(Phase::kReduce)].empty());
}

void TaskPool::MakePending(const TaskId& id) {
  Find(id)->state = wire::TaskState::kPending;
  pending_[Slot(id.phase)].insert(id.index);
}

}  // namespace mr::coordinator
