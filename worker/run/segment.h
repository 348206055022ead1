// A segment: one partition's sorted records of one map output, as a byte range of blocks in the run format
// (FORMAT.md). The same bytes lie in the map's run file, travel to the reducer, and lie there in memory or in
// a file: they are never re-encoded on the way.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/ids.h"

namespace mr::worker {

// Where a partition lies in a run file; from its index.
struct PartitionExtent {
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint64_t records = 0;
  uint64_t digest = 0;  // order-independent over the partition's records
  friend bool operator==(const PartitionExtent&, const PartitionExtent&) = default;
};

// A segment's bytes in memory that is taken at once and never zeroed or moved. Moves. In ordinary pages: the bytes are
// written and read from front to back once, where huge pages save little; and where a hypervisor takes back free memory
// it is the huge pages that have to be fetched from it again (worker/PERFORMANCE.md).
class SegmentBytes {
 public:
  SegmentBytes() = default;
  explicit SegmentBytes(std::string_view bytes) {
    Reserve(bytes.size());
    Append(bytes);
  }
  // Once. Throws std::bad_alloc.
  void Reserve(uint64_t bytes);
  void Append(std::string_view bytes);  // has to fit
  uint64_t size() const { return size_; }
  std::string_view view() const { return {data_.get(), size_}; }

 private:
  std::unique_ptr<char[]> data_;
  uint64_t size_ = 0;
  uint64_t capacity_ = 0;
};

struct Segment {
  SegmentBytes memory;  // the bytes themselves, or …
  std::string path;     // … if not empty: a file that holds them
  uint64_t offset = 0;
  uint64_t bytes = 0;
  AttemptId source;    // the map attempt that wrote them: named when they turn out to be damaged
};

}  // namespace mr::worker
