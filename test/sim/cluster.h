// A whole cluster on one seed: coordinator, workers, a client, the network and the shared files, and a nemesis that
// breaks them for a while. Then everything is mended, and every job must end as it should.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "test/sim/coordinator_node.h"
#include "test/sim/network.h"
#include "test/sim/options.h"
#include "test/sim/output_files.h"
#include "test/sim/worker_node.h"
#include "test/sim/world.h"

namespace mr::sim {

struct Verdict {
  std::vector<std::string> problems;
  uint64_t events = 0;
  uint64_t trace_hash = 0;
  Duration elapsed{};  // virtual
  uint64_t backups = 0;  // attempts, of jobs as their client saw them at their end
  uint64_t backups_won = 0;
};

// Without an answer a client or operator asks again.
inline constexpr Duration kPatience = std::chrono::seconds(2);
// After the end of everything, for what is still to be removed.
inline constexpr Duration kTidyTime = std::chrono::seconds(30);

class Cluster final : public Surroundings {
 public:
  Cluster(const Options& options, bool trace);
  Verdict Run();

 private:
  // The client's view of one job.
  struct Wanted {
    wire::JobSpec spec;
    uint32_t maps = 0;
    uint64_t submit_request = 0;  // a retry is the same request
    std::optional<JobId> id;
    std::optional<wire::JobState> ended;
    uint64_t version = 0;
    bool cleaned = true;
    bool paused = false;
    uint64_t asked = 0;  // the request whose answer is waited for
    bool kill = false;
    bool kill_heard = false;
    std::set<uint32_t> poisoned;  // maps that fail with the first version of the plugin
    bool may_fail = false;        // it did not fail through a fault of ours, if it failed
    Duration silent_until{};      // the submitter has gone away
  };

  void Ask(HostId from, std::string bytes, std::function<void(std::string)> arrived) override;
  Fetched Fetch(HostId from, const std::string& endpoint, const AttemptId& map) override;
  OutputFiles& output_files() override { return output_files_; }
  bool chaos() const override { return chaos_; }
  bool WasGranted(const AttemptId& attempt) const override { return coordinator_->WasGranted(attempt); }
  bool IsPoisoned(const wire::Assignment& assignment) const override;

  // client.cc
  void PlanJobs();
  Wanted PlanJob(uint32_t number);
  void DrawKind(Wanted& job);
  void Submit(Wanted job, Duration when);
  void Talk(size_t job);
  void CallCoordinator(size_t job, uint64_t request_id, wire::RequestBody body);
  void Hear(size_t job, const wire::ResponseBody& body);
  void Follow(Wanted& job, const wire::JobView& view);
  void SubmitAgain(const Wanted& job);
  void CheckEnds();
  void CheckEnd(const Wanted& job);

  // operator.cc
  void Tell(wire::RequestBody body, bool until_answered);
  void TellAgain(uint64_t request_id, const wire::RequestBody& body);
  void Drain();
  void KillAttempt();
  void SetMaxRunning();
  void Look();
  const Wanted* AnyJob();

  // nemesis.cc
  void ScheduleFault();
  void BreakSomething();
  void PauseFor(const LifePtr& life, const std::string& who);
  WorkerNode& AnyWorker();
  void MendEverything();

  Options options_;
  World world_;
  Network network_;
  OutputFiles output_files_;
  bool chaos_ = true;
  std::unique_ptr<CoordinatorNode> coordinator_;
  std::vector<std::unique_ptr<WorkerNode>> workers_;
  std::deque<Wanted> wanted_;
  uint64_t next_request_ = 1;
  uint64_t backups_ = 0;
  uint64_t backups_won_ = 0;
  std::set<uint64_t> told_;  // of the operator's requests: answered
};

}  // namespace mr::sim
