#include "coordinator/core/describe.h"

#include <array>

#include "common/base/strings.h"
#include "coordinator/core/split_planner.h"

namespace mr::coordinator {
namespace {

std::string List(const std::vector<AttemptId>& attempts) {
  std::string text;
  for (const AttemptId& attempt : attempts)
    text += StrCat(text.empty() ? "" : ",", ToString(attempt));
  return StrCat("[", text, "]");
}

struct RecordPrinter {
  std::string operator()(const wire::PluginStored& record) const {
    return StrCat("PluginStored ", record.sha256.substr(0, 8), " ", record.size_bytes, " bytes");
  }
  std::string operator()(const wire::PluginRemoved& record) const {
    return StrCat("PluginRemoved ", record.sha256.substr(0, 8));
  }
  std::string operator()(const wire::JobSubmitted& record) const {
    return StrCat("JobSubmitted ", ToString(record.job), " to ", record.spec.config.output_dir);
  }
  std::string operator()(const wire::MapCompleted& record) const {
    return StrCat("MapCompleted ", ToString(record.attempt), " by ", ToString(record.worker));
  }
  std::string operator()(const wire::MapOutputLost& record) const {
    return StrCat("MapOutputLost ", ToString(record.attempt), ": ", record.reason);
  }
  std::string operator()(const wire::CommitGrantedRecord& record) const {
    return StrCat("CommitGranted ", ToString(record.attempt), " at ", ToString(record.worker));
  }
  std::string operator()(const wire::CommitRevoked& record) const {
    return StrCat("CommitRevoked ", ToString(record.attempt));
  }
  std::string operator()(const wire::ReduceCommitted& record) const {
    return StrCat("ReduceCommitted ", ToString(record.attempt));
  }
  std::string operator()(const wire::AttemptFailed& record) const {
    return StrCat("AttemptFailed ", ToString(record.attempt), " on ", record.worker_name, ": ",
                  record.failure.message);
  }
  std::string operator()(const wire::TaskGivenUp& record) const {
    return StrCat("TaskGivenUp ", ToString(record.task));
  }
  std::string operator()(const wire::JobFinishing& record) const {
    return StrCat("JobFinishing ", ToString(record.job),
                  record.success  ? " success"
                  : record.killed ? " killed"
                                  : " failure",
                  record.reason.empty() ? "" : ": ", record.reason);
  }
  std::string operator()(const wire::JobEnded& record) const {
    return StrCat("JobEnded ", ToString(record.job));
  }
  std::string operator()(const wire::JobPaused& record) const {
    return StrCat("JobPaused ", ToString(record.job), ": ", record.reason);
  }
  std::string operator()(const wire::JobChanged& record) const {
    std::string text = StrCat("JobChanged ", ToString(record.job));
    if (record.plugin_sha256) text += StrCat(" plugin ", record.plugin_sha256->substr(0, 8));
    if (record.max_running) text += StrCat(" max_running ", *record.max_running);
    return text;
  }
  std::string operator()(const wire::HistoryExpired& record) const {
    return StrCat("HistoryExpired ", ToString(record.job));
  }
};

struct WorkPrinter {
  std::string operator()(const wire::MapWork& work) const { return DescribeSplits(work); }
  std::string operator()(const wire::ReduceWork& work) const {
    std::string text = StrCat("partition ", work.partition, " from");
    for (const wire::MapOutput& source : work.sources) {
      text += StrCat(" ", ToString(source.attempt), "@", source.endpoint);
    }
    return work.complete ? text : StrCat(text, " and more to come after ", work.position);
  }
  std::string operator()(const wire::FinishWork& work) const {
    return StrCat(work.success ? "commit of " : "cleanup of ", work.files.size(), " files",
                  work.bad_records.empty() ? std::string()
                                           : StrCat(" and ", work.bad_records.size(), " of bad records"));
  }
};

std::string SkipText(const std::vector<wire::BadRecord>& skip) {
  std::string text;
  for (const wire::BadRecord& record : skip) {
    text += record.input_path.empty() ? StrCat(" without key ", Printable(record.data))
                                      : StrCat(" without ", record.input_path, "@", record.offset);
  }
  return text;
}

std::string UpdatesText(const std::vector<wire::SourceUpdate>& updates) {
  std::string text;
  for (const wire::SourceUpdate& update : updates) {
    text += StrCat(text.empty() ? "" : "; ", "for ", ToString(update.attempt), ":");
    for (const wire::MapOutput& source : update.sources) text += StrCat(" ", ToString(source.attempt), "@", source.endpoint);
    for (const uint32_t map : update.gone) text += StrCat(" m", map, " is gone");
    text += update.complete ? std::string(" and that is all") : StrCat(" and more to come after ", update.position);
  }
  return text.empty() ? "nothing" : text;
}

struct ResponsePrinter {
  std::string operator()(const wire::ErrorResponse& response) const {
    return StrCat("error ", ErrorCodeName(response.code), ": ", response.text);
  }
  std::string operator()(const wire::ClusterResponse& response) const {
    std::string text =
        StrCat("cluster ", response.jobs_running, " running ", response.jobs_queued, " queued");
    for (const wire::WorkerView& worker : response.workers) {
      text += StrCat("; ", ToString(worker.ref), " ", worker.name,
                     !worker.alive ? " lost " : worker.quarantined ? " quarantined " : " alive ", worker.busy, "/", worker.slots);
    }
    return text;
  }
  std::string operator()(const wire::PutBlobResponse& response) const {
    return StrCat("stored ", response.received_bytes, response.complete ? " complete" : "");
  }
  std::string operator()(const wire::GetBlobResponse& response) const {
    return StrCat("blob ", response.bytes.size(), " of ", response.total_bytes);
  }
  std::string operator()(const wire::SubmitJobResponse& response) const {
    return StrCat("submitted ", ToString(response.job), ": ", response.map_count, " maps, ",
                  response.reduce_count, " reduces, ", response.input_bytes, " bytes",
                  response.reusable_maps > 0 ? StrCat(", ", response.reusable_maps, " maps reusable") : std::string(),
                  response.resume_note.empty() ? "" : "; ", response.resume_note);
  }
  std::string operator()(const wire::JobResponse& response) const { return Brief(response.job); }
  std::string operator()(const wire::ListJobsResponse& response) const {
    std::string text = "jobs";
    for (const wire::JobView& job : response.jobs) text += StrCat("\n    ", Brief(job));
    return text;
  }
  std::string operator()(const wire::ListTasksResponse& response) const {
    std::string text = StrCat("tasks ", response.total);
    for (const wire::TaskView& task : response.tasks) text += StrCat("\n    ", Brief(task));
    return text;
  }
  std::string operator()(const wire::GetLogResponse& response) const {
    return StrCat("log of ", ToString(response.attempt), " from ", response.offset, ": ",
                  Printable(response.text));
  }
  std::string operator()(const wire::KillResponse& response) const {
    return StrCat("kill: ", JobStateName(response.state), response.already_ended ? " already" : "");
  }
  std::string operator()(const wire::GetSpecResponse& response) const {
    return StrCat("spec with ", response.spec.inputs.size(), " inputs");
  }
  std::string operator()(const wire::ExplainResponse& response) const {
    std::string text = response.summary;
    for (const wire::WaitingTasks& group : response.waiting) {
      text += StrCat("\n    ", group.count, " ", PhaseName(group.phase), ":");
      for (const TaskId& task : group.tasks) text += StrCat(" ", ToString(task));
      text += StrCat(": ", group.reason);
      if (!group.fix.empty()) text += StrCat(" -> ", group.fix);
    }
    return text;
  }
  std::string operator()(const wire::DrainResponse& response) const {
    const wire::WorkerView& worker = response.worker;
    return StrCat("worker ", worker.name, worker.taken_out ? " taken out" : " put back", ", busy ", worker.busy,
                  ", holds ", worker.outputs_held, worker.note.empty() ? "" : ": ", worker.note);
  }
  std::string operator()(const wire::SetJobResponse& response) const {
    return StrCat("set: ", JobStateName(response.state), response.resumed ? " resumed" : "", ", kept ",
                  response.maps_kept, " maps, ", response.reduces_kept, " reduces");
  }
  std::string operator()(const wire::NotLeaderResponse& response) const {
    return StrCat("not the leader; of term ", response.term, " it is ", response.endpoint);
  }
  std::string operator()(const wire::GcResponse& response) const {
    std::string text = StrCat("gc: ", response.map_outputs, " map outputs (", response.map_output_bytes, " bytes), ",
                              response.plugins, " plugins (", response.plugin_bytes, " bytes), ", response.workers,
                              " workers");
    for (const wire::ClaimAnswer& claim : response.claims)
      text += claim.ended ? " ended" : claim.known ? " active" : " unknown";
    return text;
  }
  std::string operator()(const wire::RegisterResponse& response) const {
    std::string text = StrCat("registered ", ToString(response.worker));
    if (!response.keep_running.empty())
      text += StrCat(" keep running ", List(response.keep_running));
    if (!response.keep_outputs.empty())
      text += StrCat(" keep outputs ", List(response.keep_outputs));
    return text;
  }
  std::string operator()(const wire::WorkResponse& response) const {
    if (response.verdict == wire::WorkVerdict::kNothing) return UpdatesText(response.updates);
    if (response.verdict == wire::WorkVerdict::kLeave) return "leave";
    return StrCat("assigned ", ToString(response.assignment->attempt), " ",
                  std::visit(WorkPrinter{}, response.assignment->work),
                  response.assignment->earlier
                      ? StrCat(" from ", ToString(response.assignment->earlier->attempt))
                      : std::string(),
                  SkipText(response.assignment->skip));
  }
  std::string operator()(const wire::ReportResponse& response) const {
    std::string text = "ok";
    if (!response.recorded.empty()) text += StrCat(" recorded ", List(response.recorded));
    if (!response.commit_granted.empty())
      text += StrCat(" granted ", List(response.commit_granted));
    if (!response.cancel.empty()) text += StrCat(" cancel ", List(response.cancel));
    if (!response.drop_outputs.empty()) text += StrCat(" drop ", List(response.drop_outputs));
    for (const JobId job : response.ended_jobs) text += StrCat(" ended ", ToString(job));
    for (const JobId job : response.kept_jobs) text += StrCat(" keep ", ToString(job));
    if (response.sweep) text += " sweep";
    return text + (response.leave ? " leave" : "");
  }
};

std::string PhaseText(const wire::PhaseProgress& phase) {
  std::string text = StrCat(phase.done, "/", phase.total);
  if (phase.failed > 0) text += StrCat(" (", phase.failed, " given up)");
  if (phase.running > 0) text += StrCat(" (", phase.running, " running)");
  return text;
}

}  // namespace

std::string Counted(uint64_t count, std::string_view thing) {
  return StrCat(count, " ", thing, count == 1 ? "" : "s");
}

std::string_view JobStateName(wire::JobState state) {
  static constexpr std::array<std::string_view, 7> names{"queued", "running", "finishing", "succeeded",
                                                         "failed", "killed",  "paused"};
  return names.at(static_cast<size_t>(state));
}

std::string_view TaskStateName(wire::TaskState state) {
  static constexpr std::array<std::string_view, 6> names{"blocked",   "pending", "running",
                                                         "completed", "failed",  "cancelled"};
  return names.at(static_cast<size_t>(state));
}

std::string_view AttemptStateName(wire::AttemptState state) {
  static constexpr std::array<std::string_view, 5> names{"running", "completed", "failed",
                                                         "aborted", "lost"};
  return names.at(static_cast<size_t>(state));
}

std::string Brief(const wire::Record& record) { return std::visit(RecordPrinter{}, record.body); }

std::string Brief(const wire::ResponseBody& body) { return std::visit(ResponsePrinter{}, body); }

std::string Brief(const wire::JobView& job) {
  std::string text = StrCat(ToString(job.id), " ", JobStateName(job.state), ": map ",
                            PhaseText(job.map), " reduce ", PhaseText(job.reduce));
  if (!job.reason.empty()) text += StrCat("; ", job.reason);
  for (const std::string& warning : job.warnings) text += StrCat("\n    warning: ", warning);
  return text;
}

std::string Brief(const wire::TaskView& task) {
  std::string text = StrCat(ToString(task.id), " ", TaskStateName(task.state));
  for (const wire::AttemptView& attempt : task.attempts) {
    text += StrCat("; .", attempt.id.number, " ", AttemptStateName(attempt.state), " ",
                   attempt.worker_name, attempt.backup ? " backup" : "");
    if (!attempt.cause.empty()) text += StrCat(" (", attempt.cause, ")");
  }
  return text;
}

}  // namespace mr::coordinator
