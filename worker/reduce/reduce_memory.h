// How a reduce attempt divides its budget (--task-memory): first between fetched segments and the
// bytes on their way, then between the segments that stayed in memory and the merge.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/run/segment.h"

namespace mr::worker {

struct ReduceMemory {
  // `budget` in bytes. Below about 8 MiB the least that works is more than the budget: one piece
  // under way, and a merge of two.
  static ReduceMemory Of(uint64_t budget);

  // Segments merged at once when these were fetched: each open one holds a block as it is stored
  // and one as it is read.
  uint32_t FanIn(const std::vector<Segment>& segments) const;

  uint64_t usable = 0;       // for segments, pieces and cursors
  uint64_t fetch_bytes = 0;  // fetched segments above it go to scratch files
  uint32_t parallel = 1;     // segment servers fetched from at the same time
  uint32_t window = 1;       // pieces under way from each
};

}  // namespace mr::worker
