// Requests of people: submit, watch, list, kill.
#include <algorithm>

#include "common/base/mutants.h"
#include "common/base/strings.h"
#include "coordinator/core/coordinator_core.h"
#include "coordinator/core/explain.h"
#include "coordinator/core/plugin_abi.h"
#include "coordinator/core/split_planner.h"
#include "coordinator/core/views.h"

namespace mr::coordinator {
namespace {

constexpr Duration kMaxWait = std::chrono::seconds(1);
constexpr size_t kMaxWatches = 10'000;
constexpr uint32_t kMaxJobsPerPage = 1000;
constexpr size_t kMaxPreview = 10;
constexpr size_t kMaxReasonBytes = 300;

Error NoSuchJob(JobId job) {
  return {ErrorCode::kNotFound,
          StrCat("there is no job ", ToString(job), " (any more); see mrsubmit ls")};
}

wire::SubmitJobResponse DescribePlan(const std::vector<wire::MapWork>& plan, uint32_t reducers) {
  wire::SubmitJobResponse response;
  response.map_count = static_cast<uint32_t>(plan.size());
  response.reduce_count = reducers;
  for (const wire::MapWork& work : plan) response.input_bytes += SplitBytes(work);
  return response;
}

}  // namespace

wire::ClusterResponse CoordinatorCore::ClusterView() const {
  wire::ClusterResponse response;
  response.cluster = options_.cluster;
  response.version = options_.version;
  response.started_unix_ms = options_.started_unix_ms;
  response.http = options_.http;
  for (const JobId job : active_) {
    const bool queued = StateOf(state_.jobs.at(job), runs_.at(job)) == wire::JobState::kQueued;
    ++(queued ? response.jobs_queued : response.jobs_running);
  }
  for (const Worker& worker : workers_.workers())
    response.workers.push_back(MakeWorkerView(worker));
  return response;
}

void CoordinatorCore::Handle(const Asker& asker, const wire::GetClusterRequest&) {
  Answer(asker, ClusterView());
}

void CoordinatorCore::Handle(const Asker& asker, const wire::PutBlobRequest&) {
  AnswerError(asker, {ErrorCode::kUnsupported,
                      "plugins are stored by the coordinator's server, not by its core"});
}

void CoordinatorCore::Handle(const Asker& asker, const wire::GetBlobRequest&) {
  AnswerError(asker, {ErrorCode::kUnsupported,
                      "plugins are served by the coordinator's server, not by its core"});
}

Status CoordinatorCore::CheckSubmission(const wire::JobSpec& spec) const {
  MR_RETURN_IF_ERROR(CheckSpec(spec));
  if (!state_.plugins.contains(spec.config.plugin_sha256)) {
    return Fail(ErrorCode::kNotFound, StrCat("the plugin ", Printable(spec.config.plugin_name),
                                             " (", spec.config.plugin_sha256.substr(0, 12),
                                             ") is not stored here; send its bytes first"));
  }
  MR_RETURN_IF_ERROR(CheckAbi(spec.config.plugin_name, spec.config.plugin_build, workers_));
  if (leave_by_)
    return Fail(ErrorCode::kUnavailable, "the coordinator is about to stop; submit to another one");
  if (active_.size() >= options_.max_jobs) {
    return Fail(ErrorCode::kUnavailable,
                StrCat(active_.size(), " jobs are active, which is the limit (--max-jobs ",
                       options_.max_jobs, "); submit again when one has ended"));
  }
  for (const JobId id : active_) {
    if (state_.jobs.at(id).spec.config.output_dir == spec.config.output_dir) {
      return Fail(ErrorCode::kAlreadyExists,
                  StrCat("job ", ToString(id), " is writing to ", spec.config.output_dir,
                         "; choose another output directory or wait for its end"));
    }
  }
  return {};
}

void CoordinatorCore::Handle(const Asker& asker, const wire::SubmitJobRequest& request) {
  // A retry after a lost answer finds the job that its first try made.
  const auto known = state_.by_request.find({asker.client, asker.request_id});
  if (known != state_.by_request.end() && !request.dry_run && !Mutated(Mutant::kL03RetryIsAnotherJob)) {
    const JobEntry& job = state_.jobs.at(known->second);
    wire::SubmitJobResponse response = DescribePlan(job.plan, job.spec.config.reducers);
    response.job = job.id;
    response.reusable_maps = static_cast<uint32_t>(runs_.at(job.id).earlier.size());
    return Answer(asker, response);
  }
  if (Status allowed = CheckSubmission(request.spec); !allowed)
    return AnswerError(asker, allowed.error());
  const Result<std::vector<wire::MapWork>> plan = PlanSplits(request.spec);
  if (!plan) return AnswerError(asker, plan.error());
  wire::SubmitJobResponse response = DescribePlan(*plan, request.spec.config.reducers);
  Reusable reusable = FindReusable(request.spec, *plan);
  response.reusable_maps = static_cast<uint32_t>(reusable.maps.size());
  response.resume_note = reusable.note;
  if (request.dry_run) {
    for (size_t i = 0; i < std::min(plan->size(), kMaxPreview); ++i)
      response.preview.push_back(DescribeSplits((*plan)[i]));
  } else {
    response.job = CreateJob(asker, request.spec, std::move(reusable));
  }
  Answer(asker, std::move(response));
}

Result<JobId> CoordinatorCore::FindWatched(const wire::WatchJobRequest& request) const {
  if (request.job.value != 0) {
    if (state_.Find(request.job) == nullptr) return Fail(NoSuchJob(request.job));
    return request.job;
  }
  for (auto it = state_.jobs.rbegin(); it != state_.jobs.rend(); ++it) {
    if (request.user.empty() || it->second.spec.config.user == request.user) return it->first;
  }
  return Fail(ErrorCode::kNotFound, request.user.empty()
                                        ? std::string("there is no job yet")
                                        : StrCat("there is no job of ", Printable(request.user)));
}

void CoordinatorCore::Handle(const Asker& asker, const wire::WatchJobRequest& request) {
  const Result<JobId> job = FindWatched(request);
  if (!job) return AnswerError(asker, job.error());
  const JobEntry& entry = state_.jobs.at(*job);
  const Duration wait = std::min<Duration>(std::chrono::milliseconds(request.wait_ms), kMaxWait);
  // While its request is held the submitter has nothing to say, so its lease counts from the answer.
  if (asker.client == entry.client && entry.spec.config.tie_ms > 0)
    FindRun(*job)->tied_until = now_.mono + wait + std::chrono::milliseconds(entry.spec.config.tie_ms);
  const HeldWatch watch{asker, *job, request.since_version, now_.mono, now_.mono + wait};
  if (AnswerWatch(watch)) return;
  if (watches_.size() >= kMaxWatches) {
    return AnswerError(
        asker, {ErrorCode::kUnavailable, "too many clients are watching jobs; ask again later"});
  }
  watches_.push_back(watch);
}

// False: nothing to tell yet.
bool CoordinatorCore::AnswerWatch(const HeldWatch& watch) {
  const JobRun* run = FindRun(watch.job);
  if (run == nullptr) {
    AnswerError(watch.asker, NoSuchJob(watch.job));
    return true;
  }
  const bool news = run->news_version > watch.since_version;
  const bool progress =
      run->version > watch.since_version && now_.mono >= watch.arrived + kWatchInterval;
  if (!news && !progress && now_.mono < watch.until) return false;
  Answer(watch.asker,
         wire::JobResponse{MakeJobView(state_.jobs.at(watch.job), *run, workers_, true)});
  return true;
}

void CoordinatorCore::AnswerWatches() {
  watches_.remove_if([this](const HeldWatch& watch) { return AnswerWatch(watch); });
}

std::vector<wire::JobView> CoordinatorCore::JobViews(const wire::ListJobsRequest& request) const {
  std::vector<wire::JobView> views;
  const uint32_t limit = std::min(request.limit, kMaxJobsPerPage);
  for (auto it = state_.jobs.rbegin(); it != state_.jobs.rend() && views.size() < limit; ++it) {
    const JobRun& run = runs_.at(it->first);
    if (!request.user.empty() && it->second.spec.config.user != request.user) continue;
    if (request.state && StateOf(it->second, run) != *request.state) continue;
    views.push_back(MakeJobView(it->second, run, workers_, false));
  }
  return views;
}

void CoordinatorCore::Handle(const Asker& asker, const wire::ListJobsRequest& request) {
  Answer(asker, wire::ListJobsResponse{JobViews(request)});
}

void CoordinatorCore::Handle(const Asker& asker, const wire::ListTasksRequest& request) {
  const JobRun* run = FindRun(request.job);
  if (run == nullptr) return AnswerError(asker, NoSuchJob(request.job));
  Answer(asker, ListTasks(state_.jobs.at(request.job), *run, request));
}

void CoordinatorCore::Handle(const Asker& asker, const wire::GetLogRequest& request) {
  const JobRun* run = FindRun(request.task.job);
  if (run == nullptr) return AnswerError(asker, NoSuchJob(request.task.job));
  const Task* task = run->pool.Find(request.task);
  const bool known = task != nullptr && (request.attempt ? *request.attempt < task->attempts.size()
                                                         : !task->attempts.empty());
  if (!known) {
    const std::string what = request.attempt ? StrCat(ToString(request.task), ".", *request.attempt)
                                             : StrCat(ToString(request.task), ", started or not,");
    return AnswerError(
        asker, {ErrorCode::kNotFound,
                StrCat("there is no attempt of ", what, " to show the log of; see mrsubmit tasks ",
                       ToString(request.task.job))});
  }
  const Attempt& attempt =
      request.attempt ? task->attempts[*request.attempt] : task->attempts.back();
  JobLogs::Piece piece = run->logs.Read(attempt.id, request.offset);
  if (piece.text.empty() && request.offset == 0) {
    // An attempt that died before its first report left its last lines with its failure.
    const TaskEntry* entry = state_.Find(request.task);
    for (const FailedAttempt& failed :
         entry == nullptr ? std::vector<FailedAttempt>{} : entry->failures) {
      if (failed.attempt == attempt.id) piece.text = failed.failure.log_tail;
    }
  }
  Answer(asker,
         wire::GetLogResponse{attempt.id, attempt.state, piece.offset, std::move(piece.text)});
}

void CoordinatorCore::Handle(const Asker& asker, const wire::KillRequest& request) {
  const JobEntry* job = state_.Find(request.job);
  if (job == nullptr) return AnswerError(asker, NoSuchJob(request.job));
  JobRun& run = *FindRun(request.job);
  if (request.task) {
    if (request.task->job != request.job || run.pool.Find(*request.task) == nullptr) {
      return AnswerError(
          asker, {ErrorCode::kNotFound, StrCat("there is no task ", ToString(*request.task))});
    }
    if (job->stage == JobStage::kActive) KillTask(*request.task, request.reason);
    // A clean-up may be given up, whether it runs or waits: that is kill --now. A commit may not.
    if (request.task->phase == Phase::kFinish && job->stage == JobStage::kFinishing && !job->success) {
      EndJobUncleaned(request.job, "the cleanup was given up by a user");
      return Answer(asker, wire::KillResponse{StateOf(*job, run), false});
    }
    return Answer(asker, wire::KillResponse{StateOf(*job, run), job->stage == JobStage::kEnded});
  }
  // An attempt of the finish task may have published the job's success and then been lost with its worker: what
  // people have seen must not vanish.
  const bool committing = job->stage == JobStage::kFinishing && job->success &&
                          (run.commit_may_have_begun ||
                           !run.pool.Find(TaskId{request.job, Phase::kFinish, 0})->attempts.empty());
  const bool can_kill = job->stage == JobStage::kActive ||
                        (job->stage == JobStage::kFinishing && job->success && !committing);
  if (can_kill) {
    BeginFinish(request.job, false, true,
                request.reason.empty() ? "killed" : StrCat("killed: ", request.reason));
  }
  const wire::JobState state = StateOf(*job, run);
  Answer(asker, wire::KillResponse{state, !can_kill && job->stage == JobStage::kEnded});
}

void CoordinatorCore::KillTask(const TaskId& task, const std::string& reason) {
  for (const Attempt* attempt : FindRun(task.job)->pool.Find(task)->Running()) {
    const AttemptId id = attempt->id;
    FindRun(task.job)->Warn(StrCat(ToString(id), " was killed by a user"));
    Abort(id, reason.empty() ? "killed by a user" : StrCat("killed by a user: ", reason));
  }
}

// A name wins over an id that looks alike. Null: no such worker.
Worker* CoordinatorCore::FindNamed(const std::string& name_or_id) {
  if (Worker* worker = workers_.FindByName(name_or_id)) return worker;
  for (Worker& worker : workers_.workers()) {
    if (ToString(worker.id) == name_or_id) return &worker;
  }
  return nullptr;
}

// What it runs and holds stays with it: only new tasks go elsewhere. It may be gone at the moment; then this holds
// for its next session.
void CoordinatorCore::Handle(const Asker& asker, const wire::DrainRequest& request) {
  Worker* worker = FindNamed(request.worker);
  if (worker == nullptr) {
    return AnswerError(asker, {ErrorCode::kNotFound, StrCat("there is no worker ", Printable(request.worker, 80),
                                                            "; see mrsubmit workers")});
  }
  worker->taken_out = !request.undo;
  if (request.undo) {
    worker->failing = {};
    worker->quarantine = {};
  }
  worker->taken_out_reason = request.undo ? "" : Printable(request.reason, kMaxReasonBytes);
  Answer(asker, wire::DrainResponse{MakeWorkerView(*worker)});
}

void CoordinatorCore::Handle(const Asker& asker, const wire::GetSpecRequest& request) {
  const JobEntry* job = state_.Find(request.job);
  if (job == nullptr) return AnswerError(asker, NoSuchJob(request.job));
  Answer(asker, wire::GetSpecResponse{job->spec});
}

void CoordinatorCore::Handle(const Asker& asker, const wire::ExplainRequest& request) {
  const JobRun* run = FindRun(request.job);
  if (run == nullptr) return AnswerError(asker, NoSuchJob(request.job));
  if (request.task && (request.task->job != request.job || run->pool.Find(*request.task) == nullptr)) {
    return AnswerError(asker,
                       {ErrorCode::kNotFound, StrCat("there is no task ", ToString(*request.task))});
  }
  Answer(asker, Explain(state_.jobs.at(request.job), *run, workers_, request.task));
}

}  // namespace mr::coordinator
