#include "worker/agent/death.h"

#include <algorithm>
#include <csignal>
#include <cstring>

#include "common/abi/mr_abi.h"
#include "common/base/strings.h"
#include "worker/task/limits.h"
#include "worker/userjob/black_box.h"

namespace mr::worker {
namespace {

std::string Hex(uint64_t value) {
  std::string digits;
  do {
    digits.insert(digits.begin(), "0123456789abcdef"[value & 15]);
    value >>= 4;
  } while (value != 0);
  return "0x" + digits;
}

// In whose code, as the end of a sentence.
std::string Place(const DeathReport& death) {
  const std::string function = PhaseFunction(death.phase);
  if (!function.empty()) return StrCat(" in ", function, "()");
  return " in the engine's own code (user code may have damaged memory before)";
}

std::string_view AccessText(uint32_t access) {
  switch (access) {
    case BlackBox::kRead:
      return "read of";
    case BlackBox::kWrite:
      return "write to";
    case BlackBox::kExecute:
      return "jump to";
    default:
      return "access to";
  }
}

std::string CrashMessage(const DeathReport& death, int signal_number) {
  const std::string name = SignalName(signal_number);
  const bool memory_access = signal_number == SIGSEGV || signal_number == SIGBUS;
  if (death.handler_ran && memory_access) {
    return StrCat(name, ", ", AccessText(death.fault_access), " address ", Hex(death.fault_address), Place(death));
  }
  if (signal_number == SIGABRT)
    return StrCat(name, ", abort() or a failed assertion", Place(death));
  if (signal_number == SIGFPE)
    return StrCat(name, ", arithmetic error such as a division by zero", Place(death));
  return StrCat(name, Place(death));
}

void ExplainSigkill(const DeathReport& death, wire::Failure& failure) {
  const bool near_limit =
      death.memory_limit_bytes != 0 && death.peak_memory_bytes >= death.memory_limit_bytes / 10 * 8;
  failure.type = "SIGKILL";
  if (near_limit && death.phase != MR_PHASE_NONE) {
    failure.cause = wire::FailureCause::kMemory;
    failure.message = StrCat("killed by SIGKILL", Place(death), " (out of memory?); the task's peak was ",
                             FormatSize(death.peak_memory_bytes), ", its limit is ",
                             DescribeMemoryLimit(death.memory_limit_bytes, death.memory_asked_bytes));
    return;
  }
  if (death.phase == MR_PHASE_NONE) {
    failure.cause = wire::FailureCause::kInternal;
    failure.message = "the task process was killed from outside by SIGKILL, not in user code";
    return;
  }
  failure.cause = wire::FailureCause::kSignal;
  failure.message = StrCat("killed by SIGKILL", Place(death),
                           ", not by Millrace: out of memory on the host, or somebody "
                           "killed it (peak ",
                           FormatSize(death.peak_memory_bytes), ")");
}

void ExplainSignal(const DeathReport& death, wire::Failure& failure) {
  const int signal_number = death.handler_ran ? death.crash_signal : death.signal_number;
  if (signal_number == SIGKILL) return ExplainSigkill(death, failure);
  failure.type = SignalName(signal_number);
  const bool from_outside =
      signal_number == SIGTERM || signal_number == SIGINT || signal_number == SIGHUP;
  if (from_outside && death.phase == MR_PHASE_NONE) {
    failure.cause = wire::FailureCause::kInternal;
    failure.message =
        StrCat("the task process was ended from outside by ", failure.type, ", not in user code");
    return;
  }
  failure.cause = wire::FailureCause::kSignal;
  failure.message = CrashMessage(death, signal_number);
}

void ExplainExit(const DeathReport& death, wire::Failure& failure) {
  const std::string function = PhaseFunction(death.phase);
  if (function.empty()) {
    failure.cause = wire::FailureCause::kInternal;
    failure.message = StrCat("the task process ended by itself with status ", death.exit_code,
                             " outside of user code; its log says more");
    return;
  }
  failure.cause = wire::FailureCause::kExit;
  failure.type = "exit";
  failure.message = StrCat(function, "() ended the process with exit(", death.exit_code,
                           "): user code must return or throw instead");
}

// Whoever called exit() comes first: what is above it are our hook and the C library.
void DropExitFrames(std::vector<std::string>& stack) {
  const auto called = std::find_if(stack.begin(), stack.end(), [](const std::string& frame) {
    return frame.starts_with("exit (") || frame.starts_with("quick_exit (");
  });
  if (called != stack.end()) stack.erase(stack.begin(), called + 1);
}

}  // namespace

std::string SignalName(int signal_number) {
  const char* name = ::sigabbrev_np(signal_number);
  return name != nullptr ? StrCat("SIG", name) : StrCat("signal ", signal_number);
}

std::string PhaseFunction(uint32_t phase) {
  switch (phase) {
    case MR_PHASE_CREATE:
      return "setup";
    case MR_PHASE_MAP:
      return "map";
    case MR_PHASE_COMBINE:
      return "combine";
    case MR_PHASE_REDUCE:
      return "reduce";
    case MR_PHASE_FINISH:
      return "finish";
    case MR_PHASE_PARTITION:
      return "partition";
    default:
      return "";
  }
}

wire::Failure FailureOfDeath(const DeathReport& death, const std::optional<KillReason>& reason) {
  wire::Failure failure;
  failure.function = PhaseFunction(death.phase);
  if (reason) {
    failure.cause = reason->cause;
    failure.message = reason->message;
    if (!failure.function.empty() && reason->cause == wire::FailureCause::kTimeout) {
      failure.message = StrCat(failure.function, "() ", failure.message);
    }
  } else if (death.signalled || death.handler_ran) {
    ExplainSignal(death, failure);
  } else {
    ExplainExit(death, failure);
  }
  failure.stack = death.stack;
  if (failure.cause == wire::FailureCause::kExit) DropExitFrames(failure.stack);
  failure.log_tail = death.log_tail;
  if (death.phase == MR_PHASE_NONE) return failure;
  failure.input_path = death.input_path;
  failure.record_offset = death.record_offset;
  failure.record_no = death.record_no;
  failure.record_bytes = death.record_bytes;
  failure.line_no = death.line_no;
  failure.excerpt = death.excerpt;
  failure.at_record = death.at_record;
  return failure;
}

}  // namespace mr::worker
