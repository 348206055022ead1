#include "coordinator/core/job_run.h"

#include <algorithm>

#include "common/base/logging.h"
#include "coordinator/core/split_planner.h"

namespace mr::coordinator {
namespace {

constexpr size_t kMaxDurations = 1000;

void AddCounters(wire::Counters& sum, const wire::Counters& part, int64_t sign) {
  for (const auto& [name, value] : part) {
    // Wraps instead of overflowing: the values are the user's.
    int64_t& total = sum[name];
    total = static_cast<int64_t>(static_cast<uint64_t>(total) +
                                 static_cast<uint64_t>(sign) * static_cast<uint64_t>(value));
  }
}

uint32_t DurationMs(const wire::AttemptTimes& times) {
  return static_cast<uint32_t>(
      std::clamp<int64_t>(times.ended_unix_ms - times.started_unix_ms, 0, UINT32_MAX));
}

bool SameRecord(const wire::Failure& a, const wire::Failure& b) {
  return a.input_path == b.input_path && a.record_offset == b.record_offset &&
         a.record_no == b.record_no && a.excerpt == b.excerpt;
}

}  // namespace

void JobLogs::Append(const AttemptId& attempt, std::string_view bytes) {
  if (bytes.empty()) return;
  Ring& ring = rings_[attempt];
  ring.touched = ++clock_;
  ring.text.append(bytes);
  total_bytes_ += bytes.size();
  if (ring.text.size() > kMaxLogBytesPerAttempt) {
    const size_t drop = ring.text.size() - kMaxLogBytesPerAttempt;
    ring.text.erase(0, drop);
    ring.begin += drop;
    total_bytes_ -= drop;
  }
  while (total_bytes_ > kMaxLogBytesPerJob) DropOldest();
}

void JobLogs::DropOldest() {
  const auto oldest = std::min_element(
      rings_.begin(), rings_.end(),
      [](const auto& a, const auto& b) { return a.second.touched < b.second.touched; });
  CHECK(oldest != rings_.end());
  total_bytes_ -= oldest->second.text.size();
  rings_.erase(oldest);
}

JobLogs::Piece JobLogs::Read(const AttemptId& attempt, uint64_t offset) const {
  const auto found = rings_.find(attempt);
  if (found == rings_.end()) return {offset, {}};
  const Ring& ring = found->second;
  const uint64_t end = ring.begin + ring.text.size();
  const uint64_t from = std::clamp(offset, ring.begin, end);
  return {from, ring.text.substr(from - ring.begin)};
}

void DurationSample::Add(uint32_t milliseconds) {
  if (++skipped_ < stride_) return;
  skipped_ = 0;
  values_.push_back(milliseconds);
  if (values_.size() < kMaxDurations) return;
  for (size_t i = 0; i < values_.size() / 2; ++i) values_[i] = values_[2 * i];
  values_.resize(values_.size() / 2);
  stride_ *= 2;
}

JobRun::JobRun(const JobEntry& job, uint64_t epoch)
    : id(job.id),
      pool(job.id, epoch, static_cast<uint32_t>(job.maps.size()),
           static_cast<uint32_t>(job.reduces.size())),
      partition_bytes(job.reduces.size()) {
  for (const wire::MapWork& work : job.plan) input_bytes += SplitBytes(work);
}

bool JobRun::Excludes(WorkerId worker) const {
  const auto found = failures_at.find(worker);
  return found != failures_at.end() && found->second >= kFailuresToExclude;
}

void JobRun::NoteSuccess(WorkerId worker, Time at) {
  if (last_successes[0] && last_successes[0]->worker != worker) last_successes[1] = last_successes[0];
  last_successes[0] = Success{worker, at};
}

bool JobRun::SucceededElsewhere(WorkerId worker, Time since) const {
  return std::any_of(last_successes.begin(), last_successes.end(), [&](const std::optional<Success>& success) {
    return success && success->worker != worker && success->at >= since;
  });
}

void JobRun::Warn(std::string text) {
  if (warnings.size() == kMaxWarnings) warnings.erase(warnings.begin());
  warnings.push_back(std::move(text));
  News();
}

void JobRun::CountMap(const JobEntry& job, uint32_t index, const Completion& completion) {
  AddCounters(counters, completion.counters, +1);
  input_bytes_done += SplitBytes(job.plan[index]);
  if (!earlier.contains(index)) map_durations.Add(DurationMs(completion.times));
  const auto& result = std::get<wire::MapResult>(completion.result);
  for (size_t i = 0; i < partition_bytes.size(); ++i) {
    partition_bytes[i] += result.partition_bytes[i];
    shuffle_bytes += result.partition_bytes[i];
  }
}

void JobRun::UncountMap(const JobEntry& job, uint32_t index, const Completion& completion) {
  AddCounters(counters, completion.counters, -1);
  input_bytes_done -= SplitBytes(job.plan[index]);
  const auto& result = std::get<wire::MapResult>(completion.result);
  for (size_t i = 0; i < partition_bytes.size(); ++i) {
    partition_bytes[i] -= result.partition_bytes[i];
    shuffle_bytes -= result.partition_bytes[i];
  }
}

void JobRun::CountReduce(const Completion& completion) {
  AddCounters(counters, completion.counters, +1);
  reduce_durations.Add(DurationMs(completion.times));
}

void JobRun::CountCost(const wire::AttemptTimes& times) {
  cpu_ms += std::max<int64_t>(times.cpu_ms, 0);
  peak_memory_bytes = std::max(peak_memory_bytes, times.peak_memory_bytes);
}

wire::FailureReport MakeFailureReport(const TaskEntry& task) {
  CHECK(!task.failures.empty());
  const FailedAttempt& last = task.failures.back();
  wire::FailureReport report;
  report.attempt = last.attempt;
  report.worker_name = last.worker_name;
  report.failure = last.failure;
  report.attempts_failed = static_cast<uint32_t>(task.failures.size());
  for (size_t i = 0; i + 1 < task.failures.size(); ++i)
    report.earlier_workers.push_back(task.failures[i].worker_name);
  const bool has_record = last.failure.record_no > 0 || !last.failure.input_path.empty() ||
                          !last.failure.excerpt.empty();
  report.same_record = has_record && std::all_of(task.failures.begin(), task.failures.end(),
                                                 [&](const auto& failed) {
                                                   return SameRecord(failed.failure, last.failure);
                                                 });
  return report;
}

}  // namespace mr::coordinator
