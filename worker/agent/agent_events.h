// What the agent's core is told (events, past tense) and what it wants done (actions, imperative).
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/wire/control.h"
#include "worker/agent/death.h"

namespace mr::worker {

// The two request channels to the coordinator, one request in flight on each. Registration goes
// over kReport.
enum class Channel : uint8_t { kReport = 0, kWork = 1 };

// ---- events
// -------------------------------------------------------------------------------------------------

struct Ticked {};  // time has passed; nothing else

struct Replied {
  Channel channel = Channel::kReport;
  uint64_t request_id = 0;
  uint64_t epoch = 0;  // of the coordinator that answered
  wire::ResponseBody body;
};

// The last SendRequest of this channel could not leave: there is no connection at the moment.
struct SendRefused {
  Channel channel = Channel::kReport;
};

// Who was asked does not lead, or does not answer: another member of the coordinator is asked from now on, and not earlier
// than then.
struct CoordinatorChanged {
  Time ask_at;
};

struct PluginArrived {  // it is in the cache, whole
  std::string sha256;
};
struct PluginUnavailable {
  std::string sha256;
  Error error;
};

struct TaskWantedCommit {
  uint32_t slot = 0;
  AttemptId attempt;
};
struct TaskFetchedSources {  // a reduce has all that it reads
  uint32_t slot = 0;
  AttemptId attempt;
};
struct TaskReported {  // the attempt is over, the process waits for the next
  uint32_t slot = 0;
  wire::AttemptOutcome outcome;
  std::string log_bytes;  // not yet observed
};
struct TaskDied {  // or could not be started: then `spawn_error` says why
  uint32_t slot = 0;
  DeathReport death;
  std::string spawn_error;
  std::string log_bytes;  // not yet observed
};
// What the black box and /proc say; fed before each heartbeat.
struct TaskObserved {
  uint32_t slot = 0;
  uint64_t beat = 0;
  uint64_t memory_bytes = 0;
  wire::AttemptProgress
      progress;  // attempt is filled in by the core; log_bytes: new since the last time
};
struct ScratchObserved {
  uint64_t free_bytes = 0;  // in all scratch directories together, less the reserves
};
// What lies in the scratch directories, by name.
struct ScratchListed {
  std::vector<std::string> map_outputs;
  std::vector<std::string> attempts;
  std::vector<std::string> plugins;
};

// First: finish what runs, up to the drain time-out. Second: leave at once.
struct StopRequested {};

// The configuration has been read again.
struct TimeoutsChanged {
  int64_t drain_timeout_ms = 0;
  int64_t death_timeout_ms = 0;  // 0 = never
};

using AgentEvent =
    std::variant<Ticked, Replied, SendRefused, CoordinatorChanged, PluginArrived, PluginUnavailable, TaskWantedCommit,
                 TaskFetchedSources, TaskReported, TaskDied, TaskObserved, ScratchObserved, ScratchListed, StopRequested,
                 TimeoutsChanged>;

// ---- actions
// ------------------------------------------------------------------------------------------------

struct SendRequest {
  Channel channel = Channel::kReport;
  uint64_t request_id = 0;  // the same in a retry
  uint64_t epoch = 0;
  wire::RequestBody body;
};
struct FetchPlugin {
  std::string sha256;
};
struct StartAttempt {
  uint32_t slot = 0;
  bool reuse = false;  // the slot's process takes it; else a new process is started
  uint64_t memory_limit_bytes = 0;
  wire::Assignment assignment;
};
struct GrantCommit {
  uint32_t slot = 0;
  AttemptId attempt;
};
struct PassSources {
  uint32_t slot = 0;
  wire::SourceUpdate update;
};
struct AskForStack {  // of a task about to be killed, by a signal its handler answers with its
                      // stack and its end
  uint32_t slot = 0;
};
struct KillTask {  // SIGKILL to its process group; TaskDied follows
  uint32_t slot = 0;
};
struct StopTask {  // goodbye to an idle process: the slot is free of it at once, no event follows
  uint32_t slot = 0;
};
// Delete the attempt's map output and scratch files, if there are any.
struct DropAttempt {
  AttemptId attempt;
};
struct DropJob {  // everything kept for the job
  JobId job;
};
struct ListScratch {};  // ScratchListed follows
// Delete these, as they were listed.
struct RemoveLeftovers {
  ScratchListed names;
};
struct Note {  // for the log
  bool warning = false;
  std::string text;
};
struct Exit {
  int code = 0;
  std::string reason;
};

using AgentAction = std::variant<SendRequest, FetchPlugin, StartAttempt, GrantCommit, PassSources, AskForStack,
                                 KillTask, StopTask, DropAttempt, DropJob, ListScratch,
                                 RemoveLeftovers, Note, Exit>;
using AgentActions = std::vector<AgentAction>;

// One line per action, for logs and tests.
std::string Describe(const AgentAction& action);

}  // namespace mr::worker
