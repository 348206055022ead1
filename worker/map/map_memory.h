// How a map attempt divides its budget (--task-memory): first between the collector and what reads and writes
// beside it, then, when the collector's memory has been given back, between the spills that are merged.
#pragma once

#include <cstdint>

namespace mr::worker {

struct MapMemory {
  // `budget` in bytes. Below about 6 MiB the least that works is more than the budget.
  static MapMemory Of(uint64_t budget);

  uint64_t collector_bytes = 0;
  uint32_t fan_in = 2;  // spills merged at once
};

}  // namespace mr::worker
