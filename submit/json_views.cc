#include "submit/json_views.h"

#include <nlohmann/json.hpp>

#include "common/base/strings.h"
#include "submit/error_codes.h"
#include "submit/report.h"

namespace mr::submit {
namespace {

using json = nlohmann::ordered_json;

std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json Head(const char* type, const wire::JobView& job, int64_t now_unix_ms) {
  return {{"v", 1}, {"type", type}, {"time", FormatUtc(now_unix_ms)}, {"job", ToString(job.id)}};
}

json TimeOrNull(int64_t unix_ms) { return unix_ms == 0 ? json(nullptr) : json(FormatUtc(unix_ms)); }

json Of(const wire::PhaseProgress& phase) {
  return {{"done", phase.done},
          {"running", phase.running},
          {"total", phase.total},
          {"retried", phase.retried},
          {"failed", phase.failed},
          {"backups", phase.backups},
          {"backups_won", phase.backups_won},
          {"bytes_done", phase.bytes_done},
          {"bytes_total", phase.bytes_total}};
}

json OfShuffle(const wire::PhaseProgress& phase) {
  return {{"bytes_done", phase.bytes_done}, {"bytes_total", phase.bytes_total}};
}

// {"user":{…},"engine":{…}}
int64_t SkippedRecords(const wire::Counters& counters) {
  const auto found = counters.find("mr.skipped_records");
  return found == counters.end() ? 0 : found->second;
}

json Of(const wire::Counters& counters) {
  json user = json::object(), engine = json::object();
  for (const auto& [name, value] : counters) {
    if (IsEngineCounter(name))
      engine[name.substr(3)] = value;
    else
      user[name] = value;
  }
  return {{"user", user}, {"engine", engine}};
}

json Of(const wire::FailureReport& report) {
  const wire::Failure& failure = report.failure;
  return {{"code", CodeOf(failure.cause)},
          {"task", ToString(report.attempt.task)},
          {"attempt", ToString(report.attempt)},
          {"worker", report.worker_name},
          {"attempts_failed", report.attempts_failed},
          {"same_record", report.same_record},
          {"error", CauseText(failure)},
          {"function", failure.function},
          {"input", failure.input_path},
          {"line", failure.line_no},
          {"byte", failure.record_offset},
          {"record", failure.record_no},
          {"excerpt", failure.excerpt},
          {"record_bytes", failure.record_bytes},
          {"stack", failure.stack},
          {"log_tail", failure.log_tail}};
}

json Of(const wire::JobView& job) {
  json files = json::array();
  for (const wire::OutputFile& file : job.files) {
    files.push_back(
        {{"name", file.name}, {"bytes", file.size_bytes}, {"records", file.record_count}});
  }
  json value = {{"job", ToString(job.id)},
                {"name", job.name},
                {"state", StateName(job.state)},
                {"reason", job.reason},
                {"user", job.user},
                {"priority", wire::PriorityName(job.priority)},
                {"plugin", job.plugin_name},
                {"plugin_job", job.job_name},
                {"output", job.output_dir},
                {"submitted", TimeOrNull(job.submitted_unix_ms)},
                {"started", TimeOrNull(job.started_unix_ms)},
                {"ended", TimeOrNull(job.ended_unix_ms)},
                {"input_files", job.input_files},
                {"input_bytes", job.input_bytes},
                {"map", Of(job.map)},
                {"shuffle", OfShuffle(job.shuffle)},
                {"reduce", Of(job.reduce)},
                {"counters", Of(job.counters)},
                {"skipped_records", SkippedRecords(job.counters)},
                {"files", files},
                {"warnings", job.warnings},
                {"cpu_ms", job.cpu_ms},
                {"peak_memory_bytes", job.peak_memory_bytes},
                {"kept_maps", job.kept_maps},
                {"left_behind", job.left_behind}};
  if (job.failure) value["failure"] = Of(*job.failure);
  return value;
}

json Of(const wire::AttemptView& attempt) {
  return {{"attempt", ToString(attempt.id)},
          {"state", StateName(attempt.state)},
          {"worker", attempt.worker_name},
          {"started", TimeOrNull(attempt.started_unix_ms)},
          {"ended", TimeOrNull(attempt.ended_unix_ms)},
          {"bytes_done", attempt.bytes_done},
          {"bytes_total", attempt.bytes_total},
          {"records_done", attempt.records_done},
          {"cause", attempt.cause},
          {"backup", attempt.backup}};
}

json Of(const wire::WorkerView& worker) {
  return {{"worker", ToString(worker.ref.worker)},
          {"name", worker.name},
          {"host", worker.host},
          {"version", worker.version},
          {"alive", worker.alive},
          {"draining", worker.draining || worker.taken_out},
          {"state", WorkerStateName(worker)},
          {"note", worker.note},
          {"outputs_held", worker.outputs_held},
          {"quarantined", worker.quarantined},
          {"slots", worker.slots},
          {"busy", worker.busy},
          {"last_seen", TimeOrNull(worker.last_seen_unix_ms)},
          {"tasks_completed", worker.tasks_completed},
          {"tasks_failed", worker.tasks_failed},
          {"scratch_free_bytes", worker.scratch_free_bytes},
          {"labels", worker.labels}};
}

json Of(const wire::TaskView& task);

template <class T>
json ListOf(const std::vector<T>& items) {
  json list = json::array();
  for (const T& item : items) list.push_back(Of(item));
  return list;
}

json Of(const wire::TaskView& task) {
  return {{"task", ToString(task.id)},         {"phase", PhaseName(task.id.phase)},
          {"state", StateName(task.state)},    {"input", task.input},
          {"attempts", ListOf(task.attempts)}, {"counters", Of(task.counters)}};
}

}  // namespace

std::string_view StateName(wire::JobState state) {
  constexpr std::string_view kNames[] = {"queued",    "running", "finishing",
                                         "succeeded", "failed",  "killed", "paused"};
  const auto index = static_cast<size_t>(state);
  return index < std::size(kNames) ? kNames[index] : "unknown";
}

std::string_view StateName(wire::TaskState state) {
  constexpr std::string_view kNames[] = {"blocked",   "pending", "running",
                                         "completed", "failed",  "cancelled"};
  const auto index = static_cast<size_t>(state);
  return index < std::size(kNames) ? kNames[index] : "unknown";
}

std::string_view StateName(wire::AttemptState state) {
  constexpr std::string_view kNames[] = {"running", "completed", "failed", "aborted", "lost"};
  const auto index = static_cast<size_t>(state);
  return index < std::size(kNames) ? kNames[index] : "unknown";
}

std::string StageJson(uint32_t stage, uint32_t stages, const std::string& output_dir) {
  return Dump({{"v", 1}, {"type", "stage"}, {"stage", stage}, {"stages", stages}, {"output", output_dir}});
}

std::string SubmittedJson(const wire::JobView& job, int64_t now_unix_ms) {
  json line = Head("submitted", job, now_unix_ms);
  line["name"] = job.name;
  line["map_tasks"] = job.map.total;
  line["reduce_tasks"] = job.reduce.total;
  line["input_bytes"] = job.input_bytes;
  line["input_files"] = job.input_files;
  line["output"] = job.output_dir;
  return Dump(line);
}

std::string ProgressJson(const wire::JobView& job, const ProgressMeter::Eta& eta,
                         int64_t now_unix_ms) {
  json line = Head("progress", job, now_unix_ms);
  line["map"] = Of(job.map);
  line["shuffle"] = OfShuffle(job.shuffle);
  line["reduce"] = Of(job.reduce);
  line["eta_s"] = eta.kind == ProgressMeter::EtaKind::kKnown ? json(eta.seconds) : json(nullptr);
  return Dump(line);
}

std::string StateJson(const wire::JobView& job, int64_t now_unix_ms) {
  json line = Head("state", job, now_unix_ms);
  line["state"] = StateName(job.state);
  line["reason"] = job.reason;
  return Dump(line);
}

std::string WarningJson(const wire::JobView& job, const std::string& text, int64_t now_unix_ms) {
  json line = Head("finding", job, now_unix_ms);
  line["text"] = text;
  return Dump(line);
}

std::string TaskFailedJson(const wire::JobView& job, int64_t now_unix_ms) {
  json line = Head("task_failed", job, now_unix_ms);
  if (job.failure) line.update(Of(*job.failure));
  return Dump(line);
}

std::string ResultJson(const wire::JobView& job, int exit_code, int64_t now_unix_ms) {
  json line = Head("result", job, now_unix_ms);
  line["state"] = StateName(job.state);
  line["exit_code"] = exit_code;
  line["reason"] = job.reason;
  line["output"] = job.output_dir;
  line["wall_s"] =
      static_cast<double>(std::max<int64_t>(job.ended_unix_ms - job.submitted_unix_ms, 0)) / 1000.0;
  line["cpu_ms"] = job.cpu_ms;
  line["peak_memory_bytes"] = job.peak_memory_bytes;  // of the largest task
  line["counters"] = Of(job.counters);
  line["files"] = Of(job)["files"];
  if (job.failure) line["failure"] = Of(*job.failure);
  return Dump(line);
}

std::string JobJson(const wire::JobView& job) { return Dump(Of(job)); }
std::string JobsJson(const std::vector<wire::JobView>& jobs) { return Dump(ListOf(jobs)); }
std::string TasksJson(const std::vector<wire::TaskView>& tasks) { return Dump(ListOf(tasks)); }
std::string ExplainJson(const wire::ExplainResponse& answer) {
  json waiting = json::array();
  for (const wire::WaitingTasks& group : answer.waiting) {
    json tasks = json::array();
    for (const TaskId& task : group.tasks) tasks.push_back(ToString(task));
    waiting.push_back({{"phase", PhaseName(group.phase)},
                       {"count", group.count},
                       {"tasks", tasks},
                       {"reason", group.reason},
                       {"fix", group.fix}});
  }
  return Dump({{"job", ToString(answer.job)},
               {"state", StateName(answer.state)},
               {"summary", answer.summary},
               {"waiting", waiting}});
}

std::string WorkerStateName(const wire::WorkerView& worker) {
  if (!worker.alive) return "gone";
  if (worker.taken_out) return worker.busy > 0 || worker.outputs_held > 0 ? "draining" : "drained";
  if (worker.draining) return "draining";
  return worker.quarantined ? "quarantined" : "alive";
}

std::string WorkersJson(const std::vector<wire::WorkerView>& workers) {
  return Dump(ListOf(workers));
}
std::string CountersJson(const wire::Counters& counters) { return Dump(Of(counters)); }

std::string ClusterJson(const wire::ClusterResponse& cluster,
                        const std::vector<wire::JobView>& jobs) {
  json members = json::array();
  for (const wire::MemberView& member : cluster.members) {
    members.push_back({{"node", member.node},
                       {"endpoint", member.endpoint},
                       {"leads", member.leads},
                       {"answers", member.answers},
                       {"match_index", member.match_index}});
  }
  return Dump({{"cluster", cluster.cluster},
               {"version", cluster.version},
               {"started", TimeOrNull(cluster.started_unix_ms)},
               {"http", cluster.http},
               {"jobs_running", cluster.jobs_running},
               {"jobs_queued", cluster.jobs_queued},
               {"members", std::move(members)},
               {"term", cluster.term},
               {"commit_index", cluster.commit_index},
               {"applied_index", cluster.applied_index},
               {"workers", ListOf(cluster.workers)},
               {"jobs", ListOf(jobs)}});
}

std::string LogJson(const wire::GetLogResponse& log) {
  return Dump({{"attempt", ToString(log.attempt)},
               {"state", StateName(log.state)},
               {"offset", log.offset},
               {"text", log.text}});
}

std::string SpecJson(const wire::JobSpec& spec) {
  const wire::JobConfig& config = spec.config;
  json inputs = json::array();
  for (const wire::InputFile& file : spec.inputs) {
    inputs.push_back({{"path", file.path}, {"tag", file.tag}, {"bytes", file.size_bytes}});
  }
  return Dump({{"name", config.name},
               {"user", config.user},
               {"plugin", config.plugin_name},
               {"plugin_sha256", config.plugin_sha256},
               {"plugin_job", config.job_name},
               {"params", config.params},
               {"files", config.side_files},
               {"environment", config.environment},
               {"output", config.output_dir},
               {"overwrite", config.overwrite},
               {"reducers", config.reducers},
               {"combine", config.combine},
               {"split_bytes", config.split_bytes},
               {"task_memory_bytes", config.task_memory_bytes},
               {"memory_limit_bytes", config.memory_limit_bytes},
               {"max_attempts", config.max_attempts},
               {"max_failed_tasks", wire::FormatPermille(config.max_failed_permille)},
               {"skip_bad_records", config.skip_bad_records},
               {"backup", config.backup},
               {"backup_factor", config.backup_factor_percent / 100.0},
               {"max_running", config.max_running},
               {"task_timeout_ms", config.task_timeout_ms},
               {"seed", config.seed},
               {"job_dir", config.job_dir},
               {"labels", config.labels},
               {"inputs", inputs}});
}

std::string PlanJson(const wire::SubmitJobResponse& plan, const wire::JobSpec& spec) {
  return Dump({{"map_tasks", plan.map_count},
               {"reduce_tasks", plan.reduce_count},
               {"input_bytes", plan.input_bytes},
               {"splits", plan.preview},
               {"spec", json::parse(SpecJson(spec))}});
}

std::string SettingsJson(const Settings& settings) {
  json value = json::object();
  for (const auto& [name, setting] : settings.values()) {
    value[name] = {{"values", setting.values}, {"origin", setting.origin}};
  }
  return Dump(value);
}

std::string SetJson(const std::string& id, const wire::SetJobResponse& answer) {
  return Dump({{"job", id},
               {"state", StateName(answer.state)},
               {"resumed", answer.resumed},
               {"maps_kept", answer.maps_kept},
               {"reduces_kept", answer.reduces_kept}});
}

std::string GcJson(const wire::GcResponse& answer, const std::vector<Leftover>& leftovers,
                   const std::vector<std::string>& kept, bool dry_run) {
  json directories = json::array();
  for (size_t i = 0; i < leftovers.size(); ++i) {
    directories.push_back({{"path", leftovers[i].path},
                           {"job", ToString(leftovers[i].claim.job)},
                           {"bytes", leftovers[i].bytes},
                           {"removed", kept[i].empty() && !dry_run},
                           {"kept_because", kept[i]}});
  }
  return Dump({{"dry_run", dry_run},
               {"map_outputs", answer.map_outputs},
               {"map_output_bytes", answer.map_output_bytes},
               {"plugins", answer.plugins},
               {"plugin_bytes", answer.plugin_bytes},
               {"workers_sweeping", answer.workers},
               {"directories", directories}});
}

std::string KillJson(const std::vector<KillResult>& results) {
  json list = json::array();
  for (const KillResult& result : results) {
    list.push_back({{"id", result.id},
                    {"already_ended", result.already_ended},
                    {"state", StateName(result.state)}});
  }
  return Dump(list);
}

}  // namespace mr::submit
