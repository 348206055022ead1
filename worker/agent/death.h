// How a task process died, and what to tell the user about it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/wire/job.h"

namespace mr::worker {

// What the worker found out after the process had ended: exit status, black box, log.
struct DeathReport {
  bool signalled = false;
  int signal_number = 0;  // if signalled
  int exit_code = 0;      // if not

  // From the black box.
  uint32_t phase = 0;        // MR_PHASE_*: whose code was running
  bool handler_ran = false;  // crash_signal and fault_address are known
  int crash_signal = 0;
  int crash_code = 0;  // si_code
  uint64_t fault_address = 0;
  uint32_t fault_access = 0;  // BlackBox::Access
  std::vector<std::string> stack;  // symbolised, innermost first
  std::string input_path;
  uint64_t record_offset = 0;
  uint64_t record_no = 0;
  uint64_t record_bytes = 0;
  uint64_t line_no = 0;
  std::string excerpt;
  bool at_record = false;  // the position is that of a map's record, or of a reduce's group

  std::string log_tail;
  uint64_t peak_memory_bytes = 0;
  uint64_t memory_limit_bytes = 0;  // 0 = none
  uint64_t memory_asked_bytes = 0;  // JobConfig::memory_limit_bytes: where the limit comes from
};

// Why the worker killed the process, if it did.
struct KillReason {
  wire::FailureCause cause = wire::FailureCause::kCancelled;
  std::string message;
};

std::string SignalName(int signal_number);  // "SIGSEGV"
std::string PhaseFunction(uint32_t phase);  // "map"; empty for the engine's own code

// The attempt's failure. A crash in the engine's own code after user code was loaded counts as the
// user's too (damaged memory shows up late, and an uncounted failure would be retried for ever);
// being killed from outside while in the engine's code does not.
wire::Failure FailureOfDeath(const DeathReport& death, const std::optional<KillReason>& reason);

}  // namespace mr::worker
