#include "worker/map/partitioner.h"

#include <algorithm>
#include <cstring>

namespace mr::worker {
namespace {

// The first eight bytes as a number that compares like them, filled up with zeros.
uint64_t PrefixOf(std::string_view key) {
  uint64_t word = 0;
  if (key.size() >= 8) {
    std::memcpy(&word, key.data(), 8);
  } else {
    std::memcpy(&word, key.data(), key.size());
  }
  return __builtin_bswap64(word);
}

}  // namespace

Partitioner::Partitioner(UserJob& job, uint32_t count, const std::vector<std::string>& bounds)
    : job_(job), count_(count), how_(How::kAsk) {
  const mr_job_def& def = job.def();
  if (def.group_size != nullptr) return;  // the key's group decides, which only the job knows
  if (def.partition_kind == MR_PARTITION_HASH && def.partition == nullptr) {
    how_ = How::kHash;
  } else if (def.partition_kind == MR_PARTITION_RANGE && bounds.size() + 1 == count) {
    how_ = How::kRange;
    bounds_ = &bounds;  // looked at only if there are any
    for (const std::string& bound : bounds) bound_prefixes_.push_back(PrefixOf(bound));
  }
}

// How many bounds are not above the key.
uint32_t Partitioner::RangeOf(std::string_view key) const {
  const uint64_t prefix = PrefixOf(key);
  auto at = static_cast<size_t>(std::lower_bound(bound_prefixes_.begin(), bound_prefixes_.end(), prefix) -
                                bound_prefixes_.begin());
  while (at < bound_prefixes_.size() && bound_prefixes_[at] == prefix && (*bounds_)[at] <= key) ++at;
  return static_cast<uint32_t>(at);
}

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
