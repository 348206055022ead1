// A whole cluster on one seed: coordinator, workers, a client, the network and the shared files, and a nemesis that
// breaks them for a while. Then everything is mended, and every job must end as it should.
#pragma once

#include <cstdint>
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

class Cluster final : public Surroundings {
 public:
  Cluster(const Options& options, bool trace);
  Verdict Run();

 private:
  // The client's view of one job.
  struct Wanted {
    wire::JobSpec spec;
    uint32_t maps = 0;
    std::optional<JobId> id;
    std::optional<wire::JobState> ended;
    uint64_t version = 0;
    bool cleaned = true;
    uint64_t asked = 0;  // the request whose answer is waited for
    bool kill = false;
    bool kill_heard = false;
    bool poisoned = false;
  };

  void Ask(HostId from, std::string bytes, std::function<void(std::string)> arrived) override;
  Fetched Fetch(HostId from, const std::string& endpoint, const AttemptId& map) override;
  OutputFiles& output_files() override { return output_files_; }
  bool chaos() const override { return chaos_; }
  bool IsPoisoned(const wire::Assignment& assignment) const override;

  // client.cc
  void PlanJobs();
  void Talk(size_t job);
  void CallCoordinator(size_t job, uint64_t request_id, wire::RequestBody body);
  void Hear(size_t job, const wire::ResponseBody& body);
  void CheckEnds();

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
  std::vector<Wanted> wanted_;
  uint64_t next_request_ = 1;
  uint64_t backups_ = 0;
  uint64_t backups_won_ = 0;
};

}  // namespace mr::sim
