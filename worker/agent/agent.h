// The worker's shell: one loop that waits for answers, tasks, the spawner and signals, tells the
// core, and does what the core says. One thread; what takes long is done by a helper's (chores.h),
// and the segment server has its own.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/io/env.h"
#include "common/net/channel.h"
#include "common/net/leader_finder.h"
#include "worker/agent/agent_core.h"
#include "worker/agent/chores.h"
#include "worker/agent/plugin_cache.h"
#include "worker/agent/plugin_fetcher.h"
#include "worker/agent/scratch.h"
#include "worker/agent/spawner.h"
#include "worker/agent/task_process.h"
#include "worker/web/worker_status.h"

namespace mr::worker {

inline constexpr int kExitBug = 70;  // EX_SOFTWARE of sysexits.h

struct AgentSettings {
  AgentConfig core;
  std::string coordinator;           // as given: tcp://, ipc:// or file:
  std::vector<std::string> endpoints;  // resolved, at least one; may carry the coordinator's public key
  std::optional<net::KeyPair> keys;  // for the tasks' fetches
  std::string cluster;               // must be the coordinator's; empty = any
  std::string mrtask_path;
  std::vector<ScratchDisks::Disk> scratch;  // at least one; plugins lie in the first
  // What the status page shows, at each heartbeat; may be empty.
  std::function<void(std::shared_ptr<const WorkerStatus>)> publish;
  std::function<uint64_t()> shuffle_sent_bytes;  // may be empty
  // SIGHUP: reads the configuration again; nothing: it was wrong. May be empty.
  std::function<std::optional<TimeoutsChanged>()> reload;
};

class Agent {
 public:
  // All must outlive the agent. `signal_fd`: a signalfd for SIGINT, SIGTERM, SIGHUP and SIGUSR1.
  Agent(AgentSettings settings, net::NetContext& context, Env& env, const Clock& clock,
        Spawner& spawner, int signal_fd, std::unique_ptr<Chores> chores);

  // Until the core wants to exit; its exit code. Tasks may still run then: they end with the
  // spawner.
  int Run();

 private:
  // A task process, or one that has been asked for and is not here yet.
  struct Task {
    std::optional<uint32_t> slot;          // none: a spare one, or leaving
    std::shared_ptr<TaskProcess> process;  // shared with chores that look at it
    std::optional<wire::Assignment> assignment;
    std::vector<wire::SourceUpdate> updates;  // to be sent after the assignment
    uint64_t memory_limit_bytes = 0;
    bool log_open = true;
    bool link_open = true;
    bool kill_on_arrival = false;
    bool spare = false;          // belongs to no job yet: it waits for its first message
    Time kill_at = Time::max();  // of a leaving one
  };

  void Feed(AgentEvent event);
  void Perform(SendRequest action);
  void Perform(FetchPlugin action);
  void Perform(StartAttempt action);
  void Perform(GrantCommit action);
  void Perform(PassSources action);
  void Perform(AskForStack action);
  void Perform(KillTask action);
  void Perform(StopTask action);
  void Perform(DropAttempt action);
  void Perform(DropJob action);
  void Perform(ListScratch action);
  void Perform(RemoveLeftovers action);
  void Perform(Note action);
  void Perform(Exit action);

  Status Connect(const std::string& endpoint);
  void FollowRendezvous(Time now);
  void RenewConnections(Channel channel);
  // agent_leader.cc
  bool several() const { return finder_.endpoints().size() > 1; }
  void TakeRefusal(Channel channel);
  void TakeSilence();
  void TakeNotLeader(const wire::NotLeaderResponse& response);
  void AskAnother();
  void OnKey(int key);
  void OnReply(Channel channel);
  void TakeReplies(Channel channel);
  void OnBlob();
  void RemoveLater(std::vector<std::string> paths);
  void StorePlugin(PluginFetcher::Finished plugin);
  void SendBlobRequest();
  void OnSpawnerNews();
  void OnSpawned(Spawned spawned);
  void OnExited(const Exited& exited);
  void OnSignal();
  void ReadLink(uint64_t id);
  void ReadLog(uint64_t id);
  void SendTo(Task& task, const wire::ToTask& message);
  void CloseLog(uint64_t id, Task& task);
  void CloseLink(uint64_t id, Task& task);
  void Observe(Time now);
  void ObserveScratch();
  // agent_status.cc
  void LogState();
  void AskForStacks();
  void ReadStacks(Time now);
  void LogStack(const AttemptId& attempt, const std::shared_ptr<TaskProcess>& process);
  void PublishStatus();
  Duration TimeToSleep(Time now) const;
  Task* TaskOf(uint32_t slot);
  Task* TakeSpare();
  void AddSpares();
  void Greet(Task& task);
  void SendAttempt(Task& task);
  wire::Request Envelope(uint64_t request_id, uint64_t epoch, wire::RequestBody body) const;

  AgentSettings settings_;
  net::NetContext& context_;
  Env& env_;
  const Clock& clock_;
  Spawner& spawner_;
  int signal_fd_;
  AgentCore core_;
  ScratchDisks disks_;
  const std::vector<ScratchPaths> scratch_;  // of disks_, in the same order
  PluginCache plugins_;  // but for PathOf: only the chores' thread uses it
  PluginFetcher fetcher_;
  uint64_t client_;       // random: names this process in request ids
  uint64_t blob_client_;  // the blob channel numbers its requests apart
  uint64_t blob_request_id_ = 0;
  std::unique_ptr<net::RequestChannel> channels_[2];
  std::unique_ptr<net::RequestChannel> blob_channel_;
  std::optional<Time> unanswered_since_[2];  // of channels_: when the first of the requests was sent
  net::LeaderFinder finder_;
  std::string endpoint_;       // who is asked
  Time connected_at_{};        // when this was begun
  bool reached_ = false;       // something could be sent since then
  uint64_t sent_request_[2]{};  // of channels_: the newest request that went out
  net::Poller poller_;
  std::map<uint64_t, Task> tasks_;
  uint64_t next_task_id_ = 1;
  std::deque<AgentEvent> events_;
  bool pumping_ = false;
  std::optional<int> exit_code_;
  Time next_observation_{};
  WorkerTotals totals_;
  int64_t started_unix_ms_;
  // Tasks that have been asked for their stacks, by number.
  struct StackAsked {
    uint32_t taken_before = 0;
    Time give_up_at{};
  };
  std::map<uint64_t, StackAsked> stacks_asked_;
  Time next_rendezvous_{};
  std::unique_ptr<Chores> chores_;  // the last member: what they use outlives them
};

}  // namespace mr::worker
