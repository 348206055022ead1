// Which code a death is blamed on: the black box's phase, set and restored like a lock.
#pragma once

#include <cstdint>

#include "worker/userjob/black_box.h"

namespace mr::worker {

// Sets the phase for its lifetime. A call into user code sets that code's phase; a callback from user code into
// the engine sets MR_PHASE_NONE. The stores cannot be moved over the call: it is through an opaque pointer,
// and the page is shared memory.
class PhaseScope {
 public:
  PhaseScope(BlackBox& black_box, uint32_t phase) : where_(black_box.where), before_(where_.phase) {
    where_.phase = phase;
  }
  ~PhaseScope() { where_.phase = before_; }
  PhaseScope(const PhaseScope&) = delete;
  PhaseScope& operator=(const PhaseScope&) = delete;

 private:
  mr_where& where_;
  uint32_t before_;
};

}  // namespace mr::worker
