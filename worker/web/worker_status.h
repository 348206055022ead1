// What mrworker's status page and metrics show: an immutable picture that the agent's loop makes at
// each heartbeat, and the text made of it. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "common/wire/job.h"

namespace mr::worker {

// Sums over the attempts that this process has run, whatever became of them later.
struct WorkerTotals {
  enum Result : uint8_t { kOk, kUserError, kTimeout, kMemory, kFetch, kDisk, kCancelled, kOther };
  static constexpr size_t kResults = kOther + 1;
  std::array<std::array<uint64_t, kResults>, 3> attempts{};  // by Phase
  wire::Counters counters;  // the engine's ("mr.…") of completed attempts
  uint64_t spawned = 0;     // task processes started

  void Add(const wire::AttemptOutcome& outcome);
};

struct WorkerStatus {
  struct Attempt {
    AttemptId id;
    std::string function;  // "map", …; empty: in the engine
    int pid = 0;           // 0: it has no process yet
    uint64_t record_no = 0;
    std::string input;
    uint64_t memory_bytes = 0;
    uint64_t bytes_done = 0;
    uint64_t bytes_total = 0;
  };
  struct Scratch {
    std::string root;
    uint64_t free_bytes = 0;  // of its file system
    uint64_t reserve_bytes = 0;
    bool usable = true;
  };
  std::string name;
  std::string version;
  std::string coordinator;  // without keys
  std::string state;        // "serving", "draining: …", …
  bool registered = false;
  bool takes_work = false;
  uint32_t slots = 0;
  std::vector<Scratch> scratch;
  uint64_t shuffle_sent_bytes = 0;
  int64_t started_unix_ms = 0;
  int64_t unix_ms = 0;  // when this picture was made
  int64_t cpu_ms = 0;   // of mrworker itself, without its tasks
  uint64_t resident_bytes = 0;
  std::vector<Attempt> attempts;
  WorkerTotals totals;
};

std::string StatusText(const WorkerStatus& status);
std::string MetricsText(const WorkerStatus& status);

}  // namespace mr::worker
