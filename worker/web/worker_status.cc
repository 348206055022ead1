#include "worker/web/worker_status.h"

#include <algorithm>

#include "common/base/clock.h"
#include "common/base/strings.h"
#include "common/http/metrics_text.h"

namespace mr::worker {
namespace {

constexpr std::array kResultNames{"ok",    "user_error", "timeout",   "oom",
                                  "fetch", "disk",       "cancelled", "lost"};
static_assert(kResultNames.size() == WorkerTotals::kResults);
constexpr std::array kPhases{Phase::kMap, Phase::kReduce, Phase::kFinish};

WorkerTotals::Result ResultOf(const wire::AttemptOutcome& outcome) {
  if (!outcome.failure) return WorkerTotals::kOk;
  switch (outcome.failure->cause) {
    case wire::FailureCause::kTimeout:
      return WorkerTotals::kTimeout;
    case wire::FailureCause::kMemory:
      return WorkerTotals::kMemory;
    case wire::FailureCause::kFetch:
      return WorkerTotals::kFetch;
    case wire::FailureCause::kDiskFull:
    case wire::FailureCause::kIo:
      return WorkerTotals::kDisk;
    case wire::FailureCause::kCancelled:
    case wire::FailureCause::kWorkerStopping:
      return WorkerTotals::kCancelled;
    case wire::FailureCause::kLeaseExpired:
    case wire::FailureCause::kInternal:
      return WorkerTotals::kOther;
    default:
      return WorkerTotals::kUserError;
  }
}

std::string PhaseLabel(Phase phase) { return http::Label("phase", PhaseName(phase)); }

void AddAttempts(http::MetricsText& metrics, const WorkerStatus& status) {
  metrics.Family("mr_worker_running_attempts", "gauge", "Attempts that hold a slot.");
  for (const Phase phase : kPhases) {
    const auto count =
        std::count_if(status.attempts.begin(), status.attempts.end(),
                      [phase](const auto& each) { return each.id.task.phase == phase; });
    metrics.Sample("mr_worker_running_attempts", PhaseLabel(phase), static_cast<uint64_t>(count));
  }
  metrics.Family("mr_worker_attempts_total", "counter", "Attempts that have ended, by result.");
  for (const Phase phase : kPhases) {
    const auto& results = status.totals.attempts.at(static_cast<size_t>(phase));
    for (size_t i = 0; i < results.size(); ++i) {
      metrics.Sample("mr_worker_attempts_total",
                     StrCat(PhaseLabel(phase), ",", http::Label("result", kResultNames.at(i))),
                     results.at(i));
    }
  }
}

struct CounterMetric {
  const char* counter;
  const char* metric;
  const char* help;
};
constexpr CounterMetric kCounterMetrics[] = {
    {"mr.map_input_bytes", "mr_worker_input_bytes_total", "Input that map tasks have read."},
    {"mr.map_output_bytes", "mr_worker_map_output_bytes_total", "What map functions emitted."},
    {"mr.map_materialized_bytes", "mr_worker_map_files_bytes_total",
     "Map outputs written, combined and compressed."},
    {"mr.combine_input_records", "mr_worker_combine_input_records_total",
     "Records that combiners took."},
    {"mr.combine_output_records", "mr_worker_combine_output_records_total",
     "Records that combiners gave."},
    {"mr.spills", "mr_worker_spills_total", "Sorted runs written for want of memory or at the end."},
    {"mr.spilled_records", "mr_worker_spilled_records_total", "Records in these runs."},
    {"mr.shuffle_bytes", "mr_worker_shuffle_received_bytes_total",
     "Map outputs that reduce tasks fetched."},
    {"mr.output_bytes", "mr_worker_output_bytes_total", "Output published."},
};

void AddTotals(http::MetricsText& metrics, const WorkerStatus& status) {
  for (const CounterMetric& each : kCounterMetrics) {
    const auto found = status.totals.counters.find(each.counter);
    const int64_t value = found == status.totals.counters.end() ? 0 : found->second;
    metrics.Family(each.metric, "counter", each.help);
    metrics.Sample(each.metric, "", static_cast<uint64_t>(std::max<int64_t>(value, 0)));
  }
  metrics.Family("mr_worker_shuffle_sent_bytes_total", "counter",
                 "Map outputs sent to other workers.");
  metrics.Sample("mr_worker_shuffle_sent_bytes_total", "", status.shuffle_sent_bytes);
  metrics.Family("mr_worker_task_processes_total", "counter", "Task processes started.");
  metrics.Sample("mr_worker_task_processes_total", "", status.totals.spawned);
}

void AddProcess(http::MetricsText& metrics, const WorkerStatus& status) {
  metrics.Family("process_cpu_seconds_total", "counter", "Processor time of mrworker itself.");
  metrics.Seconds("process_cpu_seconds_total", "", status.cpu_ms);
  metrics.Family("process_resident_memory_bytes", "gauge", "Memory of mrworker itself.");
  metrics.Sample("process_resident_memory_bytes", "", status.resident_bytes);
  metrics.Family("process_start_time_seconds", "gauge", "When mrworker started.");
  metrics.Seconds("process_start_time_seconds", "", status.started_unix_ms);
}

std::string AttemptLine(const WorkerStatus::Attempt& attempt) {
  std::string line = StrCat("  ", ToString(attempt.id));
  if (attempt.pid == 0) return line + "  waits for its plugin or its process\n";
  line += StrCat("  process ", attempt.pid, ", in ",
                 attempt.function.empty() ? "the engine" : attempt.function + "()", ", record ",
                 FormatCount(attempt.record_no));
  if (!attempt.input.empty()) line += StrCat(" of ", Printable(attempt.input));
  return StrCat(line, ", ", FormatSize(attempt.bytes_done), " of ", FormatSize(attempt.bytes_total),
                ", memory ", FormatSize(attempt.memory_bytes), "\n");
}

}  // namespace

void WorkerTotals::Add(const wire::AttemptOutcome& outcome) {
  ++attempts.at(static_cast<size_t>(outcome.attempt.task.phase)).at(ResultOf(outcome));
  if (outcome.failure) return;
  for (const auto& [name, value] : outcome.counters) {
    if (name.starts_with("mr.")) counters[name] += value;
  }
}

std::string StatusText(const WorkerStatus& status) {
  std::string text = StrCat(
      "mrworker ", status.version, " '", Printable(status.name), "', ", status.state, "\n",
      "coordinator  ", status.coordinator, status.registered ? "" : " (not registered)", "\n",
      "slots        ", status.attempts.size(), " of ", status.slots, " busy\n");
  for (const WorkerStatus::Scratch& disk : status.scratch) {
    text += StrCat("scratch      ", Printable(disk.root), ", ", FormatSize(disk.free_bytes), " free, ",
                   FormatSize(disk.reserve_bytes), " kept in reserve", disk.usable ? "" : ": left out", "\n");
  }
  text += StrCat("up           ", FormatElapsed(std::max<int64_t>(status.unix_ms - status.started_unix_ms, 0)), "\n");
  if (!status.attempts.empty()) text += "\n";
  for (const WorkerStatus::Attempt& attempt : status.attempts) text += AttemptLine(attempt);
  return text;
}

std::string MetricsText(const WorkerStatus& status) {
  http::MetricsText metrics;
  metrics.Family("mr_build_info", "gauge", "The worker's version.");
  metrics.Sample("mr_build_info", http::Label("version", status.version), 1);
  metrics.Family("mr_worker_registered", "gauge", "1 while the coordinator knows this worker.");
  metrics.Sample("mr_worker_registered", "", status.registered ? 1 : 0);
  metrics.Family("mr_worker_takes_work", "gauge",
                 "0 while it drains, or its scratch directories are full up to the reserve.");
  metrics.Sample("mr_worker_takes_work", "", status.takes_work ? 1 : 0);
  metrics.Family("mr_worker_slots", "gauge", "Slots.");
  metrics.Sample("mr_worker_slots", "", status.slots);
  AddAttempts(metrics, status);
  uint64_t memory = 0;
  for (const auto& attempt : status.attempts) memory += attempt.memory_bytes;
  metrics.Family("mr_worker_memory_used_bytes", "gauge", "Memory of the running tasks.");
  metrics.Sample("mr_worker_memory_used_bytes", "", memory);
  metrics.Family("mr_worker_scratch_free_bytes", "gauge", "Free space of a scratch directory's file system.");
  for (const WorkerStatus::Scratch& disk : status.scratch)
    metrics.Sample("mr_worker_scratch_free_bytes", http::Label("path", disk.root), disk.free_bytes);
  AddTotals(metrics, status);
  AddProcess(metrics, status);
  return metrics.Take();
}

}  // namespace mr::worker
