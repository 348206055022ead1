// Sessions of workers: registration, requests for work, reports.
#include <algorithm>

#include "common/base/logging.h"
#include "common/base/mutants.h"
#include "common/base/strings.h"
#include "coordinator/core/coordinator_core.h"

namespace mr::coordinator {
namespace {

constexpr uint32_t kMaxSlots = 4096;
constexpr size_t kMaxTroubleBytes = 300;
constexpr Duration kMaxHold = std::chrono::seconds(1);
// A running attempt that this many successive reports do not name is gone.
constexpr uint32_t kAbsentReports = 2;

uint32_t Milliseconds(Duration duration) {
  return static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

bool Contains(const std::vector<AttemptId>& list, const AttemptId& attempt) {
  return std::find(list.begin(), list.end(), attempt) != list.end();
}

Status CheckRegistration(const wire::RegisterRequest& request) {
  if (request.name.empty() || request.name.size() > 255) {
    return Fail(ErrorCode::kInvalidArgument,
                "a worker's name must have 1 to 255 bytes; give it with --name");
  }
  if (request.host.size() > 255) {
    return Fail(ErrorCode::kInvalidArgument, StrCat("worker ", Printable(request.name), " is on a host with a name of ",
                                                    request.host.size(), " bytes; at most 255"));
  }
  if (request.slots == 0 || request.slots > kMaxSlots) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("worker ", Printable(request.name), " offers ", request.slots,
                       " slots; give --slots from 1 to ", kMaxSlots));
  }
  return {};
}

}  // namespace

void CoordinatorCore::Handle(const Asker& asker, const wire::RegisterRequest& request) {
  if (Status valid = CheckRegistration(request); !valid) return AnswerError(asker, valid.error());
  const Result<Worker*> found = workers_.FindOrAdd(request.name);
  if (!found) return AnswerError(asker, found.error());
  Worker& worker = **found;
  const bool newcomer = worker.session.value == 0;
  // A late copy of the registration that made the present session must not end it.
  const bool copy = worker.alive && asker.client == worker.register_client &&
                    asker.request_id <= worker.register_request;
  if (!copy) OpenSession(asker, worker, request);
  for (auto& [id, run] : runs_) {  // what it did in earlier lives of the coordinator
    const auto before = run.failures_before.find(request.name);
    if (newcomer && before != run.failures_before.end()) run.failures_at[worker.id] += before->second;
  }
  Answer(asker, DescribeSession(worker));
}

void CoordinatorCore::OpenSession(const Asker& asker, Worker& worker,
                                  const wire::RegisterRequest& request) {
  worker.held.reset();  // who waited there is gone, or has given up
  for (const AttemptId& attempt : std::set<AttemptId>(worker.running)) {
    if (!Contains(request.running, attempt)) Abort(attempt, "its worker started anew");
  }
  for (const AttemptId& attempt : std::set<AttemptId>(worker.map_outputs)) {
    if (!Contains(request.map_outputs, attempt))
      LoseOutput(attempt, StrCat("worker ", request.name, " started anew"));
  }
  if (asker.client != worker.register_client) {  // a new process: somebody may have mended it
    worker.failing = {};
    worker.quarantine = {};
  }
  worker.session = workers_.NewSession();
  worker.info = request;
  workers_.NoteHost(request.host);
  worker.info.running.clear();
  worker.info.map_outputs.clear();
  worker.alive = true;
  worker.draining = worker.draining && Mutated(Mutant::kL15SessionKeepsTheLast);
  worker.trouble.clear();
  worker.told_to_leave = false;
  worker.lease_until = now_.mono + options_.lease;
  worker.last_seen_unix_ms = now_.unix_ms;
  worker.ended_jobs.Clear();
  worker.kept_jobs.Clear();
  worker.drop_outputs.Clear();
  worker.jobs.clear();
  FindKept(worker, request.map_outputs);
  worker.register_client = asker.client;
  worker.register_request = asker.request_id;
  TakeInventory(worker, request);
  for (const AttemptId& id : worker.running) {
    Attempt* attempt = FindRun(id.task.job)->pool.Find(id);
    attempt->worker = worker.ref();
    attempt->acknowledged = true;
    attempt->absent_reports = 0;
    worker.jobs.insert(id.task.job);
  }
  for (const AttemptId& id : worker.map_outputs) {
    worker.jobs.insert(id.task.job);
    NoteSource(*FindRun(id.task.job), id.task.index);  // it may serve them at another address now
  }
  NoteDeadline(worker);
  EndSettlingIfAllAreBack();
}

wire::RegisterResponse CoordinatorCore::DescribeSession(const Worker& worker) const {
  wire::RegisterResponse response;
  response.worker = worker.ref();
  response.lease_ms = Milliseconds(options_.lease);
  response.heartbeat_ms = Milliseconds(options_.heartbeat);
  response.keep_running.assign(worker.running.begin(), worker.running.end());
  response.keep_outputs.assign(worker.map_outputs.begin(), worker.map_outputs.end());
  response.keep_outputs.insert(response.keep_outputs.end(), worker.kept_outputs.begin(), worker.kept_outputs.end());
  return response;
}

bool CoordinatorCore::RunsHere(const Worker& worker, const AttemptId& attempt) const {
  return worker.running.contains(attempt);
}

// An assignment of this session that the worker has not acknowledged: its answer may be lost.
const Attempt* CoordinatorCore::FindUnacknowledged(const Worker& worker) const {
  for (const AttemptId& id : worker.running) {
    const Attempt* attempt = runs_.at(id.task.job).pool.Find(id);
    if (!attempt->acknowledged && !attempt->cancelling) return attempt;
  }
  return nullptr;
}

void CoordinatorCore::Handle(const Asker& asker, const wire::WorkRequest& request) {
  const Result<Worker*> found = workers_.Check(request.worker);
  if (!found) return AnswerError(asker, found.error());
  Worker& worker = **found;
  const bool late = asker.client == worker.work_client && asker.request_id < worker.work_request;
  if (late) return Answer(asker, wire::WorkResponse{});
  worker.held.reset();  // the request that was held is superseded by this one
  worker.work_client = asker.client;
  worker.work_request = asker.request_id;
  for (const AttemptId& id : request.accepted) {
    if (!RunsHere(worker, id)) continue;
    FindRun(id.task.job)->pool.Find(id)->acknowledged = true;
  }
  if (leave_by_) {
    worker.told_to_leave = true;
    return Answer(asker, wire::WorkResponse{wire::WorkVerdict::kLeave, std::nullopt});
  }
  const Duration hold = std::min<Duration>(std::chrono::milliseconds(request.hold_ms), kMaxHold);
  worker.held =
      HeldWork{asker.token, asker.request_id, request.free_slots, now_.mono + hold, next_hold_++, now_.mono, {}};
  NoteWaiting(worker, request);
  NoteDeadline(worker);
  // The answer that carried an assignment was lost, or else the worker would have named it: the
  // same once more.
  if (const Attempt* lost = FindUnacknowledged(worker)) {
    return AnswerAssignment(worker, *lost);
  }
  if (GiveWork(worker)) return;
  if (Mutated(Mutant::kL04IdleIsTheEnd)) return AnswerHeld(worker, wire::WorkVerdict::kLeave);
  // One that a person took out, or that is quarantined, waits like one that nobody has work for: told at once, it
  // would ask again at once.
  const bool waits = worker.usable() || !request.waiting.empty() ||
                     (worker.alive && (worker.taken_out || worker.quarantine.until) && !worker.draining);
  if (request.hold_ms == 0 || !waits) AnswerHeld(worker, wire::WorkVerdict::kNothing);
  someone_may_wait_ = someone_may_wait_ || worker.held.has_value();
}

void CoordinatorCore::Handle(const Asker& asker, const wire::ReportRequest& request) {
  const Result<Worker*> found = workers_.Check(request.worker);
  if (!found) return AnswerError(asker, found.error());
  Worker& worker = **found;
  wire::ReportResponse response;
  const bool same_client = asker.client == worker.report_client;
  if (same_client && asker.request_id < worker.report_request && !Mutated(Mutant::kF05LateReportCounts))
    return Answer(asker, response);  // a late copy
  const bool fresh = !same_client || asker.request_id > worker.report_request;
  worker.report_client = asker.client;
  worker.report_request = asker.request_id;
  worker.lease_until = now_.mono + options_.lease;
  worker.last_seen_unix_ms = now_.unix_ms;
  worker.draining = request.draining;
  worker.scratch_free_bytes = request.scratch_free_bytes;
  worker.trouble = Printable(request.trouble, kMaxTroubleBytes);
  if (worker.draining) AnswerHeld(worker, wire::WorkVerdict::kNothing);
  // No more space but the reserve: what might be resumed one day makes room for what runs.
  while (worker.scratch_free_bytes == 0 && !worker.kept_outputs.empty())
    DropKept(worker, worker.kept_outputs.begin()->task.job);

  for (const wire::AttemptProgress& progress : request.progress) {
    if (RunsHere(worker, progress.attempt)) TakeProgress(progress, fresh);
  }
  for (const wire::AttemptOutcome& outcome : request.outcomes) {
    TakeOutcome(worker, outcome);
    response.recorded.push_back(outcome.attempt);
  }
  for (const AttemptId& attempt : request.commit_requests) GrantCommit(worker, attempt, response);
  if (fresh) FindAbsent(worker, request);
  if (fresh) FindStoppedLosers(worker, request);
  for (const wire::AttemptProgress& progress : request.progress) {
    const AttemptId& id = progress.attempt;
    const bool wanted = RunsHere(worker, id) && !FindRun(id.task.job)->pool.Find(id)->cancelling;
    if (!wanted && !Contains(response.recorded, id) && !Contains(response.cancel, id))
      response.cancel.push_back(id);
  }
  response.ended_jobs = worker.ended_jobs.Tell(fresh);
  response.kept_jobs = worker.kept_jobs.Tell(fresh);
  response.drop_outputs = worker.drop_outputs.Tell(fresh);
  response.sweep = !worker.sweep.Tell(fresh).empty();
  response.leave = leave_by_.has_value();
  worker.told_to_leave = response.leave;
  if (request.leaving) LoseWorker(worker, true);
  // It asked when all its slots were taken, to hear of map outputs; now it may ask for work.
  if (worker.held && worker.held->free_slots == 0 && worker.busy_slots < worker.info.slots)
    AnswerHeld(worker, wire::WorkVerdict::kNothing);
  Answer(asker, std::move(response));
}

void CoordinatorCore::TakeProgress(const wire::AttemptProgress& progress, bool fresh) {
  JobRun& run = *FindRun(progress.attempt.task.job);
  Attempt& attempt = *run.pool.Find(progress.attempt);
  attempt.acknowledged = true;
  attempt.absent_reports = 0;
  const bool advanced = attempt.bytes_done != progress.bytes_done || attempt.records_done != progress.records_done ||
                        attempt.shuffle_bytes_done != progress.shuffle_bytes_done;
  if (advanced) attempt.advanced_at = now_.mono;
  attempt.bytes_done = progress.bytes_done;
  attempt.bytes_total = progress.bytes_total;
  attempt.records_done = progress.records_done;
  attempt.shuffle_bytes_done = progress.shuffle_bytes_done;
  attempt.cause = progress.status;
  if (!fresh) return;  // a repeated report carries the same log bytes
  run.logs.Append(progress.attempt, progress.log_bytes);
  run.Changed();
}

void CoordinatorCore::GrantCommit(Worker& worker, const AttemptId& id,
                                  wire::ReportResponse& response) {
  if (!RunsHere(worker, id)) {
    response.cancel.push_back(id);
    return;
  }
  JobRun& run = *FindRun(id.task.job);
  Attempt& attempt = *run.pool.Find(id);
  attempt.acknowledged = true;
  attempt.absent_reports = 0;
  const JobEntry& job = state_.jobs.at(id.task.job);
  if (attempt.cancelling || !job.publishes(id.task.phase)) {
    response.cancel.push_back(id);
    return;
  }
  const TaskEntry& entry = *job.Find(id.task);
  if (Mutated(Mutant::kF01GrantIsNotRecorded)) return response.commit_granted.push_back(id);
  if (!entry.granted) Commit(wire::CommitGrantedRecord{id, worker.ref()});
  // Another attempt of the task publishes. This one asks again, and has its turn if the other is declared dead: that
  // revokes the grant.
  if (entry.granted == id) response.commit_granted.push_back(id);
}

// An attempt that the worker should run but does not know of: its assignment never arrived and was
// not asked for again, or the worker lost it.
void CoordinatorCore::FindAbsent(Worker& worker, const wire::ReportRequest& report) {
  std::set<AttemptId> named(report.commit_requests.begin(), report.commit_requests.end());
  for (const wire::AttemptProgress& progress : report.progress) named.insert(progress.attempt);
  for (const AttemptId& id : std::set<AttemptId>(worker.running)) {
    if (named.contains(id)) continue;
    Attempt& attempt = *FindRun(id.task.job)->pool.Find(id);
    if (now_.mono < attempt.assigned_at + 2 * options_.heartbeat) continue;
    if (++attempt.absent_reports < kAbsentReports) continue;
    Abort(id, StrCat("worker ", worker.info.name, " does not know of it"));
  }
}

}  // namespace mr::coordinator
