// The coordinator's state as the state machine of the replicated log: what has been agreed on, entry by entry.
//
// Pure but for the lending; one thread.
#pragma once

#include <string>
#include <vector>

#include "coordinator/core/coordinator_core.h"
#include "coordinator/replica/replica.h"

namespace mr::coordinator {

class CoordinatorState final : public StateMachine {
 public:
  // A member of a group keeps its own copy beside the leader's core, which runs ahead of what is agreed on: whoever
  // loses leadership still has the truth. A coordinator alone never loses it, so its core has the only copy.
  explicit CoordinatorState(bool alone) : alone_(alone) {}

  Status Apply(const raft::Entry& command) override;
  std::string Save() override;
  Status Load(std::string_view bytes) override;

  // For a core that begins to lead; LentTo follows.
  State ForCore() { return alone_ ? std::move(state_) : state_; }
  void LentTo(const CoordinatorCore* core) { core_ = alone_ ? core : nullptr; }
  // What is agreed on, by the newest count of whoever has it.
  const State& state() const { return core_ == nullptr ? state_ : core_->state(); }
  // Plugins that entries have removed since the last call.
  std::vector<std::string> TakeRemovedPlugins() { return std::exchange(removed_plugins_, {}); }

 private:
  const bool alone_;
  State state_;
  const CoordinatorCore* core_ = nullptr;
  std::vector<std::string> removed_plugins_;
};

}  // namespace mr::coordinator
