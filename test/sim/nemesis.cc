// What goes wrong, and how it is mended.
#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "common/base/strings.h"
#include "test/sim/cluster.h"

namespace mr::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void Cluster::ScheduleFault() {
  world_.After(world_.Uniform({}, 2 * options_.fault_every), nullptr, [this] {
    if (!chaos_) return;
    BreakSomething();
    ScheduleFault();
  });
}

WorkerNode& Cluster::AnyWorker() { return *workers_[world_.random().Below(workers_.size())]; }

void Cluster::PauseFor(const LifePtr& life, const std::string& who) {
  if (life == nullptr || life->over || life->paused) return;
  const Duration pause = world_.Uniform(milliseconds(100), 2 * options_.lease);
  world_.Note(StrCat(who, " stands still for ", std::chrono::duration_cast<milliseconds>(pause).count(), " ms"));
  life->paused = true;
  world_.After(pause, nullptr, [this, life, who] {
    if (!life->paused) return;
    world_.Note(StrCat(who, " goes on"));
    world_.Resume(life);
  });
}

void Cluster::BreakSomething() {
  const auto crash_worker = [this] {
    WorkerNode& worker = AnyWorker();
    worker.Crash();
    world_.After(world_.Uniform(milliseconds(50), seconds(20)), nullptr, [&worker] {
      if (!worker.up()) worker.Start();
    });
  };
  const auto start_coordinator = [this] {
    world_.After(world_.Uniform(milliseconds(50), seconds(10)), nullptr, [this] {
      if (!coordinator_->up()) coordinator_->Start();
    });
  };
  const auto crash_coordinator = [&] {
    coordinator_->Crash();
    start_coordinator();
  };
  const auto mend_disk = [this] {
    world_.After(world_.Uniform(milliseconds(100), seconds(8)), nullptr, [this] { coordinator_->MendDisk(); });
  };
  const auto cut = [this](HostId a, HostId b, bool both) {
    world_.Note(StrCat("link ", a, (both ? " <-> " : " -> "), b, " is cut"));
    network_.Cut(a, b);
    if (both) network_.Cut(b, a);
    world_.After(world_.Uniform(milliseconds(100), 3 * options_.lease), nullptr, [this, a, b] {
      network_.Join(a, b);
      network_.Join(b, a);
    });
  };
  const std::vector<std::pair<uint32_t, std::function<void()>>> faults{
      {options_.crash_worker, crash_worker},
      {options_.crash_coordinator, crash_coordinator},
      {options_.crash_everything,
       [&] {
         crash_coordinator();
         for (size_t i = 0; i < 2 * workers_.size(); ++i) crash_worker();
       }},
      {options_.lose_power,
       [&] {
         coordinator_->LosePower();
         start_coordinator();
       }},
      {options_.cut_off_write, [this] { coordinator_->CutOffWrite(); }},
      {options_.fill_disk,
       [&] {
         coordinator_->FillDisk();
         mend_disk();
       }},
      {options_.break_disk,
       [&] {
         coordinator_->BreakDisk();
         mend_disk();
       }},
      {options_.pause_worker,
       [this] {
         WorkerNode& worker = AnyWorker();
         if (worker.up()) PauseFor(worker.life(), worker.endpoint());
       }},
      {options_.pause_coordinator, [this] { PauseFor(coordinator_->life(), "coordinator"); }},
      {options_.stop_worker,
       [this] {
         WorkerNode& worker = AnyWorker();
         worker.Stop();
         world_.After(world_.Uniform(seconds(1), seconds(30)), nullptr, [&worker] {
           if (!worker.up()) worker.Start();
         });
       }},
      {options_.cut_link,
       [&] {
         const HostId a = AnyWorker().host();
         const HostId b = world_.random().Chance(0.5) ? kCoordinatorHost : AnyWorker().host();
         if (a == b) return;
         if (world_.random().Chance(0.5)) cut(a, b, false);
         else cut(b, a, false);
       }},
      {options_.cut_host,
       [&] {
         const HostId host = AnyWorker().host();
         cut(host, kCoordinatorHost, true);
         for (const auto& other : workers_) {
           if (other->host() != host) cut(host, other->host(), true);
         }
       }},
      {options_.lose_run_file, [this] { AnyWorker().LoseOneRunFile(); }},
      {options_.damage_run_file, [this] { AnyWorker().DamageOneRunFile(); }},
      {options_.clock_jump, [this] { AnyWorker().JumpClock(world_.Uniform(-seconds(7200), seconds(7200))); }},
      {options_.coordinator_clock_jump,
       [this] { coordinator_->JumpClock(world_.Uniform(-seconds(7200), seconds(7200))); }},
      {options_.fill_scratch,
       [this] {
         WorkerNode& worker = AnyWorker();
         worker.FillScratch(true);
         world_.After(world_.Uniform(seconds(1), seconds(15)), nullptr, [&worker] { worker.FillScratch(false); });
       }},
      {options_.kill_task, [this] { AnyWorker().KillOneTask(); }},
      {options_.drain, [this] { Drain(); }},
      {options_.kill_attempt, [this] { KillAttempt(); }},
      {options_.set_max_running, [this] { SetMaxRunning(); }},
      {options_.look, [this] { Look(); }},
  };
  uint64_t total = 0;
  for (const auto& [weight, fault] : faults) total += weight;
  uint64_t chosen = world_.random().Below(total);
  for (const auto& [weight, fault] : faults) {
    if (chosen < weight) return fault();
    chosen -= weight;
  }
}

void Cluster::MendEverything() {
  world_.Note("everything is mended");
  chaos_ = false;
  network_.Heal();
  coordinator_->MendDisk();
  if (coordinator_->life()->paused) world_.Resume(coordinator_->life());
  if (!coordinator_->up()) coordinator_->Start();
  for (const auto& worker : workers_) {
    worker->FillScratch(false);
    if (worker->up() && worker->life()->paused) world_.Resume(worker->life());
    if (!worker->up()) worker->Start();
  }
  // A worker that was on its way out when the faults ended comes back too.
  world_.After(seconds(20), nullptr, [this] {
    for (const auto& worker : workers_) {
      if (!worker->up()) worker->Start();
    }
  });
}

}  // namespace mr::sim
