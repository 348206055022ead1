// Which partition a key belongs to. Sorts out the common cases without a call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/hash.h"
#include "worker/userjob/user_job.h"

namespace mr::worker {

// One thread.
class Partitioner {
 public:
  // `bounds`: of a job with ranges, JobConfig::range_bounds; must outlive it.
  Partitioner(UserJob& job, uint32_t count, const std::vector<std::string>& bounds = {});

  uint32_t count() const { return count_; }

  // False: the user's partition() misbehaved, see TakeFailure().
  bool Of(std::string_view key, uint32_t& partition) {
    partition = 0;
    if (how_ == How::kAsk) return Ask(key, partition);
    if (count_ == 1) return true;
    if (how_ == How::kRange) {
      partition = RangeOf(key);
    } else {
      partition = static_cast<uint32_t>((static_cast<unsigned __int128>(Hash64(key)) * count_) >> 64);
    }
    return true;
  }

  wire::Failure TakeFailure() { return *std::exchange(failure_, std::nullopt); }

 private:
  enum class How : uint8_t { kHash, kRange, kAsk };

  bool Ask(std::string_view key, uint32_t& partition);
  uint32_t RangeOf(std::string_view key) const;

  UserJob& job_;
  uint32_t count_;
  How how_;
  const std::vector<std::string>* bounds_ = nullptr;
  std::vector<uint64_t> bound_prefixes_;  // the bounds' first 8 bytes: decides nearly always
  std::optional<wire::Failure> failure_;
};

}  // namespace mr::worker
