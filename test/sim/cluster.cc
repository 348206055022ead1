#include "test/sim/cluster.h"

#include <algorithm>
#include <utility>

#include "common/base/strings.h"

namespace mr::sim {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// After the last fault every job must have ended, and every worker be clean, within this time.
constexpr Duration kHealingTime = minutes(10);
constexpr uint64_t kMaxEvents = 3'000'000;

}  // namespace

Cluster::Cluster(const Options& options, bool trace)
    : options_(options),
      world_(options.seed, trace),
      network_(world_, options_),
      output_files_(world_),
      coordinator_(std::make_unique<CoordinatorNode>(world_, options_)) {
  for (uint32_t i = 0; i < options_.workers; ++i)
    workers_.push_back(std::make_unique<WorkerNode>(world_, options_, *this, i + 1));
  PlanJobs();
}

Verdict Cluster::Run() {
  ScheduleFault();
  world_.After(options_.chaos, nullptr, [this] { MendEverything(); });
  const auto all_ended = [&] {
    return std::all_of(wanted_.begin(), wanted_.end(), [](const Wanted& job) { return job.ended.has_value(); });
  };
  const auto go_until = [&](Duration limit, const auto& done) {
    while (world_.elapsed() < limit && !done() && world_.problems().empty() && world_.events() < kMaxEvents) world_.Step();
  };
  const Duration limit = options_.chaos + kHealingTime;
  go_until(limit, [&] { return !chaos_ && all_ended(); });
  if (world_.problems().empty() && !all_ended()) {
    world_.Blame(StrCat("not every job ended within ", std::chrono::duration_cast<seconds>(kHealingTime).count(),
                        " s (", world_.events(), " events) after the last fault"));
  }
  go_until(world_.elapsed() + kTidyTime, [] { return false; });
  if (world_.problems().empty()) CheckEnds();
  return {world_.problems(), world_.events(), world_.trace_hash(), world_.elapsed(), backups_, backups_won_};
}

void Cluster::Ask(HostId from, std::string bytes, std::function<void(std::string)> arrived) {
  network_.Send(from, kCoordinatorHost, [this, from, bytes = std::move(bytes), arrived = std::move(arrived)] {
    coordinator_->Receive(bytes, [this, from, arrived](std::string answer) {
      network_.Send(kCoordinatorHost, from, [arrived, answer = std::move(answer)] { arrived(answer); });
    });
  });
}

Surroundings::Fetched Cluster::Fetch(HostId from, const std::string& endpoint, const AttemptId& map) {
  for (const auto& worker : workers_) {
    if (worker->endpoint() != endpoint) continue;
    if (!worker->up() || worker->life()->paused) return Fetched::kSilence;
    if (!network_.Reaches(from, worker->host()) || !network_.Reaches(worker->host(), from)) return Fetched::kSilence;
    return worker->Serve(map);
  }
  return Fetched::kSilence;  // a process that is gone
}

bool Cluster::IsPoisoned(const wire::Assignment& assignment) const {
  const wire::JobConfig& config = assignment.config;
  if (config.plugin_sha256 == kMendedPlugin || config.resume_from.value != 0) return false;
  return std::any_of(wanted_.begin(), wanted_.end(), [&](const Wanted& job) {
    return job.poisoned.contains(assignment.attempt.task.index) && job.spec.config.output_dir == config.output_dir;
  });
}

}  // namespace mr::sim
