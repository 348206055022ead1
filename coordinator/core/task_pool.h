// The tasks of one job while it runs: which are blocked, pending, running or completed, and every
// attempt that this coordinator started. Volatile; rebuilt from the durable state after a restart.
//
//   blocked → pending → running → completed
//                ↑         │          │
//                └─────────┴──────────┘   failed (user's fault), aborted (ours), lost (output gone)
//
// A running task has one attempt, or two: a straggler gets a backup attempt, and the first to complete wins. The task
// is pending again when the last of them has ended without a result.
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
  Time advanced_at;             // when its progress was last another than before
  int64_t started_unix_ms = 0;
  int64_t ended_unix_ms = 0;
  uint64_t bytes_done = 0;
  uint64_t bytes_total = 0;
  uint64_t records_done = 0;
  uint64_t shuffle_bytes_done = 0;
  std::string cause;            // why it ended badly, or the user's status text while it runs
  bool acknowledged = false;    // the worker has said that the assignment arrived
  bool backup = false;          // began while another attempt of the task ran
  bool cancelling = false;      // its job is over: the worker is told to stop it
  uint32_t absent_reports = 0;  // successive reports that do not name it
  bool awaits_sources = false;  // a reduce that has not fetched everything
  Time able_since{};            // when it had all it needs to go on by itself
};

struct Task {
  wire::TaskState state = wire::TaskState::kBlocked;
  std::vector<Attempt> attempts;      // by number
  uint32_t trouble = 0;               // attempts aborted by our own errors since the last success
  std::set<AttemptId> fetch_reports;  // reduce attempts that could not fetch the present output
  WorkerId output_at;                 // maps: who holds the output; 0 = nobody

  std::vector<uint32_t> running;      // numbers of the attempts that run, ascending; at most two

  // Attempts that run, oldest first.
  std::vector<const Attempt*> Running() const;
  uint32_t backups() const;  // started in this life of the coordinator
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
  // Only the first 64 of a phase are looked at: one that fits well, else the first that fits at all.
  enum class Fit : uint8_t { kWell, kPoorly, kNotAtAll };
  std::optional<TaskId> NextPending(const std::function<Fit(const TaskId&)>& fit) const;
  // A reduce that may begin before the maps are done, chosen in the same way: all maps run or are completed, some are.
  bool MayStartEarly() const;
  std::optional<TaskId> NextEarlyReduce(const std::function<Fit(const TaskId&)>& fit) const;
  // A pending task becomes running. Numbers are never used twice.
  Attempt& Start(const TaskId& id, WorkerRef worker, const std::string& worker_name,
                 const Now& now);
  // A second attempt of a task that runs.
  Attempt& StartBackup(const TaskId& id, WorkerRef worker, const std::string& worker_name, const Now& now);
  // Another attempt of the task may still run: it has lost, and the caller ends it.
  void Complete(const AttemptId& id, int64_t unix_ms);
  // The attempt is over without a result. The task is pending again, at once or at `retry_at`,
  // unless stopped, completed, or run by another attempt.
  void End(const AttemptId& id, wire::AttemptState how, std::string cause, int64_t unix_ms,
           std::optional<Time> retry_at = std::nullopt);
  // A pending task will not run again; the job goes on without it.
  void GiveUp(const TaskId& id);
  // A completed map, which this attempt won, has to run again.
  void LoseOutput(const AttemptId& winner);

  // ---- after a restart of the coordinator
  // Nothing is handed out until Release: workers may still run what seems to be pending.
  void Hold() { held_ = true; }
  void Release() { held_ = false; }
  // What is known of a task's attempts, by number (those unknown are made up). `completed`: one of them won.
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

  // Tasks, however many attempts of them run; and the attempts.
  uint32_t running_count(Phase phase) const { return running_[Slot(phase)]; }
  uint32_t attempt_count() const { return attempts_[0] + attempts_[1] + attempts_[2]; }
  uint32_t attempt_count(Phase phase) const { return attempts_[Slot(phase)]; }
  uint32_t backup_count(Phase phase) const { return attempts_[Slot(phase)] - running_[Slot(phase)]; }
  uint32_t completed_count(Phase phase) const { return completed_[Slot(phase)]; }
  uint32_t given_up_count(Phase phase) const { return given_up_[Slot(phase)]; }
  uint32_t retried_count(Phase phase) const { return retried_[Slot(phase)]; }
  // Backup attempts that were started, and those that won.
  uint32_t backups_started(Phase phase) const { return backups_started_[Slot(phase)]; }
  uint32_t backups_won(Phase phase) const { return backups_won_[Slot(phase)]; }
  // Tasks with a running attempt, in order.
  const std::set<TaskId>& running_tasks() const { return running_tasks_; }
  // Every map is completed, and its output has a place; or it was given up.
  bool maps_done() const { return completed_[0] + given_up_[0] == tasks_[0].size() && unplaced_.empty(); }
  bool stopped() const { return stopped_; }
  bool held() const { return held_; }
  bool has_pending() const { return startable_count() > 0; }
  size_t startable_count() const;  // pending tasks that may start now
  // No task of the phase waits for its turn, or for better times.
  bool NoneWaits(Phase phase) const;

 private:
  static size_t Slot(Phase phase) { return static_cast<size_t>(phase); }
  void MakePending(const TaskId& id);
  std::optional<TaskId> Choose(Phase phase, const std::function<Fit(const TaskId&)>& fit) const;
  Attempt& Append(const TaskId& id, uint32_t number, uint64_t epoch, WorkerRef worker, const std::string& worker_name,
                  const Now& now);
  void NoLongerRuns(const AttemptId& id);
  void FillUp(Task& task, const TaskId& id, uint32_t count);

  JobId job_;
  uint64_t epoch_;
  bool stopped_ = false;
  bool held_ = false;
  std::set<uint32_t> unplaced_;
  std::array<std::vector<Task>, 3> tasks_;
  std::array<std::set<uint32_t>, 3> pending_;
  std::array<uint32_t, 3> running_{};
  std::array<uint32_t, 3> attempts_{};
  std::array<uint32_t, 3> completed_{};
  std::array<uint32_t, 3> given_up_{};
  std::array<uint32_t, 3> retried_{};
  std::array<uint32_t, 3> backups_started_{};
  std::array<uint32_t, 3> backups_won_{};
  std::set<TaskId> running_tasks_;
  std::set<std::pair<Time, TaskId>> delayed_;
};

}  // namespace mr::coordinator
