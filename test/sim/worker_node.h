// A worker's process: the real agent core in a shell whose task processes, files and sockets are modelled.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "test/sim/network.h"
#include "test/sim/output_files.h"
#include "test/sim/world.h"
#include "worker/agent/agent_core.h"

namespace mr::sim {

// What a worker reaches of the rest of the cluster.
class Surroundings {
 public:
  enum class Fetched : uint8_t { kWhole, kSilence, kNotThere, kDamaged };
  virtual ~Surroundings() = default;
  // A request on its way to the coordinator; `arrived` gets the answer's bytes, if one comes.
  virtual void Ask(HostId from, std::string bytes, std::function<void(std::string)> arrived) = 0;
  // Does the segment server at `endpoint` have this map output now?
  virtual Fetched Fetch(HostId from, const std::string& endpoint, const AttemptId& map) = 0;
  virtual OutputFiles& output_files() = 0;
  // Faults of tasks may still happen.
  virtual bool chaos() const = 0;
  // The coordinator has durably granted this attempt its commit, now or before.
  virtual bool WasGranted(const AttemptId& attempt) const = 0;
  // This map task's user code always fails.
  virtual bool IsPoisoned(const wire::Assignment& map) const = 0;
};

class WorkerNode {
 public:
  WorkerNode(World& world, const Options& options, Surroundings& around, HostId host);

  void Start();
  void Crash();  // its tasks die with it
  void Stop();   // SIGTERM
  void KillOneTask();
  void LoseOneRunFile();
  void DamageOneRunFile();
  void JumpClock(Duration by) { unix_offset_ += by; }
  void FillScratch(bool full);

  bool up() const { return life_ != nullptr && !life_->over; }
  const LifePtr& life() const { return life_; }
  HostId host() const { return host_; }
  const std::string& endpoint() const { return endpoint_; }
  Surroundings::Fetched Serve(const AttemptId& map) const;
  uint32_t busy_slots() const { return core_->busy_slots(); }
  const std::map<AttemptId, bool>& run_files() const { return run_files_; }

 private:
  struct TaskProcess {
    LifePtr life;
    std::optional<wire::Assignment> assignment;
    uint64_t beat = 0;
    uint64_t bytes_done = 0;
    std::map<uint32_t, wire::MapOutput> sources;  // of a reduce: not fetched yet, by map
    bool sources_complete = false;                // no map is still to come
    bool waits_for_sources = false;
    uint32_t fetch_tries = 0;
    std::vector<uint32_t> maps_read;
  };

  Now LocalNow() const;
  void Feed(const worker::AgentEvent& event);
  void ScheduleTick();
  void ObserveTasks();
  void CheckQueues() const;

  void Perform(const worker::SendRequest& action);
  void Perform(const worker::FetchPlugin& action);
  void Perform(const worker::StartAttempt& action);
  void Perform(const worker::GrantCommit& action);
  void Perform(const worker::PassSources& action);
  void Perform(const worker::AskForStack& action);
  void Perform(const worker::KillTask& action);
  void Perform(const worker::StopTask& action);
  void Perform(const worker::DropAttempt& action);
  void Perform(const worker::DropJob& action);
  void Perform(const worker::Note& action);
  void Perform(const worker::Exit& action);
  // What later versions of the agent may want done and a simulation has no part in.
  template <class Other>
  void Perform(const Other&) {}

  void RunTask(uint32_t slot);
  void RunFinish(uint32_t slot);
  bool TakeOver(uint32_t slot);
  void RunMap(uint32_t slot);
  void LearnSources(TaskProcess& task, const std::vector<wire::MapOutput>& sources, bool complete);
  void FetchNext(uint32_t slot);
  void WriteOutput(uint32_t slot);
  void Publish(uint32_t slot);
  void Succeed(uint32_t slot, wire::AttemptResult result);
  void FailTask(uint32_t slot, wire::FailureCause cause, const std::string& message,
                std::optional<AttemptId> source = std::nullopt, const std::string& type = "");
  void Report(uint32_t slot, wire::AttemptOutcome outcome);
  void KillProcess(uint32_t slot, Duration after, int signal, uint32_t phase);
  Duration Time(Duration ordinary);

  World& world_;
  const Options& options_;
  Surroundings& around_;
  const HostId host_;
  LifePtr life_;
  std::string endpoint_;
  std::unique_ptr<worker::AgentCore> core_;
  uint64_t client_ = 0;
  uint32_t lives_ = 0;
  bool slow_ = false;
  bool scratch_full_ = false;
  Duration unix_offset_{};
  uint64_t tick_number_ = 0;
  std::vector<TaskProcess> tasks_;           // by slot
  std::map<AttemptId, bool> run_files_;      // true = damaged
};

}  // namespace mr::sim
