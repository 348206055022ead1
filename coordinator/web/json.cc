#include "coordinator/web/json.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/base/clock.h"
#include "common/base/strings.h"
#include "common/http/metrics_text.h"

namespace mr::coordinator {
namespace {

using Json = nlohmann::ordered_json;

// Names, keys and messages are users' bytes: what is not UTF-8 is replaced, never an exception.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

const char* Name(wire::JobState state) {
  static constexpr std::array names{"queued",    "running", "finishing",
                                    "succeeded", "failed",  "killed", "paused"};
  return names.at(static_cast<size_t>(state));
}
const char* Name(wire::TaskState state) {
  static constexpr std::array names{"blocked",   "pending", "running",
                                    "completed", "failed",  "cancelled"};
  return names.at(static_cast<size_t>(state));
}
const char* Name(wire::AttemptState state) {
  static constexpr std::array names{"running", "completed", "failed", "aborted", "lost"};
  return names.at(static_cast<size_t>(state));
}

Json TimeJson(int64_t unix_ms) { return unix_ms == 0 ? Json() : Json(FormatUtc(unix_ms)); }

Json PhaseJson(const wire::PhaseProgress& phase) {
  Json json{{"total", phase.total},
            {"done", phase.done},
            {"running", phase.running},
            {"retried", phase.retried},
            {"failed", phase.failed},
            {"backups", phase.backups},
            {"backups_won", phase.backups_won},
            {"bytes_total", phase.bytes_total},
            {"bytes_done", phase.bytes_done}};
  return json;
}

Json FailureJson(const wire::FailureReport& report) {
  const wire::Failure& failure = report.failure;
  return Json{{"attempt", ToString(report.attempt)},
              {"worker", report.worker_name},
              {"attempts_failed", report.attempts_failed},
              {"same_record", report.same_record},
              {"type", failure.type},
              {"message", failure.message},
              {"function", failure.function},
              {"input", failure.input_path},
              {"line", failure.line_no},
              {"record", failure.record_no},
              {"offset", failure.record_offset},
              {"excerpt", Printable(failure.excerpt)},
              {"stack", failure.stack},
              {"log_tail", failure.log_tail}};
}

Json JobToJson(const Snapshot& snapshot, const wire::JobView& job) {
  const std::string id = ToString(job.id);
  const int64_t end = job.ended_unix_ms != 0 ? job.ended_unix_ms : snapshot.unix_ms;
  Json json{{"id", id},
            {"version", job.version},
            {"name", job.name},
            {"user", job.user},
            {"priority", wire::PriorityName(job.priority)},
            {"plugin", job.plugin_name},
            {"job", job.job_name},
            {"state", Name(job.state)},
            {"reason", job.reason},
            {"submitted_at", TimeJson(job.submitted_unix_ms)},
            {"started_at", TimeJson(job.started_unix_ms)},
            {"ended_at", TimeJson(job.ended_unix_ms)},
            {"elapsed_s",
             static_cast<double>(std::max<int64_t>(end - job.submitted_unix_ms, 0)) / 1000.0},
            {"output", job.output_dir},
            {"input_files", job.input_files},
            {"input_bytes", job.input_bytes},
            {"phases",
             {{"map", PhaseJson(job.map)},
              {"shuffle",
               {{"bytes_total", job.shuffle.bytes_total}, {"bytes_done", job.shuffle.bytes_done}}},
              {"reduce", PhaseJson(job.reduce)}}},
            {"counters", job.counters},
            {"warnings", job.warnings},
            {"cpu_s", static_cast<double>(job.cpu_ms) / 1000.0},
            {"peak_memory_bytes", job.peak_memory_bytes},
            {"links", {{"tasks", StrCat("/api/v1/jobs/", id, "/tasks")}}}};
  if (job.failure) json["failure"] = FailureJson(*job.failure);
  return json;
}

Json TaskToJson(const wire::TaskView& task) {
  Json attempts = Json::array();
  for (const wire::AttemptView& attempt : task.attempts) {
    attempts.push_back({{"id", ToString(attempt.id)},
                        {"state", Name(attempt.state)},
                        {"worker", attempt.worker_name},
                        {"started_at", TimeJson(attempt.started_unix_ms)},
                        {"ended_at", TimeJson(attempt.ended_unix_ms)},
                        {"bytes_done", attempt.bytes_done},
                        {"bytes_total", attempt.bytes_total},
                        {"records_done", attempt.records_done},
                        {"cause", attempt.cause},
                        {"backup", attempt.backup}});
  }
  return Json{{"id", ToString(task.id)},         {"phase", PhaseName(task.id.phase)},
              {"state", Name(task.state)},       {"input", task.input},
              {"attempts", std::move(attempts)}, {"counters", task.counters}};
}

Json WorkerToJson(const wire::WorkerView& worker) {
  return Json{{"id", ToString(worker.ref)},
              {"name", worker.name},
              {"host", worker.host},
              {"version", worker.version},
              {"state", !worker.alive     ? "lost"
                        : worker.draining || worker.taken_out ? "draining"
                        : worker.quarantined ? "quarantined"
                                          : "alive"},
              {"slots", worker.slots},
              {"busy", worker.busy},
              {"last_seen_at", TimeJson(worker.last_seen_unix_ms)},
              {"tasks_completed", worker.tasks_completed},
              {"tasks_failed", worker.tasks_failed},
              {"scratch_free_bytes", worker.scratch_free_bytes},
              {"note", worker.note},
              {"outputs_held", worker.outputs_held},
              {"labels", worker.labels}};
}

struct Slots {
  uint32_t busy = 0;
  uint32_t total = 0;
  uint32_t alive = 0;
};

Slots CountSlots(const Snapshot& snapshot) {
  Slots slots;
  for (const wire::WorkerView& worker : snapshot.cluster.workers) {
    if (!worker.alive) continue;
    ++slots.alive;
    slots.busy += worker.busy;
    slots.total += worker.slots;
  }
  return slots;
}

const wire::JobView* FindJob(const Snapshot& snapshot, JobId id) {
  const auto found = std::find_if(snapshot.jobs.begin(), snapshot.jobs.end(),
                                  [id](const wire::JobView& job) { return job.id == id; });
  return found == snapshot.jobs.end() ? nullptr : &*found;
}

void AddTaskMetrics(http::MetricsText& metrics, const Snapshot& snapshot) {
  std::array<uint64_t, 4> map{}, reduce{};  // total, done, running, retried
  for (const wire::JobView& job : snapshot.jobs) {
    if (wire::IsEnded(job.state)) continue;
    const auto add = [](std::array<uint64_t, 4>& sum, const wire::PhaseProgress& phase) {
      sum[0] += phase.total;
      sum[1] += phase.done;
      sum[2] += phase.running;
      sum[3] += phase.retried;
    };
    add(map, job.map);
    add(reduce, job.reduce);
  }
  metrics.Family("mr_tasks", "gauge", "Tasks of active jobs.");
  for (const auto& [phase, sum] : {std::pair{"map", map}, std::pair{"reduce", reduce}}) {
    metrics.Sample("mr_tasks", StrCat("phase=\"", phase, "\",state=\"completed\""), sum[1]);
    metrics.Sample("mr_tasks", StrCat("phase=\"", phase, "\",state=\"running\""), sum[2]);
    metrics.Sample("mr_tasks", StrCat("phase=\"", phase, "\",state=\"waiting\""),
                   sum[0] - sum[1] - sum[2]);
  }
}

void AddLogMetrics(http::MetricsText& metrics, const ReplicaView& replica) {
  const auto add = [&](const char* name, const char* type, const char* help, uint64_t value) {
    metrics.Family(name, type, help);
    metrics.Sample(name, "", value);
  };
  add("mr_log_leads", "gauge", "1 while this member of the replicated log leads.", replica.leads ? 1 : 0);
  add("mr_log_term", "gauge", "Term of the log.", replica.term);
  add("mr_log_commit_index", "gauge", "Newest entry that is agreed on.", replica.commit_index);
  add("mr_log_applied_index", "gauge", "Newest entry that is in the state.", replica.applied_index);
  add("mr_log_elections_total", "counter", "Elections that this member began.", replica.elections);
  add("mr_log_leader_changes_total", "counter", "How often this member learnt of a leader.", replica.leader_changes);
  add("mr_log_proposals_total", "counter", "Entries that this member proposed as leader.", replica.proposals);
  add("mr_log_snapshots_total", "counter", "Snapshots that this member saved.", replica.snapshots_saved);
  add("mr_log_snapshots_received_total", "counter", "Snapshots that came from a leader.", replica.snapshots_loaded);
  add("mr_log_syncs_total", "counter", "Writes that were made durable.", replica.syncs);
  metrics.Family("mr_log_sync_seconds_total", "counter", "Time that they took.");
  metrics.Seconds("mr_log_sync_seconds_total", "", replica.sync_us / 1000);
  metrics.Family("mr_log_longest_sync_seconds", "gauge", "The longest of them.");
  metrics.Seconds("mr_log_longest_sync_seconds", "", replica.longest_sync_us / 1000);
  add("mr_log_dropped_messages_total", "counter", "Messages of members that made no sense or came from elsewhere.",
      replica.dropped_messages);
}

}  // namespace

std::string ClusterJson(const Snapshot& snapshot) {
  const Slots slots = CountSlots(snapshot);
  const wire::ClusterResponse& cluster = snapshot.cluster;
  return Dump({{"cluster", cluster.cluster},
               {"version", cluster.version},
               {"started_at", TimeJson(cluster.started_unix_ms)},
               {"now", TimeJson(snapshot.unix_ms)},
               {"jobs_running", cluster.jobs_running},
               {"jobs_queued", cluster.jobs_queued},
               {"workers_alive", slots.alive},
               {"slots_busy", slots.busy},
               {"slots_total", slots.total},
               {"replicated", snapshot.replica.replicated},
               {"node", snapshot.replica.node},
               {"leader", snapshot.replica.leader},
               {"leads", snapshot.replica.leads},
               {"term", snapshot.replica.term},
               {"commit_index", snapshot.replica.commit_index},
               {"applied_index", snapshot.replica.applied_index}});
}

std::string JobsJson(const Snapshot& snapshot) {
  Json jobs = Json::array();
  for (const wire::JobView& job : snapshot.jobs) jobs.push_back(JobToJson(snapshot, job));
  return Dump({{"jobs", std::move(jobs)}});
}

std::string WorkersJson(const Snapshot& snapshot) {
  Json workers = Json::array();
  for (const wire::WorkerView& worker : snapshot.cluster.workers)
    workers.push_back(WorkerToJson(worker));
  return Dump({{"workers", std::move(workers)}});
}

std::optional<std::string> JobJson(const Snapshot& snapshot, JobId id) {
  const wire::JobView* job = FindJob(snapshot, id);
  if (job == nullptr) return std::nullopt;
  return Dump(JobToJson(snapshot, *job));
}

std::optional<std::string> TasksJson(const Snapshot& snapshot, JobId id) {
  const wire::JobView* job = FindJob(snapshot, id);
  if (job == nullptr) return std::nullopt;
  Json tasks = Json::array();
  const auto found = snapshot.tasks.find(id);
  if (found != snapshot.tasks.end()) {
    for (const wire::TaskView& task : *found->second) tasks.push_back(TaskToJson(task));
  }
  const uint64_t total = uint64_t{job->map.total} + job->reduce.total;
  return Dump({{"job", ToString(id)}, {"total", total}, {"tasks", std::move(tasks)}});
}

std::string ErrorJson(const std::string& code, const std::string& message) {
  return Dump({{"error", {{"code", code}, {"message", message}}}});
}

std::string MetricsText(const Snapshot& snapshot) {
  http::MetricsText metrics;
  metrics.Family("mr_build_info", "gauge", "The coordinator's version.");
  metrics.Sample("mr_build_info", StrCat("version=\"", snapshot.cluster.version, "\""), 1);
  metrics.Family("mr_jobs", "gauge", "Jobs that are remembered, by state.");
  std::array<uint64_t, 7> states{};
  for (const wire::JobView& job : snapshot.jobs) ++states.at(static_cast<size_t>(job.state));
  for (size_t i = 0; i < states.size(); ++i) {
    metrics.Sample("mr_jobs", StrCat("state=\"", Name(static_cast<wire::JobState>(i)), "\""),
                   states[i]);
  }
  AddTaskMetrics(metrics, snapshot);
  const Slots slots = CountSlots(snapshot);
  metrics.Family("mr_workers", "gauge", "Workers, by state.");
  metrics.Sample("mr_workers", "state=\"alive\"", slots.alive);
  metrics.Sample("mr_workers", "state=\"lost\"", snapshot.cluster.workers.size() - slots.alive);
  metrics.Family("mr_slots", "gauge", "Slots of live workers.");
  metrics.Sample("mr_slots", "state=\"busy\"", slots.busy);
  metrics.Sample("mr_slots", "state=\"free\"", slots.total - std::min(slots.busy, slots.total));
  metrics.Family("mr_core_steps_total", "counter", "Events that the coordinator's core has taken.");
  metrics.Sample("mr_core_steps_total", "", snapshot.steps_total);
  metrics.Family("mr_records_total", "counter", "Records written.");
  metrics.Sample("mr_records_total", "", snapshot.records_total);
  metrics.Family("mr_replies_total", "counter", "Answers sent.");
  metrics.Sample("mr_replies_total", "", snapshot.replies_total);
  AddLogMetrics(metrics, snapshot.replica);
  return metrics.Take();
}

}  // namespace mr::coordinator
