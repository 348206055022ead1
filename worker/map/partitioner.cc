#include "worker/map/partitioner.h"

namespace mr::worker {

bool Partitioner::Ask(std::string_view key, uint32_t& partition) {
  auto answer = job_.PartitionOf(key, count_);
  if (!answer) {
    failure_ = std::move(answer).error();
    return false;
  }
  partition = *answer;
  return true;
}

}  // namespace mr::worker
