// Which partition a key belongs to. Sorts out the common case without a call.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "common/base/hash.h"
#include "worker/userjob/user_job.h"

namespace mr::worker {

// One thread.
class Partitioner {
 public:
  Partitioner(UserJob& job, uint32_t count)
      : job_(job),
        count_(count),
        plain_(job.def().partition_kind == MR_PARTITION_HASH && job.def().partition == nullptr &&
               job.def().group_size == nullptr) {}

  uint32_t count() const { return count_; }

  // False: the user's partition() misbehaved, see TakeFailure().
  bool Of(std::string_view key, uint32_t& partition) {
    partition = 0;
    if (!plain_) return Ask(key, partition);
    if (count_ > 1) {
      partition = static_cast<uint32_t>((static_cast<unsigned __int128>(Hash64(key)) * count_) >> 64);
    }
    return true;
  }

  wire::Failure TakeFailure() { return *std::exchange(failure_, std::nullopt); }

 private:
  bool Ask(std::string_view key, uint32_t& partition);

  UserJob& job_;
  uint32_t count_;
  bool plain_;
  std::optional<wire::Failure> failure_;
};

}  // namespace mr::worker
