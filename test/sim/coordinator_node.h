// The coordinator's process: the real core and its real journal on a simulated disk, in the server's order: everything
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
#include "test/sim/coordinator_disk.h"
#include "test/sim/options.h"
#include "test/sim/world.h"
#include "test/unit/coordinator/support/invariants.h"

namespace mr::sim {

// A version of the plugin without the mistakes of coordinator::test::PluginHash().
extern const std::string kMendedPlugin;

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
  // SIGKILL.
  void Crash();
  // With its host; the disk forgets what was not synced.
  void LosePower();
  // Faults of the disk last until it is mended. A process that meets one ends, and is started again every now and then.
  void FillDisk();
  void BreakDisk();
  void CutOffWrite();
  void MendDisk();
  void JumpClock(Duration by) { unix_offset_ += by; }
  void StopChecking() { checking_ = false; }

  const coordinator::CoordinatorCore& core() const { return *core_; }
  const coordinator::test::Invariants& invariants() const { return *invariants_; }
  // Had leave to publish at some time, and the disk knows.
  bool WasGranted(const AttemptId& attempt) const { return granted_.contains(attempt); }
  // The job has ended in this life, so its warnings are known.
  // Rules that need the whole run.
  void CheckAtEnd();

 private:
  struct Incoming {
    std::string bytes;
    Answer answer;
  };
  Now LocalNow() const;
  void CheckQueues();
  void Pump();
  void Step(const coordinator::Event& event);
  void Recover();
  void Flush();
  void EndWith(const Error& error);
  void StartLater();
  Status Tidy();
  void SendAnswers();
  void ScheduleTick();
  void CheckStep(const coordinator::Actions& actions);

  World& world_;
  const Options& options_;
  LifePtr life_;
  std::unique_ptr<coordinator::CoordinatorCore> core_;
  std::unique_ptr<coordinator::test::Invariants> invariants_;
  bool checking_ = true;
  CoordinatorDisk disk_;

  std::deque<Incoming> inbox_;
  bool syncing_ = false;
  bool tick_due_ = false;
  Time deadline_;
  uint64_t tick_number_ = 0;  // a later deadline replaces an earlier one
  uint64_t next_token_ = 0;
  std::map<std::string, Answer> askers_;
  std::vector<wire::Record> unsynced_;
  std::vector<coordinator::Reply> answers_;

  Time last_record_;
  bool idle_told_ = false;
  Duration unix_offset_{};
  std::vector<AttemptId> grants_;  // of records that are not synced
  std::set<AttemptId> granted_;
  std::map<TaskId, AttemptId> newest_;  // over all lives
  std::set<AttemptId> started_;
};

}  // namespace mr::sim
