// The part of AgentCore that talks with the coordinator: registering, asking for work, reporting.
#include <algorithm>
#include <set>

#include "common/abi/mr_abi.h"
#include "common/base/mutants.h"
#include "common/base/strings.h"
#include "worker/agent/agent_core.h"

namespace mr::worker {
namespace {

using std::chrono::milliseconds;

constexpr Duration kAnswerTimeout = milliseconds(2000);
constexpr Duration kFirstBackoff = milliseconds(1);
constexpr Duration kLastBackoff = milliseconds(250);
constexpr Duration kErrorBackoff = milliseconds(200);
constexpr uint32_t kQuickFencesMax = 5;

template <class T>
bool Contains(const std::vector<T>& values, const T& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

// ---- sending
// ----------------------------------------------------------------------------------------------------

void AgentCore::SendDue() {
  for (const Channel channel : {Channel::kReport, Channel::kWork}) {
    InFlight& flight = Flight(channel);
    if (!flight.waiting || now_.mono < flight.resend_at) continue;
    flight.resend_at =
        now_.mono + kAnswerTimeout + milliseconds(channel == Channel::kWork ? config_.hold_ms : 0);
    Do(SendRequest{channel, flight.request_id, epoch_, flight.body});
  }
  if (!registered_) {
    if (!Flight(Channel::kReport).waiting && now_.mono >= next_report_)
      Ask(Channel::kReport, MakeRegister());
    return;
  }
  if (!Flight(Channel::kReport).waiting && (report_now_ || now_.mono >= next_report_)) {
    report_now_ = false;
    next_report_ = now_.mono + heartbeat_;
    Ask(Channel::kReport, MakeReport());
  }
  if (!Flight(Channel::kWork).waiting && MayAskForWork() && now_.mono >= next_work_) Ask(Channel::kWork, MakeWork());
}

void AgentCore::Ask(Channel channel, wire::RequestBody body) {
  InFlight& flight = Flight(channel);
  const Duration backoff = flight.backoff;
  flight = InFlight{};
  flight.waiting = true;
  flight.backoff = backoff;
  flight.request_id = next_request_id_++;
  flight.resend_at =
      now_.mono + kAnswerTimeout + milliseconds(channel == Channel::kWork ? config_.hold_ms : 0);
  flight.body = std::move(body);
  Do(SendRequest{channel, flight.request_id, epoch_, flight.body});
}

wire::RegisterRequest AgentCore::MakeRegister() const {
  wire::RegisterRequest request;
  request.name = config_.name;
  request.host = config_.host;
  request.version = config_.version;
  request.pid = config_.pid;
  request.abi_major = MR_ABI_MAJOR;
  request.abi_minor = MR_ABI_MINOR;
  request.slots = config_.slots;
  request.data_endpoint = config_.data_endpoint;
  request.memory_bytes = config_.memory_bytes;
  request.labels = config_.labels;
  for (const Slot& slot : slots_) {
    if (slot.assignment && !slot.silent) request.running.push_back(slot.assignment->attempt);
  }
  // An outcome that nobody has recorded is, to the coordinator, an attempt that still runs.
  for (const auto& [attempt, owed] : owed_) request.running.push_back(attempt);
  request.map_outputs.assign(outputs_.begin(), outputs_.end());
  return request;
}

wire::WorkRequest AgentCore::MakeWork() const {
  wire::WorkRequest request{self_, FreeSlots(), config_.hold_ms, accepted_, {}};
  for (const Slot& slot : slots_) {
    if (AwaitsSources(slot)) request.waiting.push_back({slot.assignment->attempt, slot.source_position});
  }
  return request;
}

wire::ReportRequest AgentCore::MakeReport() {
  wire::ReportRequest request;
  request.worker = self_;
  request.draining = draining_;
  request.leaving = farewell_by_.has_value() && busy_slots() == 0;
  request.scratch_free_bytes = scratch_free_bytes_.value_or(0);
  if (!takes_work()) request.trouble = StateText();
  for (Slot& slot : slots_) {
    if (!slot.assignment || slot.silent) continue;
    wire::AttemptProgress progress = slot.progress;
    progress.log_bytes = slot.log.substr(0, kLogBytesPerReport);
    slot.log.erase(0, progress.log_bytes.size());
    request.progress.push_back(std::move(progress));
    if (slot.stage == Stage::kWantsCommit)
      request.commit_requests.push_back(slot.assignment->attempt);
  }
  for (auto& [attempt, owed] : owed_) {
    if (owed.last_words) request.progress.push_back(*owed.last_words);
    owed.last_words.reset();
    request.outcomes.push_back(owed.outcome);
  }
  if (Mutated(Mutant::kL03ForgetsUnansweredOutcome)) owed_.clear();
  return request;
}

void AgentCore::On(const SendRefused& event) {
  InFlight& flight = Flight(event.channel);
  if (!flight.waiting) return;
  flight.backoff = std::clamp(2 * flight.backoff, kFirstBackoff, kLastBackoff);
  flight.resend_at = now_.mono + flight.backoff;
}

// Everything that runs goes on, and what is owed stays owed: the new session decides, as after a restart.
void AgentCore::On(const CoordinatorChanged& event) {
  if (registered_) {
    Do(Note{true, StrCat("looking for the coordinator's leader, with ", busy_slots(), " attempts and ", outputs_.size(),
                         " map outputs")});
  }
  registered_ = false;
  for (InFlight& flight : flights_) flight = InFlight{};
  accepted_.clear();
  next_report_ = next_work_ = std::max(now_.mono, event.ask_at);
}

// ---- answers
// ----------------------------------------------------------------------------------------------------

void AgentCore::On(const Replied& event) {
  InFlight& flight = Flight(event.channel);
  if (!flight.waiting || flight.request_id != event.request_id)
    return;  // an answer to an abandoned request
  const wire::RequestBody request = std::move(flight.body);
  flight = InFlight{};
  last_contact_ = now_.mono;
  epoch_ = event.epoch;
  if (const auto* error = std::get_if<wire::ErrorResponse>(&event.body))
    return OnError(event.channel, request, *error);
  if (const auto* response = std::get_if<wire::RegisterResponse>(&event.body)) {
    if (std::holds_alternative<wire::RegisterRequest>(request)) OnRegistered(*response);
  } else if (const auto* response = std::get_if<wire::WorkResponse>(&event.body)) {
    if (const auto* asked = std::get_if<wire::WorkRequest>(&request)) {
      std::erase_if(accepted_,
                    [&](const AttemptId& attempt) { return Contains(asked->accepted, attempt); });
      OnWork(*response);
    }
  } else if (const auto* response = std::get_if<wire::ReportResponse>(&event.body)) {
    const auto* report = std::get_if<wire::ReportRequest>(&request);
    if (report != nullptr) OnReport(*response);
    if (report != nullptr && report->leaving && !leaving_)
      Leave(0, "stopped after its last attempt");
  }
}

void AgentCore::OnError(Channel channel, const wire::RequestBody& request,
                        const wire::ErrorResponse& error) {
  if (error.code == ErrorCode::kFenced && registered_) return OnFenced();
  const bool registering = std::holds_alternative<wire::RegisterRequest>(request);
  const bool final =
      error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kUnsupported ||
      error.code == ErrorCode::kAlreadyExists || error.code == ErrorCode::kPermission;
  if (registering && final)
    return Leave(6, StrCat("the coordinator refuses this worker: ", error.text));
  Do(Note{true, StrCat("the coordinator answered ", ErrorCodeName(error.code), ": ", error.text)});
  // Say it again, but do not fill the network with it. What the report carried is still owed.
  Time& next = channel == Channel::kWork ? next_work_ : next_report_;
  next = now_.mono + kErrorBackoff;
  report_now_ = false;
}

// The coordinator does not know this session: it has restarted, or the lease has run out, or
// another process has registered under this name. Everything that runs goes on until the new
// session says otherwise.
void AgentCore::OnFenced() {
  const bool quick = now_.mono - registered_at_ < 2 * heartbeat_;
  quick_fences_ = quick ? quick_fences_ + 1 : 0;
  if (quick_fences_ >= kQuickFencesMax) {
    return Leave(6, StrCat("another worker process registers as '", config_.name,
                           "' again and again: give each its own --name"));
  }
  Do(Note{true, StrCat("session ", ToString(self_), " is no longer valid; registering again with ",
                       busy_slots(), " attempts and ", outputs_.size(), " map outputs")});
  registered_ = false;
  for (InFlight& flight : flights_) flight = InFlight{};
  accepted_.clear();
  next_report_ = now_.mono + (quick ? kErrorBackoff : Duration{0});
}

void AgentCore::OnRegistered(const wire::RegisterResponse& response) {
  registered_ = true;
  registered_at_ = now_.mono;
  self_ = response.worker;
  if (response.lease_ms > 0) lease_ = milliseconds(response.lease_ms);
  if (response.heartbeat_ms > 0) heartbeat_ = milliseconds(response.heartbeat_ms);
  next_report_ = now_.mono + heartbeat_;
  next_work_ = now_.mono;
  Do(Note{false, StrCat("ready as ", ToString(self_), " '", config_.name, "', ", config_.slots,
                        " slots")});
  for (uint32_t index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    if (!Mutated(Mutant::kF21PositionsOutliveSessions)) slot.source_position = 0;  // this coordinator may count anew
    if (!slot.assignment || Contains(response.keep_running, slot.assignment->attempt)) continue;
    if (Mutated(Mutant::kF14UnknownAttemptGoesOn)) continue;
    slot.silent = true;
    Kill(index,
         KillReason{wire::FailureCause::kCancelled, "the coordinator does not know this attempt"},
         false);
  }
  for (auto entry = owed_.begin(); entry != owed_.end();) {
    if (Contains(response.keep_running, entry->first)) {
      ++entry;
    } else {
      Do(DropAttempt{entry->first});
      entry = owed_.erase(entry);
    }
  }
  const std::set<AttemptId> held = outputs_;
  for (const AttemptId& attempt : held) {
    if (!Contains(response.keep_outputs, attempt)) DropOutput(attempt);
  }
  report_now_ = !owed_.empty() || busy_slots() > 0;
}

void AgentCore::OnWork(const wire::WorkResponse& response) {
  next_work_ = now_.mono;
  if (response.verdict == wire::WorkVerdict::kLeave)
    return Leave(0, "the coordinator has no more work");
  for (const wire::SourceUpdate& update : response.updates) {
    for (uint32_t index = 0; index < slots_.size(); ++index) {
      Slot& slot = slots_[index];
      if (!AwaitsSources(slot) || slot.assignment->attempt != update.attempt) continue;
      slot.source_position = update.position;
      Do(PassSources{index, update});
    }
  }
  if (response.verdict != wire::WorkVerdict::kAssigned || !response.assignment) return;
  accepted_.push_back(response.assignment->attempt);
  Place(*response.assignment);
}

void AgentCore::OnReport(const wire::ReportResponse& response) {
  for (const AttemptId& attempt : response.recorded) {
    const auto entry = owed_.find(attempt);
    if (entry == owed_.end()) continue;
    if (entry->second.holds_output) outputs_.insert(attempt);
    owed_.erase(entry);
  }
  for (uint32_t index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    if (slot.stage != Stage::kWantsCommit ||
        !Contains(response.commit_granted, slot.assignment->attempt))
      continue;
    slot.stage = Stage::kPublishing;
    slot.progressed_at = now_.mono;
    Do(GrantCommit{index, slot.assignment->attempt});
  }
  for (const AttemptId& attempt : response.cancel)
    CancelAttempt(attempt, "cancelled by the coordinator");
  for (const AttemptId& attempt : response.drop_outputs) DropOutput(attempt);
  for (const JobId job : response.ended_jobs) EndJob(job, false);
  for (const JobId job : response.kept_jobs) EndJob(job, true);
  if (response.sweep) Do(ListScratch{});
  if (response.leave) Leave(0, "the coordinator is shutting down");
}

}  // namespace mr::worker
