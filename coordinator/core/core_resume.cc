// Jobs that wait for a better plugin, and what is left of those that did not succeed.
//
// Paused: a task has used up its attempts and the job was asked to pause. Nothing of it starts; what runs goes on.
// A new plugin (`mrsubmit set`) makes it go on, a kill ends it.
//
// Resumed: when a job fails or is killed, its workers keep the outputs of its finished maps for a while. A job that
// names it as resume_from takes over each one whose input and options are its own: the map is then given to the
// holder, with the word which output to rename instead of running it. So everything else (who won, what is lost,
// what is fetched) is as if the map had run very quickly.
#include <algorithm>
#include <tuple>

#include "common/base/logging.h"
#include "common/base/strings.h"
#include "coordinator/core/coordinator_core.h"
#include "coordinator/core/plugin_abi.h"
#include "coordinator/core/views.h"

namespace mr::coordinator {
namespace {

// The holder is waited for so long; it may be busy, and its tasks may be long.
constexpr Duration kReserved = std::chrono::seconds(30);

// What is left is all that may decide what a map writes. New options count until they are named here.
wire::JobConfig ForMaps(wire::JobConfig config) {
  const wire::JobConfig none;
  config.name = config.user = config.plugin_sha256 = config.plugin_name = "";
  config.output_dir = "";
  config.overwrite = false;
  config.output_compression = none.output_compression;
  config.split_bytes = 0;  // the splits themselves are compared
  config.task_memory_bytes = config.memory_limit_bytes = 0;
  config.max_attempts = 0;
  config.task_timeout_ms = 0;
  config.max_running = 0;
  config.priority = none.priority;
  config.slots_per_task = config.max_splits = 0;
  config.tie_ms = 0;
  config.output_format = none.output_format;  // reduces write it; a job without them leaves nothing to take over
  config.labels.clear();
  config.output_nonce = 0;
  config.on_failure = none.on_failure;
  config.resume_from = {};
  config.stage = config.stages = 0;
  config.skip_bad_records = 0;  // a map that left out a record is not taken over
  config.backup = none.backup;
  config.backup_factor_percent = 0;
  config.plugin_build = {};
  return config;
}

// The first field in which they differ, as its option is called; empty if there is none.
std::string Difference(const wire::JobConfig& a, const wire::JobConfig& b) {
  const std::vector<std::string_view> names = Split(MrFieldNames(a), ',');
  size_t index = 0;
  std::string found;
  const auto compare = [&](const auto& left, const auto& right) {
    if (found.empty() && !(left == right)) found = Trim(names.at(index));
    ++index;
  };
  MrVisit(a, [&](const auto&... left) {
    MrVisit(b, [&](const auto&... right) { (compare(left, right), ...); });
  });
  std::replace(found.begin(), found.end(), '_', '-');
  return found;
}

// Why nothing of `earlier` can be taken over, whatever its inputs are; empty if something can.
std::string WhyNot(const JobEntry* earlier, const wire::JobSpec& spec) {
  if (earlier == nullptr) return "there is no such job (any more)";
  if (earlier->stage != JobStage::kEnded) return "it has not ended";
  if (earlier->success) return "it succeeded, and keeps no map outputs";
  if (earlier->map_only()) return "without reduce tasks there are no map outputs to keep";
  if (!spec.config.side_files.empty() || !spec.config.job_dir.empty())
    return "its tasks read side files or a job directory, whose content may have changed";
  const std::string difference = Difference(ForMaps(spec.config), ForMaps(earlier->spec.config));
  return difference.empty() ? "" : StrCat("it ran with another ", difference);
}

// A fixed plugin is to see the records that were left out.
bool LeftNothingOut(const TaskEntry& map) {
  return map.completion && std::get<wire::MapResult>(map.completion->result).skipped.empty();
}

}  // namespace

// ---- paused jobs

void CoordinatorCore::PauseJob(JobId id, const TaskId& task, const std::string& reason) {
  JobRun& run = *FindRun(id);
  if (state_.jobs.at(id).paused()) return run.Warn(reason);
  Commit(wire::JobPaused{id, task, reason});
  run.News();
}

void CoordinatorCore::Handle(const Asker& asker, const wire::SetJobRequest& request) {
  const JobEntry* job = state_.Find(request.job);
  if (job == nullptr) {
    return AnswerError(asker, {ErrorCode::kNotFound,
                               StrCat("there is no job ", ToString(request.job), " (any more); see mrsubmit ls")});
  }
  JobRun& run = *FindRun(request.job);
  const std::string& plugin = request.plugin_sha256.value_or("");
  // The change is there already: this is a retry after a lost answer, or as good as one.
  const bool same_plugin = !request.plugin_sha256 || (plugin == job->spec.config.plugin_sha256 && !job->paused());
  const bool same = same_plugin && (!request.max_running || *request.max_running == job->spec.config.max_running);
  if (job->stage != JobStage::kActive && !same) {
    return AnswerError(asker, {ErrorCode::kInvalidArgument,
                               StrCat(ToString(request.job), " has ended or is about to; only a job that runs or is "
                                      "paused can be changed. Run it again: mrsubmit run --like ",
                                      ToString(request.job))});
  }
  if (request.plugin_sha256 && !state_.plugins.contains(plugin)) {
    return AnswerError(asker, {ErrorCode::kNotFound, StrCat("the plugin ", Printable(request.plugin_name),
                                                            " is not stored here; send its bytes first")});
  }
  if (request.plugin_sha256) {
    if (Status spoken = CheckAbi(request.plugin_name, request.plugin_build, workers_); !spoken)
      return AnswerError(asker, spoken.error());
  }
  wire::SetJobResponse response;
  if (!same) {
    response.resumed = job->paused() && request.plugin_sha256.has_value();
    if (request.plugin_sha256) run.former_plugins.insert(job->spec.config.plugin_sha256);
    Commit(wire::JobChanged{request.job, request.plugin_sha256, request.plugin_name, request.max_running,
                            request.plugin_build});
    if (request.plugin_sha256) {
      fresh_plugins_.erase(plugin);
      run.failure.reset();
      run.failures_at.clear();
    }
    run.News();
  }
  response.state = StateOf(*job, run);
  response.maps_kept = job->maps_completed;
  response.reduces_kept = job->reduces_completed;
  Answer(asker, response);
}

// ---- what is left of a job

void CoordinatorCore::KeepOutputs(const JobEntry& job) {
  if (job.map_only() || options_.keep_failed <= Duration{0}) return;
  for (Worker& worker : workers_.workers()) {
    const auto [first, last] = RangeOf(worker.map_outputs, job.id);
    worker.kept_outputs.insert(first, last);
  }
}

// After a lost session the worker says what it still has.
void CoordinatorCore::FindKept(Worker& worker, const std::vector<AttemptId>& inventory) {
  worker.kept_outputs.clear();
  for (const AttemptId& attempt : inventory) {
    const JobEntry* job = state_.Find(attempt.task.job);
    const TaskEntry* task = state_.Find(attempt.task);
    if (job == nullptr || task == nullptr || job->stage == JobStage::kActive || job->success || job->map_only())
      continue;
    const bool is_output = attempt.task.phase == Phase::kMap && task->completion && task->completion->attempt == attempt;
    const bool in_time = job->stage != JobStage::kEnded ||
                         now_.mono < FindRun(job->id)->ended_at + options_.keep_failed;
    if (!is_output || !in_time || options_.keep_failed <= Duration{0}) continue;
    worker.kept_outputs.insert(attempt);
    if (job->stage == JobStage::kEnded)
      worker.kept_jobs.Add(job->id);
    else
      worker.jobs.insert(job->id);
  }
  ReleaseReserved(worker.id, worker.kept_outputs);
}

void CoordinatorCore::DropKept(Worker& worker, JobId job) {
  const auto [first, last] = RangeOf(worker.kept_outputs, job);
  if (first == last) return;
  worker.kept_outputs.erase(first, last);
  ReleaseReserved(worker.id, worker.kept_outputs);
  const JobEntry* entry = state_.Find(job);
  // One whose end is still to come will be told of it then.
  if (entry == nullptr || entry->stage != JobStage::kEnded) return;
  worker.kept_jobs.Remove(job);
  worker.ended_jobs.Add(job);
  FindRun(job)->Changed();
}

void CoordinatorCore::DropKept(JobId job) {
  for (Worker& worker : workers_.workers()) DropKept(worker, job);
}

void CoordinatorCore::ExpireKept() {
  for (Worker& worker : workers_.workers()) {
    std::set<JobId> jobs;
    for (const AttemptId& attempt : worker.kept_outputs) jobs.insert(attempt.task.job);
    for (const JobId job : jobs) {
      if (state_.jobs.at(job).stage != JobStage::kEnded) continue;
      if (FindRun(job)->ended_at + options_.keep_failed <= now_.mono) DropKept(worker, job);
    }
  }
}

// ---- a job that resumes it

CoordinatorCore::Reusable CoordinatorCore::FindReusable(const wire::JobSpec& spec,
                                                        const std::vector<wire::MapWork>& plan) const {
  Reusable reusable;
  const JobId id = spec.config.resume_from;
  if (id.value == 0) return reusable;
  const JobEntry* earlier = state_.Find(id);
  reusable.note = WhyNot(earlier, spec);
  if (!reusable.note.empty()) return reusable;
  for (const Worker& worker : workers_.workers()) {
    if (!worker.usable()) continue;
    const auto [first, last] = RangeOf(worker.kept_outputs, id);
    for (auto output = first; output != last; ++output) {
      const uint32_t index = output->task.index;
      // A split names its file with size and time of change. The index counts too: a plugin may look at it.
      if (index < plan.size() && plan[index] == earlier->plan[index] && LeftNothingOut(earlier->maps[index]))
        reusable.maps.emplace(index, JobRun::Earlier{*output, worker.id});
    }
  }
  if (reusable.maps.empty()) {
    reusable.note = earlier->maps_completed == 0 ? "none of its map tasks had finished"
                                                 : "its inputs were others, or its map outputs are gone";
  }
  return reusable;
}

void CoordinatorCore::Reserve(JobRun& run, std::map<uint32_t, JobRun::Earlier> maps) {
  for (const auto& [index, earlier] : maps) {
    run.reserved[earlier.holder].insert(index);
    run.pool.Delay({run.id, Phase::kMap, index}, now_.mono + kReserved);
  }
  run.earlier = std::move(maps);
}

std::optional<TaskId> CoordinatorCore::TakeReserved(JobRun& run, const Worker& worker) {
  const auto found = run.reserved.find(worker.id);
  if (found == run.reserved.end()) return std::nullopt;
  while (!found->second.empty()) {
    const TaskId task{run.id, Phase::kMap, *found->second.begin()};
    found->second.erase(found->second.begin());
    run.pool.Release(task);
    // Another worker may have taken it when the holder had not come in time.
    if (run.pool.Find(task)->state != wire::TaskState::kPending) continue;
    if (found->second.empty()) run.reserved.erase(found);
    return task;
  }
  run.reserved.erase(found);
  return std::nullopt;
}

void CoordinatorCore::ReleaseReserved(WorkerId worker, const std::set<AttemptId>& still_held) {
  for (const JobId id : active_) {
    JobRun& run = runs_.at(id);
    const auto found = run.reserved.find(worker);
    if (found == run.reserved.end()) continue;
    for (const uint32_t index : std::set<uint32_t>(found->second)) {
      if (still_held.contains(run.earlier.at(index).attempt)) continue;
      found->second.erase(index);
      run.earlier.erase(index);
      run.pool.Release({id, Phase::kMap, index});
    }
    if (found->second.empty()) run.reserved.erase(found);
  }
}

std::optional<wire::EarlierOutput> CoordinatorCore::EarlierOutputFor(const Worker& worker,
                                                                     const AttemptId& attempt) const {
  if (attempt.task.phase != Phase::kMap) return std::nullopt;
  const JobRun& run = runs_.at(attempt.task.job);
  const auto found = run.earlier.find(attempt.task.index);
  if (found == run.earlier.end() || found->second.holder != worker.id ||
      !worker.kept_outputs.contains(found->second.attempt))
    return std::nullopt;
  const TaskEntry* task = state_.Find(found->second.attempt.task);
  if (task == nullptr || !task->completion || task->completion->attempt != found->second.attempt) return std::nullopt;
  return wire::EarlierOutput{found->second.attempt, std::get<wire::MapResult>(task->completion->result),
                             task->completion->counters};
}

// The map has run, or been tried, in whatever way: the earlier output has a new name, or nobody wants it.
void CoordinatorCore::ForgetEarlier(JobRun& run, uint32_t map) {
  const auto found = run.earlier.find(map);
  if (found == run.earlier.end()) return;
  const JobRun::Earlier earlier = found->second;
  run.earlier.erase(found);
  if (const auto reserved = run.reserved.find(earlier.holder); reserved != run.reserved.end()) {
    reserved->second.erase(map);
    if (reserved->second.empty()) run.reserved.erase(reserved);
  }
  Worker* holder = workers_.Find(earlier.holder);
  if (holder == nullptr || holder->kept_outputs.erase(earlier.attempt) == 0) return;
  holder->drop_outputs.Add(earlier.attempt);
  const JobId job = earlier.attempt.task.job;
  FindRun(job)->Changed();
  const auto [first, last] = RangeOf(holder->kept_outputs, job);
  if (first != last) return;
  // That was the last: whatever else the worker has of the job goes too.
  holder->kept_jobs.Remove(job);
  holder->ended_jobs.Add(job);
}

}  // namespace mr::coordinator
