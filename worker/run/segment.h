// A segment: one partition's sorted records of one map output, as a byte range of blocks in the run format
// (FORMAT.md). The same bytes lie in the map's run file, travel to the reducer, and lie there in memory or in
// a file: they are never re-encoded on the way.
#pragma once

#include <cstdint>
#include <string>

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

struct Segment {
  std::string memory;  // the bytes themselves, or …
  std::string path;    // … if not empty: a file that holds them
  uint64_t offset = 0;
  uint64_t bytes = 0;
  AttemptId source;    // the map attempt that wrote them: named when they turn out to be damaged
};

}  // namespace mr::worker
