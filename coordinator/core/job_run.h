// One job as it runs: its task pool, and the sums, logs and warnings that people are shown.
// Volatile; the durable part is JobEntry. Pure; one thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/wire/control.h"
#include "coordinator/core/state.h"
#include "coordinator/core/task_pool.h"

namespace mr::coordinator {

inline constexpr size_t kMaxLogBytesPerAttempt = 64u << 10;
inline constexpr size_t kMaxLogBytesPerJob = 2u << 20;
inline constexpr size_t kMaxWarnings = 20;
// A worker with so many failed attempts of a job gets no more of its tasks, as long as there is
// another worker.
inline constexpr uint32_t kFailuresToExclude = 3;

// The last 64 KiB of each attempt's log; when the job's share is used up, the attempts that have
// been silent the longest lose theirs.
class JobLogs {
 public:
  void Append(const AttemptId& attempt, std::string_view bytes);
  struct Piece {
    uint64_t offset = 0;  // of the first byte of text
    std::string text;
  };
  Piece Read(const AttemptId& attempt, uint64_t offset) const;
  size_t total_bytes() const { return total_bytes_; }

 private:
  struct Ring {
    uint64_t begin = 0;
    std::string text;
    uint64_t touched = 0;
  };
  void DropOldest();
  std::map<AttemptId, Ring> rings_;
  size_t total_bytes_ = 0;
  uint64_t clock_ = 0;
};

// At most 1000 numbers out of any count of them, evenly spread over time.
class DurationSample {
 public:
  void Add(uint32_t milliseconds);
  const std::vector<uint32_t>& values() const { return values_; }

 private:
  std::vector<uint32_t> values_;
  uint32_t stride_ = 1;
  uint32_t skipped_ = 0;
};

struct JobRun {
  JobRun(const JobEntry& job, uint64_t epoch);

  JobId id;
  TaskPool pool;
  uint64_t version = 1;       // grows with every change
  uint64_t news_version = 1;  // the last change that people should see at once
  int64_t started_unix_ms = 0;
  std::vector<std::string> warnings;  // newest last
  std::optional<wire::FailureReport> failure;
  std::map<WorkerId, uint32_t> failures_at;  // failed attempts per worker
  Time ended_at;
  std::optional<Time> tied_until;            // killed then, unless its submitter is heard of before
  std::optional<Time> finish_by;             // the cleanup is given up then
  bool recovering = false;  // it is of an earlier life, and workers that have to do with it may still come back
  bool commit_may_have_begun = false;  // in an earlier life
  std::map<std::string, uint32_t> failures_before;  // in earlier lives, by worker name

  wire::Counters counters;  // of completed tasks
  DurationSample map_durations;  // of maps that ran, not of those taken over
  DurationSample reduce_durations;
  uint64_t input_bytes = 0;
  uint64_t input_bytes_done = 0;          // of completed maps
  std::vector<uint64_t> partition_bytes;  // of completed maps, per reduce
  uint64_t shuffle_bytes = 0;             // their sum
  int64_t cpu_ms = 0;
  uint64_t peak_memory_bytes = 0;
  JobLogs logs;

  std::set<std::string> former_plugins;  // that attempts may still be using

  bool Excludes(WorkerId worker) const;

  void NoteSuccess(WorkerId worker, Time at);
  // On another worker than this one.
  bool SucceededElsewhere(WorkerId worker, Time since) const;
  // The newest of two workers.
  struct Success {
    WorkerId worker;
    Time at;
  };
  std::array<std::optional<Success>, 2> last_successes;

  // Finished maps of an earlier job that stand for maps of this one, by index, and who holds their outputs. Until the
  // holder has taken the task it is delayed in the pool: nobody else should run the map again.
  struct Earlier {
    AttemptId attempt;
    WorkerId holder;
  };
  std::map<uint32_t, Earlier> earlier;
  std::map<WorkerId, std::set<uint32_t>> reserved;  // of `earlier`, not given to their holders yet

  // Tasks that would gain by a backup attempt, the slowest first, with how many times as long as others they have
  // taken; and the workers that are behind with some task. As of the last look.
  std::vector<std::pair<TaskId, double>> stragglers;
  std::set<WorkerId> slow_workers;
  Time look_for_stragglers_at;
  // Attempts that write output, told to stop because another one of their task was first, as long as their workers name
  // them; and until when the commit waits for that.
  std::map<AttemptId, WorkerId> losers;
  std::optional<Time> open_finish_by;

  // Maps whose output was placed, lost or given up, in order: what reduces that began early hear of (core_sources.cc).
  std::vector<uint32_t> source_log;

  void Changed() { ++version; }
  void News() { news_version = ++version; }
  void Warn(std::string text);
  // Keep the sums in step with the durable state.
  void CountMap(const JobEntry& job, uint32_t index, const Completion& completion);
  void UncountMap(const JobEntry& job, uint32_t index, const Completion& completion);
  void CountReduce(const Completion& completion);
  void CountCost(const wire::AttemptTimes& times);
};

// What happened to a task, for people: its newest failure, and whether all were at the same record.
wire::FailureReport MakeFailureReport(const TaskEntry& task);

}  // namespace mr::coordinator
