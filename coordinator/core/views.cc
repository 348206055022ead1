#include "coordinator/core/views.h"

#include <algorithm>

#include "common/base/logging.h"
#include "common/base/strings.h"
#include "coordinator/core/manifest.h"
#include "coordinator/core/split_planner.h"

namespace mr::coordinator {
namespace {

constexpr uint32_t kMaxTasksPerPage = 10'000;

wire::PhaseProgress CountTasks(const TaskPool& pool, Phase phase) {
  wire::PhaseProgress progress;
  progress.total = static_cast<uint32_t>(pool.tasks(phase).size());
  progress.done = pool.completed_count(phase);
  progress.running = pool.running_count(phase);
  progress.failed = pool.given_up_count(phase);
  progress.retried = pool.retried_count(phase);
  progress.backups = pool.backups_started(phase);
  progress.backups_won = pool.backups_won(phase);
  return progress;
}

uint64_t FractionOf(uint64_t whole, uint64_t done, uint64_t total) {
  if (total == 0) return 0;
  if (done >= total) return whole;
  return static_cast<uint64_t>(static_cast<double>(whole) *
                               (static_cast<double>(done) / static_cast<double>(total)));
}

void FillBytes(const JobEntry& job, const JobRun& run, wire::JobView& view) {
  view.map.bytes_total = run.input_bytes;
  view.map.bytes_done = run.input_bytes_done;
  view.shuffle.bytes_total = run.shuffle_bytes;
  view.reduce.bytes_total = run.shuffle_bytes;
  for (size_t i = 0; i < job.reduces.size(); ++i) {
    if (!job.reduces[i].completion) continue;
    view.shuffle.bytes_done += run.partition_bytes[i];
    view.reduce.bytes_done += run.partition_bytes[i];
  }
  for (const TaskId& id : run.pool.running_tasks()) {
    if (id.phase == Phase::kFinish) continue;
    // Of two attempts the one that is farther counts.
    const bool map = id.phase == Phase::kMap;
    const uint64_t bytes = map ? SplitBytes(job.plan[id.index]) : run.partition_bytes[id.index];
    uint64_t done = 0, fetched = 0;
    for (const Attempt* attempt : run.pool.Find(id)->Running()) {
      // The attempt's own total may count decompressed bytes: only its fraction means something
      // here.
      done = std::max(done, FractionOf(bytes, attempt->bytes_done, attempt->bytes_total));
      fetched = std::max(fetched, std::min(bytes, attempt->shuffle_bytes_done));
    }
    (map ? view.map : view.reduce).bytes_done += done;
    if (!map) view.shuffle.bytes_done += fetched;
  }
}

std::string WaitReason(const wire::JobConfig& config, const WorkerTable& workers) {
  if (workers.alive_count() == 0) return "no worker is connected";
  uint32_t largest = 0;
  for (const Worker& worker : workers.workers()) {
    if (worker.usable()) largest = std::max(largest, worker.info.slots);
  }
  if (largest == 0) return "no worker takes tasks at the moment; see mrsubmit workers";
  if (largest < config.slots_per_task) {
    return StrCat("waiting for a worker with ", config.slots_per_task, " slots (--slots-per-task); the largest has ",
                  largest);
  }
  return "waiting for a free slot";
}

const TaskEntry* CompletedEntry(const JobEntry& job, const TaskId& task) {
  const TaskEntry* entry = job.Find(task);
  return entry != nullptr && entry->completion ? entry : nullptr;
}

wire::TaskState ShownState(const JobRun& run, const TaskId& id, const Task& task) {
  const bool waits =
      task.state == wire::TaskState::kPending || task.state == wire::TaskState::kBlocked;
  if (id.phase == Phase::kReduce && waits) {
    return run.pool.maps_done() ? wire::TaskState::kPending : wire::TaskState::kBlocked;
  }
  // The task that ended the job is shown as failed, not as cancelled with the others.
  if (run.failure && run.failure->attempt.task == id) return wire::TaskState::kFailed;
  return task.state;
}

bool Matches(const wire::ListTasksRequest& request, const JobRun& run, const TaskId& id,
             const Task& task) {
  if (request.phase && *request.phase != id.phase) return false;
  if (request.state && *request.state != ShownState(run, id, task)) return false;
  if (!request.failed_only) return true;
  return std::any_of(task.attempts.begin(), task.attempts.end(), [](const Attempt& attempt) {
    return attempt.state == wire::AttemptState::kFailed;
  });
}

}  // namespace

wire::JobState StateOf(const JobEntry& job, const JobRun& run) {
  if (job.stage == JobStage::kActive) {
    if (job.paused()) return wire::JobState::kPaused;
    return run.started_unix_ms == 0 ? wire::JobState::kQueued : wire::JobState::kRunning;
  }
  if (job.stage == JobStage::kFinishing) return wire::JobState::kFinishing;
  if (job.success) return wire::JobState::kSucceeded;
  return job.killed ? wire::JobState::kKilled : wire::JobState::kFailed;
}

wire::JobView MakeJobView(const JobEntry& job, const JobRun& run, const WorkerTable& workers,
                          bool full) {
  const wire::JobConfig& config = job.spec.config;
  wire::JobView view;
  view.id = job.id;
  view.version = run.version;
  view.name = config.name;
  view.user = config.user;
  view.plugin_name = config.plugin_name;
  view.job_name = config.job_name;
  view.priority = config.priority;
  view.state = StateOf(job, run);
  view.reason = view.state == wire::JobState::kQueued   ? WaitReason(config, workers)
                : view.state == wire::JobState::kPaused ? job.pause_reason
                                                        : job.reason;
  view.submitted_unix_ms = job.submitted_unix_ms;
  view.started_unix_ms = run.started_unix_ms;
  view.ended_unix_ms = job.ended_unix_ms;
  view.output_dir = config.output_dir;
  view.input_files = static_cast<uint32_t>(job.spec.inputs.size());
  for (const wire::InputFile& file : job.spec.inputs) view.input_bytes += file.size_bytes;
  view.map = CountTasks(run.pool, Phase::kMap);
  view.reduce = CountTasks(run.pool, Phase::kReduce);
  FillBytes(job, run, view);
  for (const Worker& worker : workers.workers()) {
    if (!worker.alive) continue;
    const auto [kept, end] = RangeOf(worker.kept_outputs, job.id);
    view.kept_maps += static_cast<uint32_t>(std::distance(kept, end));
    ++view.workers;
    view.slots_total += worker.info.slots;
    view.slots_busy += worker.busy_slots;
  }
  view.counters = run.counters;
  view.failure = run.failure;
  view.warnings = run.warnings;
  view.left_behind = job.left_behind;
  view.cpu_ms = run.cpu_ms;
  view.peak_memory_bytes = run.peak_memory_bytes;
  if (full) {
    view.map.durations_ms = run.map_durations.values();
    view.reduce.durations_ms = run.reduce_durations.values();
    if (view.state == wire::JobState::kSucceeded) view.files = PublishedFiles(job);
  }
  return view;
}

wire::TaskView MakeTaskView(const JobEntry& job, const JobRun& run, const TaskId& id) {
  const Task* task = run.pool.Find(id);
  CHECK(task != nullptr) << ToString(id);
  wire::TaskView view;
  view.id = id;
  view.state = ShownState(run, id, *task);
  if (id.phase == Phase::kMap) view.input = DescribeSplits(job.plan[id.index]);
  if (id.phase == Phase::kReduce) view.input = StrCat("partition ", id.index);
  for (const Attempt& attempt : task->attempts) {
    view.attempts.push_back({attempt.id, attempt.state, attempt.worker_name,
                             attempt.started_unix_ms, attempt.ended_unix_ms, attempt.bytes_done,
                             attempt.bytes_total, attempt.records_done, attempt.cause, attempt.backup});
  }
  if (const TaskEntry* entry = CompletedEntry(job, id)) view.counters = entry->completion->counters;
  return view;
}

wire::WorkerView MakeWorkerView(const Worker& worker) {
  wire::WorkerView view;
  view.ref = worker.ref();
  view.name = worker.info.name;
  view.host = worker.info.host;
  view.version = worker.info.version;
  view.alive = worker.alive;
  view.draining = worker.draining;
  view.slots = worker.info.slots;
  view.busy = worker.busy_slots;
  view.last_seen_unix_ms = worker.last_seen_unix_ms;
  view.tasks_completed = worker.tasks_completed;
  view.tasks_failed = worker.tasks_failed;
  view.scratch_free_bytes = worker.scratch_free_bytes;
  view.labels = worker.info.labels;
  view.taken_out = worker.taken_out;
  view.quarantined = worker.quarantine.until.has_value() || worker.quarantine.probing;
  view.note = worker.taken_out    ? worker.taken_out_reason
              : view.quarantined ? worker.quarantine.reason
                                 : worker.trouble;
  view.outputs_held = static_cast<uint32_t>(worker.map_outputs.size());
  return view;
}

wire::ListTasksResponse ListTasks(const JobEntry& job, const JobRun& run,
                                  const wire::ListTasksRequest& request) {
  wire::ListTasksResponse response;
  const uint32_t limit = std::min(request.limit, kMaxTasksPerPage);
  for (const Phase phase : {Phase::kMap, Phase::kReduce}) {
    const std::vector<Task>& tasks = run.pool.tasks(phase);
    for (uint32_t index = 0; index < tasks.size(); ++index) {
      const TaskId id{job.id, phase, index};
      if (!Matches(request, run, id, tasks[index])) continue;
      if (response.total++ < request.offset || response.tasks.size() >= limit) continue;
      response.tasks.push_back(MakeTaskView(job, run, id));
    }
  }
  return response;
}

std::string DescribeFailure(const wire::Failure& failure) {
  if (failure.type.empty()) return failure.message;
  if (failure.message.empty()) return failure.type;
  if (failure.message.starts_with(failure.type)) return failure.message;  // "SIGSEGV, access to …"
  return StrCat(failure.type, ": ", failure.message);
}

}  // namespace mr::coordinator
