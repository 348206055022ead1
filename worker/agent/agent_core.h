// The worker's brain: leases, slots, attempts and what is owed to the coordinator. Pure: no I/O,
// clock, thread or random device. Everything that was not answered is said again: a time-out means
// unknown.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "worker/agent/agent_events.h"

namespace mr::worker {

// How long a task may take to print its stack: one that is stopped, or blocks signals, never answers.
inline constexpr Duration kStackTime = std::chrono::milliseconds(500);
inline constexpr size_t kLogBytesPerReport = 16u << 10;

struct AgentConfig {
  std::string name;
  std::string host;
  std::string version;
  uint64_t pid = 0;
  uint32_t slots = 1;
  std::string data_endpoint;
  uint64_t memory_bytes = 0;  // of all tasks together; a task's default limit is its share
  std::map<std::string, std::string> labels;
  int64_t drain_timeout_ms = 30'000;
  int64_t death_timeout_ms = 60'000;  // without the coordinator; 0 = never
  uint32_t hold_ms = 1000;            // how long the coordinator may hold a request for work
};

class AgentCore {
 public:
  AgentCore(AgentConfig config, Now now);

  AgentActions Step(Now now, const AgentEvent& event);

  // When Step(Ticked) is due at the latest.
  Time NextDeadline() const;
  bool registered() const { return registered_; }
  Duration heartbeat() const { return heartbeat_; }
  Duration lease() const { return lease_; }
  Time last_contact() const { return last_contact_; }
  uint32_t busy_slots() const;
  size_t owed_count() const { return owed_.size(); }  // outcomes that the coordinator has not recorded
  size_t accepted_count() const { return accepted_.size(); }  // assignments to acknowledge
  size_t output_count() const { return outputs_.size(); }     // recorded map outputs
  bool takes_work() const;        // registered, not draining, and there is scratch space
  std::string StateText() const;  // "serving", or why it takes no work
  bool scratch_full() const { return scratch_free_bytes_ && *scratch_free_bytes_ == 0; }

 private:
  enum class Stage : uint8_t {
    kIdle,
    kFetching,  // the plugin is on its way
    kRunning,
    kWantsCommit,  // repeated in each report until granted
    kPublishing,
    kDying,  // killed; waits for the process's end
  };
  struct Slot {
    Stage stage = Stage::kIdle;
    bool has_process = false;
    JobId process_job;
    std::string process_plugin;  // it has loaded this one, and cannot load another
    std::optional<wire::Assignment> assignment;
    uint32_t width = 1;  // slots that the attempt occupies: this one and others that stay empty
    uint64_t memory_limit_bytes = 0;
    std::optional<KillReason> kill_reason;
    bool silent = false;          // the coordinator no longer knows the attempt: say nothing of it
    std::optional<Time> kill_at;  // the stack has been asked for; SIGKILL follows
    uint64_t beat = 0;
    Time progressed_at;
    int64_t started_unix_ms = 0;
    wire::AttemptProgress progress;
    std::string log;  // not yet reported
    bool awaits_sources = false;   // a reduce that has not fetched everything
    uint64_t source_position = 0;  // how far it has heard what has become of map outputs
  };
  // An outcome that the coordinator has not recorded yet.
  struct Owed {
    wire::AttemptOutcome outcome;
    bool holds_output = false;                        // a map's run file lies here
    std::optional<wire::AttemptProgress> last_words;  // the log's end, sent once
  };
  struct InFlight {
    bool waiting = false;
    uint64_t request_id = 0;
    wire::RequestBody body;
    Time resend_at;
    Duration backoff{};
  };

  void On(const Ticked&) {}
  void On(const Replied& event);
  void On(const SendRefused& event);
  void On(const CoordinatorChanged& event);
  void On(const PluginArrived& event);
  void On(const PluginUnavailable& event);
  void On(const TaskWantedCommit& event);
  void On(const TaskFetchedSources& event);
  void On(const TaskReported& event);
  void On(const TaskDied& event);
  void On(const TaskObserved& event);
  void On(const ScratchObserved& event);
  void On(const ScratchListed& event);  // agent_sweep.cc
  void On(const StopRequested&);
  void On(const TimeoutsChanged& event);

  void OnError(Channel channel, const wire::RequestBody& request, const wire::ErrorResponse& error);
  void OnRegistered(const wire::RegisterResponse& response);
  void OnWork(const wire::WorkResponse& response);
  void OnReport(const wire::ReportResponse& response);
  void OnFenced();

  void Advance();  // everything that time or a changed state calls for
  void CheckTasks();
  static bool MustProgress(const Slot& slot);
  void CheckEnd();
  bool ServesOutputs() const;
  void SendDue();
  void Ask(Channel channel, wire::RequestBody body);
  wire::RegisterRequest MakeRegister() const;
  wire::ReportRequest MakeReport();

  void Place(const wire::Assignment& assignment);
  void Start(uint32_t index);
  void Refuse(const AttemptId& attempt, wire::FailureCause cause, std::string message);
  void Kill(uint32_t index, KillReason reason, bool with_stack);
  void CancelAttempt(const AttemptId& attempt, const std::string& why);
  void EndJob(JobId job, bool keep_outputs);
  void Conclude(uint32_t index, wire::AttemptOutcome outcome);
  void Owe(wire::AttemptOutcome outcome, bool holds_output,
           std::optional<wire::AttemptProgress> last_words);
  void DropOutput(const AttemptId& attempt);
  bool IsKnown(const AttemptId& attempt) const;
  uint32_t FreeSlots() const;
  static bool AwaitsSources(const Slot& slot);
  bool MayAskForWork() const;
  wire::WorkRequest MakeWork() const;
  std::optional<uint32_t> ChooseSlot(JobId job) const;
  InFlight& Flight(Channel channel) { return flights_[static_cast<size_t>(channel)]; }
  void Do(AgentAction action) { actions_.push_back(std::move(action)); }
  void Leave(int code, std::string reason);

  AgentConfig config_;
  Now now_;
  AgentActions actions_;

  // The session.
  bool registered_ = false;
  WorkerRef self_;
  uint64_t epoch_ = 0;
  Duration lease_;
  Duration heartbeat_;
  Time last_contact_;
  Time registered_at_;
  uint32_t quick_fences_ = 0;  // in a row: somebody else uses our name
  InFlight flights_[2];
  uint64_t next_request_id_ = 1;
  Time next_report_;
  bool report_now_ = false;
  Time next_work_;

  std::vector<Slot> slots_;
  std::vector<AttemptId> accepted_;  // assignments the coordinator does not know to have arrived
  std::map<AttemptId, Owed> owed_;
  std::set<AttemptId> outputs_;    // recorded map outputs that lie here
  // Whole in the cache, as of the start of this job: a disk may damage what lies on it for long.
  std::map<std::string, JobId> plugins_;
  std::set<std::string> fetching_;
  std::optional<uint64_t> scratch_free_bytes_;
  bool scratch_warned_ = false;

  bool draining_ = false;
  Time drain_until_;
  Time leave_by_;  // after the drain: for the last outcomes to be recorded
  std::optional<Time> farewell_by_;  // nothing is left to do: the next report is the last
  bool leaving_ = false;
};

}  // namespace mr::worker
