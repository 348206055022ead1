#include "coordinator/raft/types.h"

#include "common/base/logging.h"

namespace mr::raft {

Index Previous(Index index) {
  CHECK_GT(index.value, 0u) << "nothing is before index 0";
  return {index.value - 1};
}

uint64_t Distance(Index from, Index to) {
  CHECK_LE(from.value, to.value) << "indexes from different moments";
  return to.value - from.value;
}

}  // namespace mr::raft
