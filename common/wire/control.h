// Control-plane messages: what clients and workers ask the coordinator, and what it answers. All requests are
// idempotent: a retry carries the same client and request id and gets the same answer.
//
// A closed set: each request and response has its own tag (kTag), which is never reused.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/wire/fields.h"
#include "common/wire/job.h"

namespace mr::wire {

inline constexpr uint32_t kProtocolVersion = 1;
inline constexpr uint64_t kMaxMessageBytes = 64u << 20;  // a job with 100,000 input files fits
inline constexpr uint64_t kBlobChunkBytes = 1u << 20;

// ---- views for people ------------------------------------------------------------------------------------

enum class JobState : uint8_t {
  kQueued = 0,     // accepted; an earlier job has the slots, or no worker is there
  kRunning = 1,
  kFinishing = 2,  // the finish task writes the manifest, or cleans up
  kSucceeded = 3,
  kFailed = 4,
  kKilled = 5,
  kPaused = 6,     // a task has used up its attempts; the job waits for its user (--on-failure pause)
};
inline bool IsEnded(JobState state) {
  return state == JobState::kSucceeded || state == JobState::kFailed || state == JobState::kKilled;
}

enum class TaskState : uint8_t { kBlocked = 0, kPending = 1, kRunning = 2, kCompleted = 3, kFailed = 4, kCancelled = 5 };

enum class AttemptState : uint8_t {
  kRunning = 0,
  kCompleted = 1,
  kFailed = 2,   // the user's fault
  kAborted = 3,  // ours
  kLost = 4,     // completed, but its output is gone
};

struct PhaseProgress {
  uint32_t total = 0;
  uint32_t done = 0;
  uint32_t running = 0;
  uint32_t retried = 0;  // attempts beyond the first, of whatever cause
  uint64_t bytes_total = 0;
  uint64_t bytes_done = 0;  // running attempts' progress included
  std::vector<uint32_t> durations_ms;  // of completed tasks, sampled, at most 1000; for quantiles
  uint32_t failed = 0;  // tasks that were given up, within max_failed_permille
  uint32_t backups = 0;      // backup attempts that were started, for stragglers; not in `retried`
  uint32_t backups_won = 0;  // those that completed their task
  MR_FIELDS(PhaseProgress, total, done, running, retried, bytes_total, bytes_done, durations_ms, failed, backups,
            backups_won)
};

// A failure with where and how often it happened.
struct FailureReport {
  AttemptId attempt;
  std::string worker_name;
  std::vector<std::string> earlier_workers;  // of the same task
  uint32_t attempts_failed = 0;
  bool same_record = false;  // every failed attempt of the task stopped at the same record
  Failure failure;
  MR_FIELDS(FailureReport, attempt, worker_name, earlier_workers, attempts_failed, same_record, failure)
};

struct JobView {
  JobId id;
  uint64_t version = 0;  // grows with every change; for WatchJob
  std::string name;
  std::string user;
  std::string plugin_name;
  std::string job_name;
  Priority priority = Priority::kNormal;
  JobState state = JobState::kQueued;
  std::string reason;  // why it failed, was killed, is paused, or is waiting; one sentence
  int64_t submitted_unix_ms = 0;
  int64_t started_unix_ms = 0;
  int64_t ended_unix_ms = 0;
  std::string output_dir;
  uint32_t input_files = 0;
  uint64_t input_bytes = 0;
  PhaseProgress map;
  PhaseProgress shuffle;  // bytes only
  PhaseProgress reduce;
  uint32_t workers = 0;   // alive in the cluster
  uint32_t slots_busy = 0;
  uint32_t slots_total = 0;
  Counters counters;      // of completed tasks
  std::vector<OutputFile> files;          // published parts; filled when the job has succeeded
  std::optional<FailureReport> failure;   // the one that ended the job
  std::vector<std::string> warnings;      // retries and lost workers, newest last, at most 20
  int64_t cpu_ms = 0;
  uint64_t peak_memory_bytes = 0;
  uint32_t kept_maps = 0;  // of a job that did not succeed: finished maps whose outputs --resume can take over
  std::string left_behind;  // of an ended job: what was not cleaned up, and why; empty: nothing
  MR_FIELDS(JobView, id, version, name, user, plugin_name, job_name, priority, state, reason, submitted_unix_ms,
            started_unix_ms, ended_unix_ms, output_dir, input_files, input_bytes, map, shuffle, reduce, workers,
            slots_busy, slots_total, counters, files, failure, warnings, cpu_ms, peak_memory_bytes, kept_maps, left_behind)
};

struct AttemptView {
  AttemptId id;
  AttemptState state = AttemptState::kRunning;
  std::string worker_name;
  int64_t started_unix_ms = 0;
  int64_t ended_unix_ms = 0;
  uint64_t bytes_done = 0;
  uint64_t bytes_total = 0;
  uint64_t records_done = 0;
  std::string cause;  // "std::invalid_argument: not a number" for the ones that ended badly
  bool backup = false;  // began while another attempt of the task ran
  MR_FIELDS(AttemptView, id, state, worker_name, started_unix_ms, ended_unix_ms, bytes_done, bytes_total,
            records_done, cause, backup)
};

struct TaskView {
  TaskId id;
  TaskState state = TaskState::kPending;
  std::string input;  // first split "path[begin,end)" (+n more), or "partition 3"
  std::vector<AttemptView> attempts;
  Counters counters;  // of the completed attempt
  MR_FIELDS(TaskView, id, state, input, attempts, counters)
};

struct WorkerView {
  WorkerRef ref;
  std::string name;
  std::string host;
  std::string version;
  bool alive = false;
  bool draining = false;
  uint32_t slots = 0;
  uint32_t busy = 0;
  int64_t last_seen_unix_ms = 0;
  uint64_t tasks_completed = 0;
  uint64_t tasks_failed = 0;
  uint64_t scratch_free_bytes = 0;
  std::map<std::string, std::string> labels;
  bool taken_out = false;      // by a person (DrainRequest): no new tasks until it is put back
  std::string note;            // why it takes no tasks: a person's reason, its quarantine, or its own trouble
  uint32_t outputs_held = 0;   // map outputs that unfinished jobs still need
  bool quarantined = false;    // everything fails on it while others get on: no tasks for a while, or one as a probe
  MR_FIELDS(WorkerView, ref, name, host, version, alive, draining, slots, busy, last_seen_unix_ms,
            tasks_completed, tasks_failed, scratch_free_bytes, labels, taken_out, note, outputs_held, quarantined)
};

// Tasks of one phase that wait for the same reason.
struct WaitingTasks {
  Phase phase = Phase::kMap;
  uint32_t count = 0;
  std::vector<TaskId> tasks;  // the first of them, at most 10
  std::string reason;         // what holds them up first; one sentence
  std::string fix;            // a command or advice; empty = nothing to do but wait
  MR_FIELDS(WaitingTasks, phase, count, tasks, reason, fix)
};

// ---- requests of clients -----------------------------------------------------------------------------------

struct GetClusterRequest {
  static constexpr uint8_t kTag = 1;
  MR_NO_FIELDS(GetClusterRequest)
};

// Stores a plugin, piece by piece. Pieces come in order from one client; offset 0 starts anew. A blob that is
// already complete answers so at once.
struct PutBlobRequest {
  static constexpr uint8_t kTag = 2;
  std::string sha256;
  uint64_t total_bytes = 0;
  uint64_t offset = 0;
  std::string bytes;  // empty: only ask
  MR_FIELDS(PutBlobRequest, sha256, total_bytes, offset, bytes)
};

struct GetBlobRequest {
  static constexpr uint8_t kTag = 3;
  std::string sha256;
  uint64_t offset = 0;
  MR_FIELDS(GetBlobRequest, sha256, offset)
};

struct SubmitJobRequest {
  static constexpr uint8_t kTag = 4;
  JobSpec spec;
  bool dry_run = false;  // plan only: nothing is created
  MR_FIELDS(SubmitJobRequest, spec, dry_run)
};

// Answered when the job's version is above since_version, or after wait_ms (at most 1 s).
struct WatchJobRequest {
  static constexpr uint8_t kTag = 5;
  JobId job;  // 0 = the newest job of `user`
  std::string user;
  uint64_t since_version = 0;
  uint32_t wait_ms = 0;
  MR_FIELDS(WatchJobRequest, job, user, since_version, wait_ms)
};

struct ListJobsRequest {
  static constexpr uint8_t kTag = 6;
  std::string user;                // empty = everybody's
  std::optional<JobState> state;
  uint32_t limit = 50;             // newest first
  MR_FIELDS(ListJobsRequest, user, state, limit)
};

struct ListTasksRequest {
  static constexpr uint8_t kTag = 7;
  JobId job;
  std::optional<Phase> phase;
  std::optional<TaskState> state;
  bool failed_only = false;  // tasks with an attempt that failed
  uint32_t offset = 0;
  uint32_t limit = 1000;
  MR_FIELDS(ListTasksRequest, job, phase, state, failed_only, offset, limit)
};

// Log text of an attempt (stdout, stderr and mr::log of the user's code), as far as the coordinator keeps it.
struct GetLogRequest {
  static constexpr uint8_t kTag = 8;
  TaskId task;
  std::optional<uint32_t> attempt;  // none = the newest
  uint64_t offset = 0;
  MR_FIELDS(GetLogRequest, task, attempt, offset)
};

struct KillRequest {
  static constexpr uint8_t kTag = 9;
  JobId job;
  std::optional<TaskId> task;        // only this task's running attempts (they count as aborted and run again)
  std::string reason;
  MR_FIELDS(KillRequest, job, task, reason)
};

struct GetSpecRequest {
  static constexpr uint8_t kTag = 10;
  JobId job;
  MR_FIELDS(GetSpecRequest, job)
};

// Why tasks of a job do not run.
struct ExplainRequest {
  static constexpr uint8_t kTag = 14;
  JobId job;
  std::optional<TaskId> task;  // only this one
  MR_FIELDS(ExplainRequest, job, task)
};

// Takes a worker out (it finishes what it runs, serves what it holds, and gets nothing new), or puts it back, which
// ends a quarantine too.
// Holds for its name, also in later sessions, for as long as the coordinator lives.
struct DrainRequest {
  static constexpr uint8_t kTag = 15;
  std::string worker;  // its name, or w4
  bool undo = false;
  std::string reason;
  MR_FIELDS(DrainRequest, worker, undo, reason)
};

// Changes a job that has not ended. What is absent stays as it is. A new plugin must be stored already; that it fits
// the job (names, types) the client has checked, since only mrtask loads plugins.
struct SetJobRequest {
  static constexpr uint8_t kTag = 11;
  JobId job;
  std::optional<std::string> plugin_sha256;
  std::string plugin_name;
  std::optional<uint32_t> max_running;
  PluginBuild plugin_build;  // with plugin_sha256
  MR_FIELDS(SetJobRequest, job, plugin_sha256, plugin_name, max_running, plugin_build)
};

// A job's temporary directory in an output directory, by its name: OUT/.millrace/<job>-<nonce>.
struct OutputClaim {
  JobId job;
  uint64_t nonce = 0;
  MR_FIELDS(OutputClaim, job, nonce)
};

// Removes what ended jobs have left: kept map outputs, plugins that no job names, files of nobody in workers' scratch
// directories. Output directories are the client's to clean: it is told whose they are.
struct GcRequest {
  static constexpr uint8_t kTag = 16;
  bool dry_run = false;  // only count
  std::vector<OutputClaim> claims;
  MR_FIELDS(GcRequest, dry_run, claims)
};

// ---- requests of workers -----------------------------------------------------------------------------------

struct RegisterRequest {
  static constexpr uint8_t kTag = 20;
  std::string name;       // stable identity; a second process with this name replaces the first
  std::string host;
  std::string version;
  uint64_t pid = 0;
  uint32_t abi_major = 0;
  uint32_t abi_minor = 0;
  uint32_t slots = 0;
  std::string data_endpoint;          // of its segment server
  uint64_t memory_bytes = 0;
  std::map<std::string, std::string> labels;
  std::vector<AttemptId> running;     // inventory, after a lost session
  std::vector<AttemptId> map_outputs;
  MR_FIELDS(RegisterRequest, name, host, version, pid, abi_major, abi_minor, slots, data_endpoint, memory_bytes,
            labels, running, map_outputs)
};

// Asks for one assignment; held up to hold_ms when there is none.
struct WorkRequest {
  static constexpr uint8_t kTag = 21;
  WorkerRef worker;
  uint32_t free_slots = 0;
  uint32_t hold_ms = 1000;
  std::vector<AttemptId> accepted = {};  // assignments of this session that arrived; the coordinator may forget to resend
  std::vector<SourcePosition> waiting = {};  // reduces that have not fetched everything yet
  MR_FIELDS(WorkRequest, worker, free_slots, hold_ms, accepted, waiting)
};

struct AttemptProgress {
  AttemptId attempt;
  uint64_t bytes_done = 0;
  uint64_t bytes_total = 0;
  uint64_t records_done = 0;
  uint64_t shuffle_bytes_done = 0;
  std::string status;     // task().status(…)
  std::string log_bytes;  // new since the last report, at most 16 KiB
  MR_FIELDS(AttemptProgress, attempt, bytes_done, bytes_total, records_done, shuffle_bytes_done, status, log_bytes)
};

// The heartbeat: renews the lease, and carries everything that happened. Outcomes and commit requests are
// repeated until answered.
struct ReportRequest {
  static constexpr uint8_t kTag = 22;
  WorkerRef worker;
  bool draining = false;
  uint64_t scratch_free_bytes = 0;
  std::vector<AttemptProgress> progress;   // of every attempt it runs: absent = not running here
  std::vector<AttemptOutcome> outcomes;
  std::vector<AttemptId> commit_requests;  // outputs written and synced, waiting for the word to publish
  bool leaving = false;  // its last report: the session ends with the answer, its map outputs are gone
  std::string trouble;   // why it takes no tasks at the moment, for people; empty = it takes some
  MR_FIELDS(ReportRequest, worker, draining, scratch_free_bytes, progress, outcomes, commit_requests, leaving,
            trouble)
};

using RequestBody =
    std::variant<GetClusterRequest, PutBlobRequest, GetBlobRequest, SubmitJobRequest, WatchJobRequest,
                 ListJobsRequest, ListTasksRequest, GetLogRequest, KillRequest, GetSpecRequest, ExplainRequest, DrainRequest,
                 SetJobRequest,
                 RegisterRequest, WorkRequest, ReportRequest, GcRequest>;

struct Request {
  uint32_t protocol = kProtocolVersion;
  std::string cluster;      // empty = any; else must be the coordinator's
  uint64_t client = 0;      // random per process
  uint64_t request_id = 0;  // grows per client; the same in a retry
  uint64_t epoch = 0;       // the coordinator's, as last seen; 0 = none yet
  RequestBody body;
  MR_FIELDS(Request, protocol, cluster, client, request_id, epoch, body)
};

// ---- responses ---------------------------------------------------------------------------------------------

struct ErrorResponse {
  static constexpr uint8_t kTag = 1;
  ErrorCode code = ErrorCode::kInternal;
  std::string text;
  MR_FIELDS(ErrorResponse, code, text)
};

// One member of a replicated coordinator, as its leader sees it.
struct MemberView {
  uint64_t node = 0;
  std::string endpoint;      // where the other members reach it
  bool leads = false;
  bool answers = false;      // the leader has heard of it lately
  uint64_t match_index = 0;  // its log is known to be the leader's up to here
  MR_FIELDS(MemberView, node, endpoint, leads, answers, match_index)
};

struct ClusterResponse {
  static constexpr uint8_t kTag = 2;
  std::string cluster;
  std::string version;
  int64_t started_unix_ms = 0;
  std::string http;  // "http://127.0.0.1:4611", or empty
  uint32_t jobs_running = 0;
  uint32_t jobs_queued = 0;
  std::vector<WorkerView> workers;
  // Of the replicated log; a coordinator alone has no members to show.
  std::vector<MemberView> members;
  uint64_t term = 0;
  uint64_t commit_index = 0;
  uint64_t applied_index = 0;
  MR_FIELDS(ClusterResponse, cluster, version, started_unix_ms, http, jobs_running, jobs_queued, workers, members, term,
            commit_index, applied_index)
};

struct PutBlobResponse {
  static constexpr uint8_t kTag = 3;
  bool complete = false;
  uint64_t received_bytes = 0;  // the next piece's offset
  MR_FIELDS(PutBlobResponse, complete, received_bytes)
};

struct GetBlobResponse {
  static constexpr uint8_t kTag = 4;
  uint64_t total_bytes = 0;
  std::string bytes;
  MR_FIELDS(GetBlobResponse, total_bytes, bytes)
};

struct SubmitJobResponse {
  static constexpr uint8_t kTag = 5;
  JobId job;  // 0 in a dry run
  uint32_t map_count = 0;
  uint32_t reduce_count = 0;
  uint64_t input_bytes = 0;
  std::vector<std::string> preview;  // first splits, in words; only in a dry run
  uint32_t reusable_maps = 0;        // with resume_from: finished maps of that job that fit
  std::string resume_note;           // with resume_from: why none fits, or empty
  MR_FIELDS(SubmitJobResponse, job, map_count, reduce_count, input_bytes, preview, reusable_maps, resume_note)
};

struct JobResponse {
  static constexpr uint8_t kTag = 6;
  JobView job;
  MR_FIELDS(JobResponse, job)
};

struct ListJobsResponse {
  static constexpr uint8_t kTag = 7;
  std::vector<JobView> jobs;  // without durations_ms and files
  MR_FIELDS(ListJobsResponse, jobs)
};

struct ListTasksResponse {
  static constexpr uint8_t kTag = 8;
  uint32_t total = 0;  // that match; the page is a part of them
  std::vector<TaskView> tasks;
  MR_FIELDS(ListTasksResponse, total, tasks)
};

struct GetLogResponse {
  static constexpr uint8_t kTag = 9;
  AttemptId attempt;
  AttemptState state = AttemptState::kRunning;
  uint64_t offset = 0;  // of text's first byte; above the asked one if older text was dropped
  std::string text;
  MR_FIELDS(GetLogResponse, attempt, state, offset, text)
};

struct KillResponse {
  static constexpr uint8_t kTag = 10;
  JobState state = JobState::kKilled;
  bool already_ended = false;
  MR_FIELDS(KillResponse, state, already_ended)
};

struct GetSpecResponse {
  static constexpr uint8_t kTag = 11;
  JobSpec spec;
  MR_FIELDS(GetSpecResponse, spec)
};

struct ExplainResponse {
  static constexpr uint8_t kTag = 14;
  JobId job;
  JobState state = JobState::kQueued;
  std::string summary;  // one sentence on the job, or on the task that was asked for
  std::vector<WaitingTasks> waiting;
  MR_FIELDS(ExplainResponse, job, state, summary, waiting)
};

struct DrainResponse {
  static constexpr uint8_t kTag = 15;
  WorkerView worker;
  MR_FIELDS(DrainResponse, worker)
};

struct SetJobResponse {
  static constexpr uint8_t kTag = 12;
  JobState state = JobState::kRunning;  // after the change
  bool resumed = false;                 // it was paused
  uint32_t maps_kept = 0;               // with a new plugin: completed tasks, which do not run again
  uint32_t reduces_kept = 0;
  MR_FIELDS(SetJobResponse, state, resumed, maps_kept, reduces_kept)
};

// A job of this cluster has this number and this nonce; it has ended. Both false: another cluster's, or forgotten.
struct ClaimAnswer {
  bool known = false;
  bool ended = false;
  MR_FIELDS(ClaimAnswer, known, ended)
};

struct GcResponse {
  static constexpr uint8_t kTag = 16;
  std::vector<ClaimAnswer> claims;  // as asked
  uint32_t map_outputs = 0;         // of jobs that did not succeed, kept for one that resumes them
  uint64_t map_output_bytes = 0;
  uint32_t plugins = 0;
  uint64_t plugin_bytes = 0;
  uint32_t workers = 0;             // that sweep their scratch directories now
  MR_FIELDS(GcResponse, claims, map_outputs, map_output_bytes, plugins, plugin_bytes, workers)
};

// From a member of a replicated coordinator that does not lead: the same request, with the same id, belongs elsewhere.
// Whether it was carried out may be open; who leads knows.
struct NotLeaderResponse {
  static constexpr uint8_t kTag = 17;
  std::string endpoint;  // for clients, of who leads, without a key; empty: not known here
  uint64_t term = 0;     // in which it leads
  MR_FIELDS(NotLeaderResponse, endpoint, term)
};

struct RegisterResponse {
  static constexpr uint8_t kTag = 20;
  WorkerRef worker;
  uint32_t lease_ms = 0;
  uint32_t heartbeat_ms = 0;
  std::vector<AttemptId> keep_running;  // of the inventory; stop all others
  std::vector<AttemptId> keep_outputs;  // delete all others
  MR_FIELDS(RegisterResponse, worker, lease_ms, heartbeat_ms, keep_running, keep_outputs)
};

enum class WorkVerdict : uint8_t {
  kAssigned = 0,
  kNothing = 1,  // ask again at once
  kLeave = 2,    // the cluster is shutting down or was told to end when idle: stop the worker, exit code 0
};

struct WorkResponse {
  static constexpr uint8_t kTag = 21;
  WorkVerdict verdict = WorkVerdict::kNothing;
  std::optional<Assignment> assignment;
  std::vector<SourceUpdate> updates = {};  // for reduces that wait
  MR_FIELDS(WorkResponse, verdict, assignment, updates)
};

struct ReportResponse {
  static constexpr uint8_t kTag = 22;
  std::vector<AttemptId> recorded;        // outcomes that need not be repeated
  std::vector<AttemptId> commit_granted;
  std::vector<AttemptId> cancel;          // stop these attempts; report them as kCancelled
  std::vector<JobId> ended_jobs;          // drop their map outputs and task processes
  std::vector<AttemptId> drop_outputs;    // map outputs nobody needs
  bool leave = false;
  std::vector<JobId> kept_jobs;           // ended too, but their recorded map outputs stay, for a job that resumes them
  bool sweep = false;                     // remove from the scratch directory what no attempt of yours owns
  MR_FIELDS(ReportResponse, recorded, commit_granted, cancel, ended_jobs, drop_outputs, leave, kept_jobs, sweep)
};

using ResponseBody =
    std::variant<ErrorResponse, ClusterResponse, PutBlobResponse, GetBlobResponse, SubmitJobResponse, JobResponse,
                 ListJobsResponse, ListTasksResponse, GetLogResponse, KillResponse, GetSpecResponse,
                 ExplainResponse, DrainResponse, SetJobResponse, RegisterResponse, WorkResponse, ReportResponse,
                 GcResponse, NotLeaderResponse>;

struct Response {
  uint32_t protocol = kProtocolVersion;
  uint64_t request_id = 0;
  uint64_t epoch = 0;  // of the coordinator that answers
  ResponseBody body;
  MR_FIELDS(Response, protocol, request_id, epoch, body)
};

}  // namespace mr::wire
