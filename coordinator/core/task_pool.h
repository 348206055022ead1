// The tasks of one job while it runs: which are blocked, pending, running or completed, and every
// attempt that this coordinator started. Volatile; rebuilt from the durable state after a restart.
//
//   blocked → pending → running → completed
//                ↑         │          │
//                └─────────┴──────────┘   failed (user's fault), aborted (ours), lost (output gone)
//
// Pure; one thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/wire/control.h"

namespace mr::coordinator {

struct Attempt {
  AttemptId id;
  wire::AttemptState state = wire::AttemptState::kRunning;
  WorkerRef worker;
  std::string worker_name;
  Time assigned_at;
  int64_t started_unix_ms = 0;
  int64_t ended_unix_ms = 0;
  uint64_t bytes_done = 0;
  uint64_t bytes_total = 0;
  uint64_t records_done = 0;
  uint64_t shuffle_bytes_done = 0;
  std::string cause;            // why it ended badly, or the user's status text while it runs
  bool acknowledged = false;    // the worker has said that the assignment arrived
  bool cancelling = false;      // its job is over: the worker is told to stop it
  uint32_t absent_reports = 0;  // successive reports that do not name it
};

struct Task {
  wire::TaskState state = wire::TaskState::kBlocked;
  std::vector<Attempt> attempts;      // by number
  uint32_t trouble = 0;               // attempts aborted by our own errors since the last success
  std::set<AttemptId> fetch_reports;  // reduce attempts that could not fetch the present output
  WorkerId output_at;                 // maps: who holds the output; 0 = nobody

  // The running attempt (there is at most one), or null.
  Attempt* running();
  const Attempt* running() const;
};

class TaskPool {
 public:
  // All maps pending; reduces and the finish task blocked.
  TaskPool(JobId job, uint64_t epoch, uint32_t maps, uint32_t reduces);

  const Task* Find(const TaskId& id) const;
  Task* Find(const TaskId& id);
  const Attempt* Find(const AttemptId& id) const;
  Attempt* Find(const AttemptId& id);
  const std::vector<Task>& tasks(Phase phase) const { return tasks_[Slot(phase)]; }

  // The first pending task: finish, else a reduce (only when every map is completed), else a map.
  // Among the first 64 of a phase, one for which `avoid` is false is preferred.
  std::optional<TaskId> NextPending(const std::function<bool(const TaskId&)>& avoid) const;
  // A pending task becomes running. Numbers are never used twice.
  Attempt& Start(const TaskId& id, WorkerRef worker, const std::string& worker_name,
                 const Now& now);
  void Complete(const AttemptId& id, int64_t unix_ms);
  // The attempt is over without a result. The task is pending again, at once or at `retry_at`,
  // unless stopped.
  void End(const AttemptId& id, wire::AttemptState how, std::string cause, int64_t unix_ms,
           std::optional<Time> retry_at = std::nullopt);
  // A pending task will not run again; the job goes on without it.
  void GiveUp(const TaskId& id);
  // A completed map has to run again.
  void LoseOutput(const TaskId& map);

  // ---- after a restart of the coordinator
  // Nothing is handed out until Release: workers may still run what seems to be pending.
  void Hold() { held_ = true; }
  void Release() { held_ = false; }
  // What is known of a task's attempts, by number (those unknown are made up). `completed`: the last of them won.
  // `wait`: an attempt that may be publishing has not been heard of; the task is not handed out until Adopt or ReleaseGrant.
  void Restore(const TaskId& id, std::vector<Attempt> attempts, bool completed, bool wait);
  // A worker runs an attempt of an earlier life. False: the task has gone on without it.
  bool Adopt(const AttemptId& id, WorkerRef worker, const std::string& worker_name, const Now& now);
  // The attempt that was waited for does not come.
  void ReleaseGrant(const AttemptId& id);
  // Completed maps whose output nobody has named yet; no reduce starts before all are placed or lost.
  const std::set<uint32_t>& unplaced() const { return unplaced_; }
  void ExpectOutput(uint32_t map) { unplaced_.insert(map); }
  void PlaceOutput(uint32_t map, WorkerId worker);

  // No task starts any more (but the finish task, after OpenFinish); running attempts are to be
  // cancelled.
  void Stop();
  void OpenFinish();
  // A pending task waits for `until`, or for Release.
  void Delay(const TaskId& id, Time until);
  void Release(const TaskId& id);  // does nothing for a task that is not delayed
  void ReleaseDelayed(Time now);
  std::optional<Time> next_deadline() const;
  // Pending tasks that may not start yet, with when they may.
  const std::set<std::pair<Time, TaskId>>& delayed() const { return delayed_; }

  uint32_t running_count() const { return running_[0] + running_[1] + running_[2]; }
  uint32_t running_count(Phase phase) const { return running_[Slot(phase)]; }
  uint32_t completed_count(Phase phase) const { return completed_[Slot(phase)]; }
  uint32_t given_up_count(Phase phase) const { return given_up_[Slot(phase)]; }
  uint32_t retried_count(Phase phase) const { return retried_[Slot(phase)]; }
  // Tasks with a running attempt, in order.
  const std::set<TaskId>& running_tasks() const { return running_tasks_; }
  // Every map is completed, and its output has a place; or it was given up.
  bool maps_done() const { return completed_[0] + given_up_[0] == tasks_[0].size() && unplaced_.empty(); }
  bool stopped() const { return stopped_; }
  bool has_pending() const;

 private:
  static size_t Slot(Phase phase) { return static_cast<size_t>(phase); }
  void MakePending(const TaskId& id);
  void FillUp(Task& task, const TaskId& id, uint32_t count);

  JobId job_;
  uint64_t epoch_;
  bool stopped_ = false;
  bool held_ = false;
  std::set<uint32_t> unplaced_;
  std::array<std::vector<Task>, 3> tasks_;
  std::array<std::set<uint32_t>, 3> pending_;
  std::array<uint32_t, 3> running_{};
  std::array<uint32_t, 3> completed_{};
  std::array<uint32_t, 3> given_up_{};
  std::array<uint32_t, 3> retried_{};
  std::set<TaskId> running_tasks_;
  std::set<std::pair<Time, TaskId>> delayed_;
};

}  // namespace mr::coordinator
