// The coordinator's process: the real core and its records on a simulated disk, in the server's order: everything
// that came in is stepped, the records are synced, and only then do answers leave.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "coordinator/core/coordinator_core.h"
#include "test/sim/options.h"
#include "test/sim/world.h"
#include "test/unit/coordinator/support/invariants.h"

namespace mr::sim {

class CoordinatorNode {
 public:
  // Carries an encoded response to who asked; the network decides whether it arrives.
  using Answer = std::function<void(std::string bytes)>;

  CoordinatorNode(World& world, const Options& options);

  // A request has arrived at the host. Nobody is there to take it while the process is down.
  void Receive(std::string bytes, Answer answer);

  bool up() const { return life_ != nullptr && !life_->over; }
  const LifePtr& life() const { return life_; }
  void Start();
  // SIGKILL: of the records that were not synced, some are on the disk and some are not.
  void Crash();
  void StopChecking() { checking_ = false; }

  const coordinator::CoordinatorCore& core() const { return *core_; }
  const coordinator::test::Invariants& invariants() const { return *invariants_; }
  // Rules that need the whole run.
  void CheckAtEnd();

 private:
  struct Incoming {
    std::string bytes;
    Answer answer;
  };
  void Pump();
  void Step(const coordinator::Event& event);
  coordinator::State Replay();
  void Flush();
  void SendAnswers();
  void ScheduleTick();
  void CheckStep(const coordinator::Actions& actions);

  World& world_;
  const Options& options_;
  LifePtr life_;
  std::unique_ptr<coordinator::CoordinatorCore> core_;
  std::unique_ptr<coordinator::test::Invariants> invariants_;
  bool checking_ = true;
  uint64_t epoch_ = 0;

  std::deque<Incoming> inbox_;
  bool syncing_ = false;
  bool tick_due_ = false;
  Time deadline_;
  uint64_t tick_number_ = 0;  // a later deadline replaces an earlier one
  uint64_t next_token_ = 0;
  std::map<std::string, Answer> askers_;
  std::vector<wire::Record> unsynced_;
  std::vector<coordinator::Reply> answers_;

  std::vector<std::string> disk_;  // encoded records that survive
  size_t synced_ = 0;              // of them
  std::map<TaskId, AttemptId> newest_;  // over all lives
  std::set<AttemptId> started_;
};

}  // namespace mr::sim
