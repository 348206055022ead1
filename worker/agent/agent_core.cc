#include "worker/agent/agent_core.h"

#include <algorithm>

#include "common/base/mutants.h"
#include "common/base/strings.h"
#include "worker/task/limits.h"

namespace mr::worker {
namespace {

using std::chrono::milliseconds;

constexpr Duration kLastReportTime = milliseconds(2000);
constexpr Duration kFarewellTime = milliseconds(500);
constexpr Duration kUnheardTime = milliseconds(4000);  // two unanswered requests
constexpr size_t kLogBytesKept = 64u << 10;

wire::Failure MakeFailure(wire::FailureCause cause, std::string message) {
  wire::Failure failure;
  failure.cause = cause;
  failure.message = std::move(message);
  return failure;
}

}  // namespace

AgentCore::AgentCore(AgentConfig config, Now now)
    : config_(std::move(config)),
      now_(now),
      lease_(milliseconds(10'000)),
      heartbeat_(milliseconds(500)),
      last_contact_(now.mono),
      registered_at_(now.mono),
      next_report_(now.mono),
      next_work_(now.mono),
      slots_(config_.slots) {}

AgentActions AgentCore::Step(Now now, const AgentEvent& event) {
  now_ = now;
  actions_.clear();
  if (leaving_) return {};
  std::visit([this](const auto& happened) { On(happened); }, event);
  if (!leaving_) Advance();
  return std::move(actions_);
}

uint32_t AgentCore::busy_slots() const {
  uint32_t busy = 0;
  for (const Slot& slot : slots_) {
    if (slot.stage != Stage::kIdle) busy += slot.width;
  }
  return busy;
}

bool AgentCore::takes_work() const {
  return registered_ && !draining_ && !scratch_full();
}

std::string AgentCore::StateText() const {
  if (draining_) return "stopping: no new tasks, the running ones finish";
  if (scratch_full()) return "no new tasks: every scratch directory is full up to --scratch-reserve";
  return registered_ ? "serving" : "not registered with a coordinator";
}

uint32_t AgentCore::FreeSlots() const {
  if (draining_ || scratch_full()) return 0;
  return config_.slots - std::min(config_.slots, busy_slots());
}

// One whose plugin is on its way hears when it runs.
bool AgentCore::AwaitsSources(const Slot& slot) { return slot.stage == Stage::kRunning && slot.awaits_sources; }

// Who asks for work hears of map outputs too.
bool AgentCore::MayAskForWork() const { return FreeSlots() > 0 || std::any_of(slots_.begin(), slots_.end(), AwaitsSources); }

Time AgentCore::NextDeadline() const {
  Time due = now_.mono + heartbeat_;
  const auto consider = [&](Time time) { due = std::min(due, time); };
  for (const InFlight& flight : flights_) {
    if (flight.waiting) consider(flight.resend_at);
  }
  if (!flights_[0].waiting) consider(next_report_);
  if (registered_ && MayAskForWork() && !flights_[1].waiting) consider(next_work_);
  for (const Slot& slot : slots_) {
    if (slot.kill_at) consider(*slot.kill_at);
    if (MustProgress(slot) && slot.assignment->config.task_timeout_ms > 0) {
      consider(slot.progressed_at + milliseconds(slot.assignment->config.task_timeout_ms));
    }
  }
  if (farewell_by_) consider(*farewell_by_);
  if (draining_) consider(drain_until_ > now_.mono ? drain_until_ : leave_by_);
  return std::max(due, now_.mono);
}

// ---- tasks
// ------------------------------------------------------------------------------------------------------

bool AgentCore::IsKnown(const AttemptId& attempt) const {
  if (owed_.contains(attempt) || outputs_.contains(attempt)) return true;
  return std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
    return slot.assignment && slot.assignment->attempt == attempt;
  });
}

// A slot whose process has worked for the job, else one without a process, else any idle one.
std::optional<uint32_t> AgentCore::ChooseSlot(JobId job) const {
  std::optional<uint32_t> best;
  int best_rank = 0;
  for (uint32_t index = 0; index < slots_.size(); ++index) {
    const Slot& slot = slots_[index];
    if (slot.stage != Stage::kIdle) continue;
    const int rank = slot.has_process ? (slot.process_job == job ? 3 : 1) : 2;
    if (rank > best_rank) {
      best = index;
      best_rank = rank;
    }
  }
  return best;
}

void AgentCore::Place(const wire::Assignment& assignment) {
  if (IsKnown(assignment.attempt)) return;  // an answer that was sent twice
  if (draining_) {
    return Refuse(assignment.attempt, wire::FailureCause::kWorkerStopping,
                  "the worker is stopping");
  }
  // It may have become full while the request was held. A finish task needs no scratch, and makes room.
  if (scratch_full() && !std::holds_alternative<wire::FinishWork>(assignment.work)) {
    return Refuse(assignment.attempt, wire::FailureCause::kDiskFull,
                  "the worker's scratch file system is full up to --scratch-reserve");
  }
  const bool finish = assignment.attempt.task.phase == Phase::kFinish;
  const uint32_t width = finish ? 1 : std::max(1u, assignment.config.slots_per_task);
  const std::optional<uint32_t> index = ChooseSlot(assignment.attempt.task.job);
  if (!index || busy_slots() + width > config_.slots) {
    return Refuse(assignment.attempt, wire::FailureCause::kInternal, "the worker has no free slot");
  }
  Slot& slot = slots_[*index];
  const bool has_process = slot.has_process;
  const JobId process_job = slot.process_job;
  std::string process_plugin = std::move(slot.process_plugin);
  slot = Slot{};
  slot.has_process = has_process;
  slot.process_job = process_job;
  slot.process_plugin = std::move(process_plugin);
  slot.assignment = assignment;
  slot.width = width;
  slot.progress.attempt = assignment.attempt;
  slot.progressed_at = now_.mono;
  slot.started_unix_ms = now_.unix_ms;
  if (const auto* reduce = std::get_if<wire::ReduceWork>(&assignment.work)) {
    slot.awaits_sources = true;
    slot.source_position = reduce->position;
  }
  const std::string& plugin = assignment.config.plugin_sha256;
  const bool needs_plugin = !std::holds_alternative<wire::FinishWork>(assignment.work);
  const auto known = plugins_.find(plugin);
  const bool whole = known != plugins_.end() && known->second == assignment.attempt.task.job;
  if (!needs_plugin || whole) return Start(*index);
  slot.stage = Stage::kFetching;
  if (fetching_.insert(plugin).second) Do(FetchPlugin{plugin});
}

void AgentCore::Start(uint32_t index) {
  Slot& slot = slots_[index];
  const JobId job = slot.assignment->attempt.task.job;
  const std::string& plugin = slot.assignment->config.plugin_sha256;
  const bool reuse = slot.has_process && slot.process_job == job && slot.process_plugin == plugin;
  if (slot.has_process && !reuse) Do(StopTask{index});
  const uint64_t asked = slot.assignment->config.memory_limit_bytes;
  slot.memory_limit_bytes =
      asked != 0 ? asked : config_.memory_bytes / std::max(1u, config_.slots) * slot.width;
  slot.stage = Stage::kRunning;
  slot.has_process = true;
  slot.process_job = job;
  slot.process_plugin = plugin;
  slot.progressed_at = now_.mono;
  Do(StartAttempt{index, reuse, slot.memory_limit_bytes, *slot.assignment});
}

void AgentCore::Refuse(const AttemptId& attempt, wire::FailureCause cause, std::string message) {
  wire::AttemptOutcome outcome;
  outcome.attempt = attempt;
  outcome.failure = MakeFailure(cause, std::move(message));
  outcome.times.started_unix_ms = outcome.times.ended_unix_ms = now_.unix_ms;
  Owe(std::move(outcome), false, std::nullopt);
}

void AgentCore::Owe(wire::AttemptOutcome outcome, bool holds_output,
                    std::optional<wire::AttemptProgress> last_words) {
  const AttemptId attempt = outcome.attempt;
  owed_[attempt] = Owed{std::move(outcome), holds_output, std::move(last_words)};
  report_now_ = true;
}

// The slot's attempt is over; the slot is free unless its process is still dying.
void AgentCore::Conclude(uint32_t index, wire::AttemptOutcome outcome) {
  Slot& slot = slots_[index];
  const bool holds_output = outcome.attempt.task.phase == Phase::kMap &&
                            outcome.result.has_value() && slot.assignment->config.reducers > 0;
  if (slot.silent || !holds_output) Do(DropAttempt{outcome.attempt});
  if (!slot.silent) {
    if (outcome.times.started_unix_ms == 0) outcome.times.started_unix_ms = slot.started_unix_ms;
    if (outcome.times.ended_unix_ms == 0) outcome.times.ended_unix_ms = now_.unix_ms;
    std::optional<wire::AttemptProgress> last_words;
    if (!slot.log.empty()) {
      last_words = slot.progress;
      const size_t skip =
          slot.log.size() > kLogBytesPerReport ? slot.log.size() - kLogBytesPerReport : 0;
      last_words->log_bytes = slot.log.substr(skip);
    }
    Owe(std::move(outcome), holds_output, std::move(last_words));
  }
  slot.assignment.reset();
  slot.log.clear();
}

void AgentCore::Kill(uint32_t index, KillReason reason, bool with_stack) {
  Slot& slot = slots_[index];
  if (slot.stage == Stage::kDying || !slot.assignment) return;
  if (slot.stage == Stage::kFetching) {  // no process of its own yet
    wire::AttemptOutcome outcome;
    outcome.attempt = slot.assignment->attempt;
    outcome.failure = MakeFailure(reason.cause, reason.message);
    slot.stage = Stage::kIdle;
    return Conclude(index, std::move(outcome));
  }
  slot.stage = Stage::kDying;
  slot.kill_reason = std::move(reason);
  if (with_stack) {
    slot.kill_at = now_.mono + kStackTime;
    Do(AskForStack{index});
  } else {
    Do(KillTask{index});
  }
}

void AgentCore::CancelAttempt(const AttemptId& attempt, const std::string& why) {
  for (uint32_t index = 0; index < slots_.size(); ++index) {
    if (slots_[index].assignment && slots_[index].assignment->attempt == attempt) {
      Kill(index, KillReason{wire::FailureCause::kCancelled, why}, false);
    }
  }
}

void AgentCore::DropOutput(const AttemptId& attempt) {
  outputs_.erase(attempt);
  Do(DropAttempt{attempt});
}

void AgentCore::EndJob(JobId job, bool keep_outputs) {
  for (uint32_t index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    if (slot.assignment && slot.assignment->attempt.task.job == job) {
      Kill(index, KillReason{wire::FailureCause::kCancelled, "the job has ended"}, false);
    } else if (slot.stage == Stage::kIdle && slot.has_process && slot.process_job == job) {
      slot.has_process = false;
      Do(StopTask{index});
    }
  }
  if (keep_outputs) return;
  std::erase_if(outputs_, [&](const AttemptId& attempt) { return attempt.task.job == job; });
  Do(DropJob{job});
}

void AgentCore::On(const PluginArrived& event) {
  fetching_.erase(event.sha256);
  for (uint32_t index = 0; index < slots_.size(); ++index) {
    const Slot& slot = slots_[index];
    if (slot.stage != Stage::kFetching || slot.assignment->config.plugin_sha256 != event.sha256)
      continue;
    plugins_[event.sha256] = slot.assignment->attempt.task.job;
    Start(index);
  }
}

void AgentCore::On(const PluginUnavailable& event) {
  fetching_.erase(event.sha256);
  const bool missing =
      event.error.code == ErrorCode::kNotFound || event.error.code == ErrorCode::kInvalidArgument;
  const auto cause = missing                                   ? wire::FailureCause::kBadPlugin
                     : event.error.code == ErrorCode::kNoSpace ? wire::FailureCause::kDiskFull
                                                               : wire::FailureCause::kIo;
  for (uint32_t index = 0; index < slots_.size(); ++index) {
    const Slot& slot = slots_[index];
    if (slot.stage != Stage::kFetching || slot.assignment->config.plugin_sha256 != event.sha256)
      continue;
    Kill(index, KillReason{cause, event.error.text}, false);
  }
}

void AgentCore::On(const TaskWantedCommit& event) {
  Slot& slot = slots_[event.slot];
  if (!slot.assignment || slot.assignment->attempt != event.attempt ||
      slot.stage != Stage::kRunning)
    return;
  slot.stage = Stage::kWantsCommit;
  report_now_ = true;
  if (Mutated(Mutant::kF13PublishesUngranted)) Do(GrantCommit{event.slot, event.attempt});
}

void AgentCore::On(const TaskFetchedSources& event) {
  Slot& slot = slots_[event.slot];
  if (slot.assignment && slot.assignment->attempt == event.attempt) slot.awaits_sources = false;
}

void AgentCore::On(const TaskReported& event) {
  Slot& slot = slots_[event.slot];
  if (!slot.assignment || slot.assignment->attempt != event.outcome.attempt) return;
  slot.log += event.log_bytes;
  const bool failed = event.outcome.failure.has_value();
  Conclude(event.slot, event.outcome);
  if (slot.stage == Stage::kDying) return;  // it finished before the kill arrived; TaskDied follows
  slot.stage = Stage::kIdle;
  if (!failed) return;
  // A process in which user code has failed may be damaged: the next attempt gets a new one.
  slot.has_process = false;
  Do(StopTask{event.slot});
}

void AgentCore::On(const TaskDied& event) {
  Slot& slot = slots_[event.slot];
  slot.has_process = false;
  slot.kill_at.reset();
  if (slot.assignment) {
    slot.log += event.log_bytes;
    wire::AttemptOutcome outcome;
    outcome.attempt = slot.assignment->attempt;
    outcome.times.peak_memory_bytes = event.death.peak_memory_bytes;
    if (!event.spawn_error.empty() && !slot.kill_reason) {
      outcome.failure = MakeFailure(wire::FailureCause::kIo, event.spawn_error);
    } else {
      DeathReport death = event.death;
      death.memory_limit_bytes = slot.memory_limit_bytes;
      death.memory_asked_bytes = slot.assignment->config.memory_limit_bytes;
      outcome.failure = FailureOfDeath(death, slot.kill_reason);
    }
    Conclude(event.slot, std::move(outcome));
  }
  slot = Slot{};
}

void AgentCore::On(const TaskObserved& event) {
  Slot& slot = slots_[event.slot];
  if (!slot.assignment || slot.stage == Stage::kFetching) return;
  slot.log += event.progress.log_bytes;
  if (slot.log.size() > kLogBytesKept) slot.log.erase(0, slot.log.size() - kLogBytesKept);
  const AttemptId attempt = slot.progress.attempt;
  slot.progress = event.progress;
  slot.progress.attempt = attempt;
  slot.progress.log_bytes.clear();
  if (event.beat != slot.beat) {
    slot.beat = event.beat;
    slot.progressed_at = now_.mono;
  }
  if (slot.memory_limit_bytes != 0 && event.memory_bytes > slot.memory_limit_bytes) {
    Kill(event.slot,
         KillReason{wire::FailureCause::kMemory,
                    StrCat("out of memory; the task's peak was ", FormatSize(event.memory_bytes), ", its limit is ",
                           DescribeMemoryLimit(slot.memory_limit_bytes, slot.assignment->config.memory_limit_bytes),
                           ": hold less at once, or raise it")},
         true);
  }
}

void AgentCore::On(const ScratchObserved& event) {
  scratch_free_bytes_ = event.free_bytes;
  if (event.free_bytes == 0 && !scratch_warned_) {
    Do(Note{
        true,
        "there is no room for scratch files: taking no work until there is"});
  }
  scratch_warned_ = event.free_bytes == 0;
}

// A stop that has begun keeps its time.
void AgentCore::On(const TimeoutsChanged& event) {
  if (!draining_) config_.drain_timeout_ms = event.drain_timeout_ms;
  config_.death_timeout_ms = event.death_timeout_ms;
}

void AgentCore::On(const StopRequested&) {
  if (draining_) return Leave(0, "asked twice to stop");
  draining_ = true;
  drain_until_ = now_.mono + milliseconds(config_.drain_timeout_ms);
  leave_by_ = drain_until_ + kLastReportTime;
  report_now_ = true;
  Do(Note{false, StrCat("stopping: ", busy_slots(), " attempts finish first and ", outputs_.size(),
                        " map outputs are served until their jobs have ended, for at most ",
                        config_.drain_timeout_ms / 1000, " s")});
}

// ---- time
// -------------------------------------------------------------------------------------------------------

void AgentCore::Advance() {
  CheckTasks();
  CheckEnd();
  if (!leaving_) SendDue();
}

// Who waits for the word to commit waits for the coordinator; who has it may hang in a file system like any other.
bool AgentCore::MustProgress(const Slot& slot) {
  return slot.stage == Stage::kRunning || slot.stage == Stage::kPublishing;
}

void AgentCore::CheckTasks() {
  for (uint32_t index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    if (slot.kill_at && now_.mono >= *slot.kill_at) {
      slot.kill_at.reset();
      Do(KillTask{index});
    }
    if (!MustProgress(slot)) continue;
    const int64_t limit_ms = slot.assignment->config.task_timeout_ms;
    if (limit_ms > 0 && now_.mono - slot.progressed_at >= milliseconds(limit_ms)) {
      Kill(index,
           KillReason{wire::FailureCause::kTimeout,
                      StrCat("made no progress for ", static_cast<double>(limit_ms) / 1000,
                             " s (--task-timeout)")},
           true);
    }
  }
}

// Whether a worker that is stopping has map outputs that others may still fetch. It is known from the coordinator
// alone, so one that does not answer is not waited for.
bool AgentCore::ServesOutputs() const {
  return !outputs_.empty() && now_.mono < drain_until_ &&
         now_.mono - last_contact_ < 2 * heartbeat_ + kFarewellTime;
}

void AgentCore::CheckEnd() {
  if (draining_) {
    if (busy_slots() == 0 && (owed_.empty() || !registered_) && !(registered_ && ServesOutputs())) {
      if (!registered_) return Leave(0, "stopped after its last attempt");
      // What it holds is made again at once, and not when its lease has run out. That is worth a
      // moment: perhaps the coordinator has been stopped too.
      if (!farewell_by_) {
        farewell_by_ = now_.mono + kFarewellTime;
        report_now_ = true;
      }
      if (now_.mono >= *farewell_by_)
        return Leave(0, "stopped; the coordinator did not answer the farewell");
    }
    // Only answers of the coordinator are missing, and none comes: most likely it has been stopped too.
    const bool working = std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
      return slot.stage != Stage::kIdle && slot.stage != Stage::kWantsCommit;
    });
    const Time drain_began = drain_until_ - milliseconds(config_.drain_timeout_ms);
    const bool unheard = now_.mono - std::max(last_contact_, drain_began) >= kUnheardTime;
    if (now_.mono >= leave_by_ || (!working && unheard))
      return Leave(0, "stopped; the coordinator did not take the last outcomes");
    if (now_.mono >= drain_until_) {
      for (uint32_t index = 0; index < slots_.size(); ++index) {
        Kill(index, KillReason{wire::FailureCause::kWorkerStopping, "the worker is stopping"},
             false);
      }
    }
  }
  if (config_.death_timeout_ms > 0 &&
      now_.mono - last_contact_ >= milliseconds(config_.death_timeout_ms)) {
    Leave(7, StrCat("no answer from the coordinator for ",
                    static_cast<double>(config_.death_timeout_ms) / 1000,
                    " s (--death-timeout): is it running, and is --coordinator right?"));
  }
}

void AgentCore::Leave(int code, std::string reason) {
  leaving_ = true;
  Do(Exit{code, std::move(reason)});
}

}  // namespace mr::worker
