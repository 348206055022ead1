// The coordinator's brain: one pure state machine. It is told what happened and says what to do; it
// never reads a clock, a file or a socket, so the same events always give the same actions.
//
//   core_client.cc    requests of people        core_schedule.cc  who gets which task
//   core_worker.cc    sessions and reports      core_jobs.cc      how jobs begin and end
//   core_outcome.cc   how attempts end          core_time.cc      leases, held requests, deadlines
//   core_recovery.cc  a life after others       core_gc.cc        what ended jobs have left
//   core_resume.cc    paused jobs, and what is left of those that did not succeed
//   core_backup.cc    second attempts for stragglers
//   core_quarantine.cc  workers that fail everything
//
// One thread.
#pragma once

#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/wire/control.h"
#include "common/wire/records.h"
#include "coordinator/core/events.h"
#include "coordinator/core/job_run.h"
#include "coordinator/core/state.h"
#include "coordinator/core/worker_table.h"

namespace mr::coordinator {

class CoordinatorCore {
 public:
  CoordinatorCore(CoreOptions options, Now now);
  // A life after others: goes on with what the records of the earlier ones say. Workers have a lease's time to come
  // back with what they run and hold; options.epoch must be greater than in every life before.
  CoordinatorCore(CoreOptions options, Now now, State recovered);

  // Everything that follows from one event. The caller makes actions.records durable before it
  // sends actions.replies; several steps may share one sync.
  Actions Step(Now now, const Event& event);

  // Shown by every cluster answer from now on; the shell learns it after the core is made.
  void set_http(std::string url) { options_.http = std::move(url); }
  // Takes max_jobs, history and history_age of `options`; they count from the next Step on.
  void TakeLimits(const CoreOptions& options) {
    options_.max_jobs = options.max_jobs;
    options_.history = options.history;
    options_.history_age = options.history_age;
  }

  // How many live workers there were before, learned late; they count from the next Step on.
  void ExpectWorkers(uint32_t count) {
    options_.expected_workers = count;
    EndSettlingIfAllAreBack();
  }
  // Workers of before may still come back.
  bool settling() const { return settle_by_.has_value(); }

  // Read-only, for snapshots, dumps and tests.
  const State& state() const { return state_; }
  const WorkerTable& workers() const { return workers_; }
  const std::map<JobId, JobRun>& runs() const { return runs_; }
  const CoreOptions& options() const { return options_; }
  size_t watch_count() const { return watches_.size(); }
  wire::ClusterResponse ClusterView() const;
  std::vector<wire::JobView> JobViews(const wire::ListJobsRequest& request) const;

 private:
  // The request being answered.
  struct Asker {
    std::string token;
    uint64_t client = 0;
    uint64_t request_id = 0;
  };
  // Finished maps of spec's resume_from that fit, by index; `note` says why there is none.
  struct Reusable {
    std::map<uint32_t, JobRun::Earlier> maps;
    std::string note;
  };
  // Progress alone is told at most this often per watcher.
  static constexpr Duration kWatchInterval = std::chrono::milliseconds(100);
  struct HeldWatch {
    Asker asker;
    JobId job;
    uint64_t since_version = 0;
    Time arrived;
    Time until;
  };

  // ---- events
  void On(const RequestReceived& event);
  void On(const BlobStored& event);
  void On(const Tick& event);
  void On(const StopAsked& event);

  // ---- core_client.cc
  void Handle(const Asker& asker, const wire::GetClusterRequest& request);
  void Handle(const Asker& asker, const wire::PutBlobRequest& request);
  void Handle(const Asker& asker, const wire::GetBlobRequest& request);
  void Handle(const Asker& asker, const wire::SubmitJobRequest& request);
  void Handle(const Asker& asker, const wire::WatchJobRequest& request);
  void Handle(const Asker& asker, const wire::ListJobsRequest& request);
  void Handle(const Asker& asker, const wire::ListTasksRequest& request);
  void Handle(const Asker& asker, const wire::GetLogRequest& request);
  void Handle(const Asker& asker, const wire::KillRequest& request);
  void Handle(const Asker& asker, const wire::GetSpecRequest& request);
  void Handle(const Asker& asker, const wire::ExplainRequest& request);
  void Handle(const Asker& asker, const wire::DrainRequest& request);
  void Handle(const Asker& asker, const wire::SetJobRequest& request);
  void Handle(const Asker& asker, const wire::GcRequest& request);  // core_gc.cc
  Status CheckSubmission(const wire::JobSpec& spec) const;
  Result<JobId> FindWatched(const wire::WatchJobRequest& request) const;
  bool AnswerWatch(const HeldWatch& watch);
  void AnswerWatches();
  Worker* FindNamed(const std::string& name_or_id);
  void KillTask(const TaskId& task, const std::string& reason);

  // ---- core_worker.cc
  void Handle(const Asker& asker, const wire::RegisterRequest& request);
  void Handle(const Asker& asker, const wire::WorkRequest& request);
  void Handle(const Asker& asker, const wire::ReportRequest& request);
  void OpenSession(const Asker& asker, Worker& worker, const wire::RegisterRequest& request);
  wire::RegisterResponse DescribeSession(const Worker& worker) const;
  void TakeProgress(const wire::AttemptProgress& progress, bool fresh);
  void GrantCommit(Worker& worker, const AttemptId& attempt, wire::ReportResponse& response);
  void FindAbsent(Worker& worker, const wire::ReportRequest& report);
  bool RunsHere(const Worker& worker, const AttemptId& attempt) const;
  const Attempt* FindUnacknowledged(const Worker& worker) const;

  // ---- core_outcome.cc
  void TakeOutcome(Worker& worker, const wire::AttemptOutcome& outcome);
  void TakeResult(Worker& worker, const wire::AttemptOutcome& outcome);
  void TakeFailure(Worker& worker, const wire::AttemptOutcome& outcome);
  void TakeMap(Worker& worker, const wire::AttemptOutcome& outcome, const wire::MapResult& result);
  void TakeReduce(const wire::AttemptOutcome& outcome, const wire::ReduceResult& result);
  void FailAttempt(Worker& worker, const AttemptId& attempt, const wire::Failure& failure);
  void LeaveOut(const AttemptId& attempt, const Worker& worker, const std::string& error);
  // The job goes on without a task that has just failed for good, if it allows that.
  bool GiveUp(const TaskId& task, const wire::Failure& failure);
  void TakeFetchFailure(const AttemptId& reporter, const wire::Failure& failure);
  // The attempt is over and it was not the user's fault.
  void Abort(const AttemptId& attempt, const std::string& cause,
             std::optional<Time> retry_at = std::nullopt);
  void LoseOutput(const AttemptId& map, const std::string& reason);
  void Forget(const AttemptId& attempt);  // its worker no longer runs it

  // ---- core_jobs.cc
  JobId CreateJob(const Asker& asker, const wire::JobSpec& spec, Reusable reusable);
  void FinishIfDone(JobId job);
  void BeginFinish(JobId job, bool success, bool killed, const std::string& reason);
  void OpenCleanupIfQuiet(JobRun& run);
  void EndJob(JobId job, std::string left_behind = "");
  // … and its temporary files may remain: `why` is the beginning of a sentence.
  void EndJobUncleaned(JobId job, const std::string& why);
  void ExpireHistory();
  void FailJob(JobId job, const TaskId& task, const std::string& reason);

  // ---- core_recovery.cc
  void RecoverJob(const JobEntry& job);
  void RecoverTask(const JobEntry& job, JobRun& run, const TaskId& task);
  void RecoverFinish(const JobEntry& job, JobRun& run);
  void TakeInventory(Worker& worker, const wire::RegisterRequest& request);
  bool MayAdopt(const AttemptId& attempt) const;
  void AdoptOutput(Worker& worker, const AttemptId& map);
  void EndSettlingIfAllAreBack();
  void EndRecovery();
  void EndRecoveryOf(JobRun& run);

  // ---- core_resume.cc
  void PauseJob(JobId job, const TaskId& task, const std::string& reason);
  Reusable FindReusable(const wire::JobSpec& spec, const std::vector<wire::MapWork>& plan) const;
  void Reserve(JobRun& run, std::map<uint32_t, JobRun::Earlier> maps);
  std::optional<TaskId> TakeReserved(JobRun& run, const Worker& worker);
  void ReleaseReserved(WorkerId worker, const std::set<AttemptId>& still_held);
  std::optional<wire::EarlierOutput> EarlierOutputFor(const Worker& worker, const AttemptId& attempt) const;
  void ForgetEarlier(JobRun& run, uint32_t map);
  void KeepOutputs(const JobEntry& job);
  void FindKept(Worker& worker, const std::vector<AttemptId>& inventory);
  void DropKept(JobId job);
  void DropKept(Worker& worker, JobId job);
  void ExpireKept();

  // ---- core_gc.cc
  std::vector<std::string> UnusedPlugins() const;
  bool IsResumed(JobId job) const;
  // ---- core_backup.cc
  void LookForStragglers(JobRun& run);
  std::optional<TaskId> NextStraggler(const JobEntry& job, const JobRun& run, const Worker& worker) const;
  Attempt& StartBackup(JobRun& run, const TaskId& task, const Worker& worker);
  void AbortSiblings(const AttemptId& decided, const std::string& cause);
  void FindStoppedLosers(const Worker& worker, const wire::ReportRequest& report);
  void OpenFinishIfStopped(JobRun& run);

  // ---- core_sources.cc
  void NoteSource(JobRun& run, uint32_t map);
  std::optional<wire::MapOutput> SourceOf(const JobEntry& job, const JobRun& run, uint32_t map) const;
  wire::ReduceWork MakeReduceWork(const JobEntry& job, uint32_t partition) const;
  wire::SourceUpdate MakeSourceUpdate(const AttemptId& reduce, uint64_t position, size_t most_changes) const;
  void NoteWaiting(Worker& worker, const wire::WorkRequest& request);
  void TellSources();
  void TellSources(Worker& worker);
  size_t OthersWaiting() const;
  void MakeRoom();

  // ---- core_quarantine.cc
  void NoteSuccess(Worker& worker, JobRun& run);
  void NoteFailure(Worker& worker, const Attempt& attempt, const wire::Failure& failure);
  uint32_t FailuresOfItsOwn(const Worker& worker) const;
  bool OthersDoBetter(const Worker& worker, const JobRun& run) const;
  void QuarantineIfBlackHole(Worker& worker);
  bool AnotherIsUsable(const Worker& worker) const;
  void ReviewQuarantines();

  // ---- core_schedule.cc
  static bool FailedHere(const TaskEntry* entry, const Worker& worker);
  void Schedule();
  bool GiveWork(Worker& worker);
  enum class Offer : uint8_t {
    kNothing,  // this job has nothing for it
    kGiven,
    kWaits,    // this job comes next, when the worker has enough free slots
  };
  // What is due: tasks that can run from start to end, and backup attempts. Early: reduces before their maps are done.
  enum class Turn : uint8_t { kDue, kEarly };
  Offer OfferTo(Worker& worker, JobId id, Turn turn);
  bool MayRun(const JobEntry& job, const JobRun& run, const Worker& worker) const;
  TaskPool::Fit FitOf(const JobEntry& job, const JobRun& run, const TaskId& task, const Worker& worker) const;
  // Another worker may yet read this task's input, which the given one could not.
  bool AnotherMayRead(const JobEntry& job, const JobRun& run, const TaskId& task, const Worker& worker) const;
  void AnswerAssignment(Worker& worker, const Attempt& attempt);
  wire::Work MakeWork(const JobEntry& job, const TaskId& task) const;

  // ---- core_time.cc
  void ExpireLeases();
  void KillUntied();
  void TakeBackUnanswered();
    // What it ran and held is made again. `said_so`: it has taken its leave.
  void LoseWorker(Worker& worker, bool said_so);
  void ReleaseHeld();
  void WatchIdle();
  void NoteDeadline(const Worker& worker);
  Time NextDeadline() const;
  Duration TickInterval() const;
  bool HasActiveJob() const;

  // ---- shared
  JobRun* FindRun(JobId job);
  // Validates, applies and queues a record. A refusal is a bug of the core.
  void Commit(wire::RecordBody body);
  void Answer(const Asker& asker, wire::ResponseBody body);
  void AnswerError(const Asker& asker, Error error);
  void AnswerHeld(Worker& worker, wire::WorkVerdict verdict);

  CoreOptions options_;
  State state_;
  WorkerTable workers_;
  std::map<JobId, JobRun> runs_;
  std::set<JobId> active_;  // not ended, in submission order
  std::list<HeldWatch> watches_;
  std::set<std::string> fresh_plugins_;  // stored in this life, and not named by a job yet: one is on its way
  uint64_t next_hold_ = 0;
  Now now_;
  Time last_tick_;
  Time idle_since_;
  bool someone_may_wait_ = false;  // a request for work may be held
  Time workers_deadline_ = Time::max();  // no lease and no held request ends earlier
  bool source_news_ = false;             // since the last look whom to tell
  std::set<WorkerId> awaits_sources_;    // whose held requests name reduces that fetch, and perhaps others
  Time tell_sources_at_ = Time::max();   // somebody is to hear of some then
  std::optional<Time> others_wait_since_;  // tasks that could run find no slot
  std::optional<Time> leave_by_;  // workers are being told to leave
  // After a restart: until settle_by_ old jobs' tasks are not handed out, until recover_by_ what is missing may come.
  std::optional<Time> settle_by_;
  std::optional<Time> recover_by_;
  Actions actions_;
};

}  // namespace mr::coordinator
