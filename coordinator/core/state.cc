#include "coordinator/core/state.h"

#include <algorithm>

#include "common/base/logging.h"
#include "common/base/strings.h"
#include "coordinator/core/split_planner.h"

namespace mr::coordinator {
namespace {

tl::unexpected<Error> Refuse(std::string text) {
  return Fail(ErrorCode::kInternal, std::move(text));
}

Result<const JobEntry*> FindIn(const State& state, JobId id, JobStage stage) {
  const JobEntry* job = state.Find(id);
  if (job == nullptr)
    return Refuse(StrCat("a record names job ", ToString(id), ", which does not exist"));
  if (job->stage != stage)
    return Refuse(StrCat("a record for job ", ToString(id), " comes in the wrong stage"));
  return job;
}

// The task of an attempt of an active job, without a winner.
Result<const TaskEntry*> OpenTask(const State& state, const AttemptId& attempt) {
  MR_ASSIGN_OR_RETURN(const JobEntry* job, FindIn(state, attempt.task.job, JobStage::kActive));
  const TaskEntry* task = job->Find(attempt.task);
  if (task == nullptr)
    return Refuse(StrCat("a record names task ", ToString(attempt.task), ", which does not exist"));
  if (task->completion) {
    return Refuse(StrCat("a record for ", ToString(attempt), " comes after ",
                         ToString(task->completion->attempt), " won the task"));
  }
  if (task->given_up)
    return Refuse(StrCat("a record for ", ToString(attempt), " comes after the task was given up"));
  return task;
}

Status RequireGrant(const TaskEntry& task, const AttemptId& attempt) {
  if (task.granted != attempt)
    return Refuse(StrCat(ToString(attempt), " does not hold the commit grant"));
  return {};
}

struct Validator {
  const State& state;

  Status operator()(const wire::PluginStored& record) const {
    if (record.sha256.size() != 64) return Refuse("a stored plugin has no SHA-256");
    return {};
  }
  Status operator()(const wire::PluginRemoved& record) const {
    if (!state.plugins.contains(record.sha256)) return Refuse("a plugin is removed that is not stored");
    for (const auto& [id, job] : state.jobs) {
      if (job.spec.config.plugin_sha256 == record.sha256)
        return Refuse(StrCat("a plugin is removed that ", ToString(id), " names"));
    }
    return {};
  }
  Status operator()(const wire::JobSubmitted& record) const {
    if (record.job.value != state.last_job + 1) {
      return Refuse(StrCat("job ", ToString(record.job), " is submitted out of turn"));
    }
    if (!state.plugins.contains(record.spec.config.plugin_sha256)) {
      return Refuse(StrCat("job ", ToString(record.job), " names a plugin that is not stored"));
    }
    MR_RETURN_IF_ERROR(CheckSpec(record.spec));
    return PlanSplits(record.spec).map([](const auto&) {});
  }
  Status operator()(const wire::MapCompleted& record) const {
    if (record.attempt.task.phase != Phase::kMap) return Refuse("a completed map is not a map");
    MR_ASSIGN_OR_RETURN(const TaskEntry* task, OpenTask(state, record.attempt));
    const JobEntry& job = *state.Find(record.attempt.task.job);
    if (job.map_only()) return RequireGrant(*task, record.attempt);
    if (record.result.partition_bytes.size() != job.reduces.size()) {
      return Refuse(StrCat(ToString(record.attempt), " made ", record.result.partition_bytes.size(),
                           " partitions of ", job.reduces.size()));
    }
    return {};
  }
  Status operator()(const wire::MapOutputLost& record) const {
    MR_ASSIGN_OR_RETURN(const JobEntry* job,
                        FindIn(state, record.attempt.task.job, JobStage::kActive));
    const TaskEntry* task = job->Find(record.attempt.task);
    if (task == nullptr || record.attempt.task.phase != Phase::kMap || job->map_only()) {
      return Refuse(StrCat(ToString(record.attempt), " has no map output to lose"));
    }
    if (!task->completion || task->completion->attempt != record.attempt) {
      return Refuse(StrCat(ToString(record.attempt), " lost an output that is not the task's"));
    }
    return {};
  }
  Status operator()(const wire::CommitGrantedRecord& record) const {
    MR_ASSIGN_OR_RETURN(const TaskEntry* task, OpenTask(state, record.attempt));
    if (!state.Find(record.attempt.task.job)->publishes(record.attempt.task.phase)) {
      return Refuse(StrCat(ToString(record.attempt), " publishes nothing"));
    }
    if (task->granted) return Refuse(StrCat(ToString(*task->granted), " holds the grant already"));
    return {};
  }
  Status operator()(const wire::CommitRevoked& record) const {
    MR_ASSIGN_OR_RETURN(const TaskEntry* task, OpenTask(state, record.attempt));
    return RequireGrant(*task, record.attempt);
  }
  Status operator()(const wire::ReduceCommitted& record) const {
    if (record.attempt.task.phase != Phase::kReduce)
      return Refuse("a committed reduce is not a reduce");
    MR_ASSIGN_OR_RETURN(const TaskEntry* task, OpenTask(state, record.attempt));
    return RequireGrant(*task, record.attempt);
  }
  Status operator()(const wire::AttemptFailed& record) const {
    MR_ASSIGN_OR_RETURN(const TaskEntry* task, OpenTask(state, record.attempt));
    const auto same = [&](const FailedAttempt& failed) { return failed.attempt == record.attempt; };
    if (std::any_of(task->failures.begin(), task->failures.end(), same)) {
      return Refuse(StrCat(ToString(record.attempt), " failed twice"));
    }
    return {};
  }
  Status operator()(const wire::TaskGivenUp& record) const {
    MR_ASSIGN_OR_RETURN(const JobEntry* job, FindIn(state, record.task.job, JobStage::kActive));
    if (!job->CanGiveUp(record.task))
      return Refuse(StrCat(ToString(record.task), " is given up, which its job does not allow"));
    return {};
  }
  Status operator()(const wire::JobFinishing& record) const {
    const JobEntry* job = state.Find(record.job);
    if (job == nullptr) return Refuse(StrCat("job ", ToString(record.job), " does not exist"));
    const bool gives_up = job->stage == JobStage::kFinishing && job->success && !record.success;
    if (job->stage != JobStage::kActive && !gives_up)
      return Refuse(StrCat(ToString(record.job), " finishes twice"));
    if (record.success && !job->all_done()) {
      return Refuse(StrCat(ToString(record.job), " succeeds with tasks that are not completed"));
    }
    return {};
  }
  Status operator()(const wire::JobEnded& record) const {
    return FindIn(state, record.job, JobStage::kFinishing).map([](const auto&) {});
  }
  Status operator()(const wire::JobPaused& record) const {
    MR_ASSIGN_OR_RETURN(const JobEntry* job, FindIn(state, record.job, JobStage::kActive));
    if (job->spec.config.on_failure != wire::OnFailure::kPause)
      return Refuse(StrCat(ToString(record.job), " is paused, which it was not asked to be"));
    if (job->paused_by) return Refuse(StrCat(ToString(record.job), " is paused twice"));
    const TaskEntry* task = record.task.job == record.job ? job->Find(record.task) : nullptr;
    if (task == nullptr || task->completion || task->failures.empty())
      return Refuse(StrCat(ToString(record.job), " is paused by ", ToString(record.task), ", which did not fail"));
    return {};
  }
  Status operator()(const wire::JobChanged& record) const {
    MR_RETURN_IF_ERROR(FindIn(state, record.job, JobStage::kActive).map([](const auto&) {}));
    if (record.plugin_sha256 && !state.plugins.contains(*record.plugin_sha256))
      return Refuse(StrCat(ToString(record.job), " changes to a plugin that is not stored"));
    return {};
  }
  Status operator()(const wire::HistoryExpired& record) const {
    return FindIn(state, record.job, JobStage::kEnded).map([](const auto&) {});
  }
};

struct Applier {
  State& state;

  JobEntry& Job(JobId id) const { return state.jobs.at(id); }
  TaskEntry& Task(const AttemptId& attempt) const {
    TaskEntry* task = Job(attempt.task.job).Find(attempt.task);
    CHECK(task != nullptr) << ToString(attempt);
    return *task;
  }

  void operator()(const wire::PluginStored& record) const {
    state.plugins[record.sha256] = record.size_bytes;
  }
  void operator()(const wire::PluginRemoved& record) const { state.plugins.erase(record.sha256); }
  void operator()(const wire::JobSubmitted& record) const {
    JobEntry job;
    job.id = record.job;
    job.client = record.client;
    job.request_id = record.request_id;
    job.submitted_unix_ms = record.unix_ms;
    job.spec = record.spec;
    job.plan = PlanSplits(record.spec).value();
    job.maps.resize(job.plan.size());
    job.reduces.resize(record.spec.config.reducers);
    state.last_job = record.job.value;
    state.by_request[{record.client, record.request_id}] = record.job;
    state.jobs.emplace(record.job, std::move(job));
  }
  void operator()(const wire::MapCompleted& record) const {
    Task(record.attempt).completion =
        Completion{record.attempt, record.result, record.counters, record.times};
    ++Job(record.attempt.task.job).maps_completed;
  }
  void operator()(const wire::MapOutputLost& record) const {
    TaskEntry& task = Task(record.attempt);
    task.completion.reset();
    task.output_lost = true;
    --Job(record.attempt.task.job).maps_completed;
  }
  void operator()(const wire::CommitGrantedRecord& record) const {
    Task(record.attempt).granted = record.attempt;
  }
  void operator()(const wire::CommitRevoked& record) const { Task(record.attempt).granted.reset(); }
  void operator()(const wire::ReduceCommitted& record) const {
    Task(record.attempt).completion =
        Completion{record.attempt, record.result, record.counters, record.times};
    ++Job(record.attempt.task.job).reduces_completed;
  }
  void operator()(const wire::AttemptFailed& record) const {
    Task(record.attempt)
        .failures.push_back({record.attempt, record.worker_name, record.failure, record.unix_ms});
  }
  void operator()(const wire::TaskGivenUp& record) const {
    JobEntry& job = Job(record.task.job);
    job.Find(record.task)->given_up = true;
    ++(record.task.phase == Phase::kMap ? job.maps_given_up : job.reduces_given_up);
  }
  void operator()(const wire::JobFinishing& record) const {
    JobEntry& job = Job(record.job);
    job.stage = JobStage::kFinishing;
    job.success = record.success;
    job.killed = record.killed;
    job.reason = record.reason;
  }
  void operator()(const wire::JobEnded& record) const {
    JobEntry& job = Job(record.job);
    job.stage = JobStage::kEnded;
    job.ended_unix_ms = record.unix_ms;
    job.left_behind = record.left_behind;
  }
  void operator()(const wire::JobPaused& record) const {
    JobEntry& job = Job(record.job);
    job.paused_by = record.task;
    job.pause_reason = record.reason;
  }
  void operator()(const wire::JobChanged& record) const {
    JobEntry& job = Job(record.job);
    wire::JobConfig& config = job.spec.config;
    if (record.max_running) config.max_running = *record.max_running;
    if (!record.plugin_sha256) return;
    config.plugin_sha256 = *record.plugin_sha256;
    config.plugin_name = record.plugin_name;
    config.plugin_build = record.plugin_build;
    for (std::vector<TaskEntry>* tasks : {&job.maps, &job.reduces}) {
      for (TaskEntry& task : *tasks) {
        if (!task.completion && !task.given_up) task.failures.clear();
      }
    }
    job.paused_by.reset();
    job.pause_reason.clear();
  }
  void operator()(const wire::HistoryExpired& record) const {
    const JobEntry& job = Job(record.job);
    state.by_request.erase({job.client, job.request_id});
    state.jobs.erase(record.job);
  }
};

}  // namespace

uint32_t JobEntry::may_fail(Phase phase) const {
  if (phase == Phase::kFinish) return 0;
  const uint64_t tasks = phase == Phase::kMap ? maps.size() : reduces.size();
  return static_cast<uint32_t>(tasks * spec.config.max_failed_permille / 1000);
}

bool JobEntry::CanGiveUp(const TaskId& id) const {
  const TaskEntry* task = Find(id);
  if (task == nullptr || task->completion || task->granted || task->given_up || task->output_lost)
    return false;
  const uint32_t given_up = id.phase == Phase::kMap ? maps_given_up : reduces_given_up;
  return !task->failures.empty() && given_up < may_fail(id.phase);
}

const TaskEntry* JobEntry::Find(const TaskId& task) const {
  if (task.phase == Phase::kFinish) return nullptr;
  const std::vector<TaskEntry>& tasks = task.phase == Phase::kMap ? maps : reduces;
  return task.index < tasks.size() ? &tasks[task.index] : nullptr;
}

TaskEntry* JobEntry::Find(const TaskId& task) {
  return const_cast<TaskEntry*>(std::as_const(*this).Find(task));
}

const JobEntry* State::Find(JobId job) const {
  const auto found = jobs.find(job);
  return found == jobs.end() ? nullptr : &found->second;
}

const TaskEntry* State::Find(const TaskId& task) const {
  const JobEntry* job = Find(task.job);
  return job == nullptr ? nullptr : job->Find(task);
}

Status Validate(const State& state, const wire::Record& record) {
  return std::visit(Validator{state}, record.body);
}

void Apply(State& state, const wire::Record& record) { std::visit(Applier{state}, record.body); }

}  // namespace mr::coordinator
