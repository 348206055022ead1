#include "coordinator/core/task_pool.h"

#include <algorithm>
#include <utility>

#include "common/base/logging.h"

namespace mr::coordinator {
namespace {

constexpr uint32_t kLookAhead = 64;
// Reduces begin early when one map of so many is completed: before that there is next to nothing to fetch.
constexpr uint32_t kSlowStart = 20;

}  // namespace

std::vector<const Attempt*> Task::Running() const {
  std::vector<const Attempt*> found;
  for (const uint32_t number : running) found.push_back(&attempts[number]);
  return found;
}

uint32_t Task::backups() const {
  return static_cast<uint32_t>(
      std::count_if(attempts.begin(), attempts.end(), [](const Attempt& attempt) { return attempt.backup; }));
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

std::optional<TaskId> TaskPool::NextPending(const std::function<Fit(const TaskId&)>& fit) const {
  if (held_) return std::nullopt;
  for (const Phase phase : {Phase::kFinish, Phase::kReduce, Phase::kMap}) {
    if (phase == Phase::kReduce && !maps_done()) continue;
    if (const auto task = Choose(phase, fit)) return task;
  }
  return std::nullopt;
}

std::optional<TaskId> TaskPool::Choose(Phase phase, const std::function<Fit(const TaskId&)>& fit) const {
  std::optional<TaskId> poor;
  uint32_t looked_at = 0;
  for (const uint32_t index : pending_[Slot(phase)]) {
    const TaskId task{job_, phase, index};
    const Fit fits = fit(task);
    if (fits == Fit::kWell) return task;
    if (fits == Fit::kPoorly && !poor) poor = task;
    if (++looked_at == kLookAhead) break;
  }
  return poor;
}

bool TaskPool::MayStartEarly() const {
  if (held_ || maps_done() || !unplaced_.empty() || pending_[Slot(Phase::kReduce)].empty()) return false;
  const uint64_t completed = completed_[Slot(Phase::kMap)];
  return completed > 0 && completed * kSlowStart >= tasks_[Slot(Phase::kMap)].size() && NoneWaits(Phase::kMap);
}

std::optional<TaskId> TaskPool::NextEarlyReduce(const std::function<Fit(const TaskId&)>& fit) const {
  return MayStartEarly() ? Choose(Phase::kReduce, fit) : std::nullopt;
}

Attempt& TaskPool::Append(const TaskId& id, uint32_t number, uint64_t epoch, WorkerRef worker,
                          const std::string& worker_name, const Now& now) {
  Task& task = *Find(id);
  CHECK_EQ(task.attempts.size(), number) << ToString(id);
  Attempt attempt;
  attempt.id = {id, number, epoch};
  attempt.worker = worker;
  attempt.worker_name = worker_name;
  attempt.assigned_at = attempt.advanced_at = attempt.able_since = now.mono;
  attempt.awaits_sources = id.phase == Phase::kReduce;
  attempt.started_unix_ms = now.unix_ms;
  task.attempts.push_back(std::move(attempt));
  if (task.running.empty()) ++running_[Slot(id.phase)];
  task.running.push_back(number);
  ++attempts_[Slot(id.phase)];
  task.state = wire::TaskState::kRunning;
  running_tasks_.insert(id);
  return task.attempts.back();
}

Attempt& TaskPool::Start(const TaskId& id, WorkerRef worker, const std::string& worker_name,
                         const Now& now) {
  Task* task = Find(id);
  CHECK(task != nullptr && task->running.empty()) << ToString(id);
  CHECK_EQ(pending_[Slot(id.phase)].erase(id.index), 1u) << ToString(id) << " is not pending";
  if (!task->attempts.empty()) ++retried_[Slot(id.phase)];
  return Append(id, static_cast<uint32_t>(task->attempts.size()), epoch_, worker, worker_name, now);
}

Attempt& TaskPool::StartBackup(const TaskId& id, WorkerRef worker, const std::string& worker_name, const Now& now) {
  const Task* task = Find(id);
  CHECK(task != nullptr && task->running.size() == 1 && !stopped_) << ToString(id);
  CHECK(task->Running()[0]->worker.worker != worker.worker) << ToString(id) << " runs there already";
  ++backups_started_[Slot(id.phase)];
  Attempt& backup = Append(id, static_cast<uint32_t>(task->attempts.size()), epoch_, worker, worker_name, now);
  backup.backup = true;
  return backup;
}

void TaskPool::NoLongerRuns(const AttemptId& id) {
  Task& task = *Find(id.task);
  CHECK_EQ(std::erase(task.running, id.number), 1u) << ToString(id) << " does not run";
  --attempts_[Slot(id.task.phase)];
  if (!task.running.empty()) return;
  --running_[Slot(id.task.phase)];
  running_tasks_.erase(id.task);
}

void TaskPool::Complete(const AttemptId& id, int64_t unix_ms) {
  Attempt* attempt = Find(id);
  CHECK(attempt != nullptr && attempt->state == wire::AttemptState::kRunning) << ToString(id);
  attempt->state = wire::AttemptState::kCompleted;
  attempt->ended_unix_ms = unix_ms;
  attempt->cause.clear();
  if (attempt->backup) ++backups_won_[Slot(id.task.phase)];
  Task& task = *Find(id.task);
  task.state = wire::TaskState::kCompleted;
  task.trouble = 0;
  task.fetch_reports.clear();
  ++completed_[Slot(id.task.phase)];
  NoLongerRuns(id);
}

void TaskPool::End(const AttemptId& id, wire::AttemptState how, std::string cause, int64_t unix_ms,
                   std::optional<Time> retry_at) {
  Attempt* attempt = Find(id);
  CHECK(attempt != nullptr && attempt->state == wire::AttemptState::kRunning) << ToString(id);
  attempt->state = how;
  attempt->ended_unix_ms = unix_ms;
  attempt->cause = std::move(cause);
  NoLongerRuns(id);
  Task& task = *Find(id.task);
  if (!task.running.empty() || task.state == wire::TaskState::kCompleted) return;
  // The finish task of a stopped job goes on until it is done.
  if (stopped_ && id.task.phase != Phase::kFinish) {
    task.state = wire::TaskState::kCancelled;
  } else if (retry_at) {
    task.state = wire::TaskState::kPending;
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

void TaskPool::LoseOutput(const AttemptId& winner) {
  Task* task = Find(winner.task);
  Attempt* attempt = Find(winner);
  CHECK(task != nullptr && task->state == wire::TaskState::kCompleted && task->running.empty()) << ToString(winner);
  CHECK(attempt != nullptr && attempt->state == wire::AttemptState::kCompleted) << ToString(winner);
  attempt->state = wire::AttemptState::kLost;
  task->output_at = {};
  unplaced_.erase(winner.task.index);
  task->fetch_reports.clear();
  --completed_[Slot(winner.task.phase)];
  MakePending(winner.task);
}

void TaskPool::Stop() {
  stopped_ = true;
  unplaced_.clear();
  delayed_.clear();
  for (std::set<uint32_t>& queue : pending_) queue.clear();
  for (std::vector<Task>& tasks : tasks_) {
    for (Task& task : tasks) {
      for (const uint32_t number : task.running) task.attempts[number].cancelling = true;
      if (task.state == wire::TaskState::kPending || task.state == wire::TaskState::kBlocked)
        task.state = wire::TaskState::kCancelled;
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

size_t TaskPool::startable_count() const {
  if (held_) return 0;
  return pending_[Slot(Phase::kFinish)].size() + pending_[Slot(Phase::kMap)].size() +
         (maps_done() ? pending_[Slot(Phase::kReduce)].size() : 0);
}

bool TaskPool::NoneWaits(Phase phase) const {
  return pending_[Slot(phase)].empty() && std::none_of(delayed_.begin(), delayed_.end(), [phase](const auto& delayed) {
    return delayed.second.phase == phase;
  });
}

void TaskPool::MakePending(const TaskId& id) {
  Find(id)->state = wire::TaskState::kPending;
  pending_[Slot(id.phase)].insert(id.index);
}

}  // namespace mr::coordinator
