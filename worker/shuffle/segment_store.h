// Where fetched segments go: into memory up to a budget, then to scratch files.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/io/env.h"
#include "worker/run/segment.h"

namespace mr::worker {

// The budget that all streams of one fetch share. One thread.
class MemoryBudget {
 public:
  explicit MemoryBudget(uint64_t bytes) : left_(bytes) {}
  bool Take(uint64_t bytes) {
    if (bytes > left_) return false;
    left_ -= bytes;
    return true;
  }

 private:
  uint64_t left_;
};

// Stores segments that come one after the other. A segment that does not fit into memory is
// appended to one scratch file per store, so that ten thousand small segments do not become ten
// thousand files.
class SegmentStore {
 public:
  SegmentStore(Env& env, MemoryBudget& budget, std::string spill_path)
      : env_(env), budget_(budget), spill_path_(std::move(spill_path)) {}

  // Begins a segment of segment.bytes, which is known now.
  Status Begin(Segment& segment);
  Status Append(Segment& segment, std::string_view bytes);
  // After the last segment.
  Status Finish();

 private:
  Env& env_;
  MemoryBudget& budget_;
  const std::string spill_path_;
  std::unique_ptr<WritableFile> spill_;
};

}  // namespace mr::worker
