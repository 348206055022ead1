// Between mrworker and its mrtask children, over a socketpair (SOCK_SEQPACKET is too small for a big
// assignment, so: SOCK_STREAM with a 4-byte little-endian length before each message).
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/wire/fields.h"
#include "common/wire/job.h"

namespace mr::wire {

// ---- worker to task ----------------------------------------------------------------------------------------

// First message: what every attempt of this process shares.
struct TaskHello {
  static constexpr uint8_t kTag = 1;
  std::string worker_name;
  std::string plugin_path;   // content-addressed copy
  std::string own_endpoint;  // this worker's segment server: such sources are opened as files
  // One of each per scratch directory of the worker, in the same order; the first holds what attempts share.
  std::vector<std::string> map_output_dirs;  // where run files of this worker lie: <dir>/<attempt>.run
  std::vector<std::string> scratch_dirs;     // parents of the attempts' private directories
  uint64_t memory_limit_bytes = 0;
  // The worker's CURVE keys, to fetch map outputs with; empty without encryption. Not to be logged.
  std::string public_key;
  std::string secret_key;
  MR_FIELDS(TaskHello, worker_name, plugin_path, own_endpoint, map_output_dirs, scratch_dirs, memory_limit_bytes,
            public_key, secret_key)
};

struct RunAttempt {
  static constexpr uint8_t kTag = 2;
  Assignment assignment;
  uint32_t scratch = 0;  // which of the scratch directories is the attempt's
  MR_FIELDS(RunAttempt, assignment, scratch)
};

struct CommitGranted {
  static constexpr uint8_t kTag = 3;
  AttemptId attempt;
  MR_FIELDS(CommitGranted, attempt)
};

// No further attempt: exit 0. (Cancelling a running attempt is done with SIGKILL.)
struct TaskGoodbye {
  static constexpr uint8_t kTag = 4;
  MR_NO_FIELDS(TaskGoodbye)
};

// And SourceUpdate, at any time: for the attempt that it names, or for one that is over.
using ToTask = std::variant<TaskHello, RunAttempt, CommitGranted, TaskGoodbye, SourceUpdate>;
struct ToTaskMessage {
  ToTask body;
  MR_FIELDS(ToTaskMessage, body)
};

// ---- task to worker ----------------------------------------------------------------------------------------

// The output is written and synced; waits for CommitGranted.
struct ReadyToCommit {
  static constexpr uint8_t kTag = 1;
  AttemptId attempt;
  MR_FIELDS(ReadyToCommit, attempt)
};

// The attempt is over, well or badly; the process waits for the next one.
struct AttemptEnded {
  static constexpr uint8_t kTag = 2;
  AttemptOutcome outcome;
  MR_FIELDS(AttemptEnded, outcome)
};

// A reduce has all that it reads: it needs no more SourceUpdates.
struct SourcesFetched {
  static constexpr uint8_t kTag = 3;
  AttemptId attempt;
  MR_FIELDS(SourcesFetched, attempt)
};

using FromTask = std::variant<ReadyToCommit, AttemptEnded, SourcesFetched>;
struct FromTaskMessage {
  FromTask body;
  MR_FIELDS(FromTaskMessage, body)
};

}  // namespace mr::wire
