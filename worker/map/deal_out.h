// Putting the entries of each partition together, in place.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

namespace mr::worker {

// Those of partition p lie in [begin[p], begin[p + 1]) afterwards, in no order. `begin` has one element more than
// there are partitions; `next`, as long, is for scratch. `partition_of` an entry.
template <class Entry, class PartitionOf>
void DealOut(std::span<Entry> entries, std::span<const uint64_t> begin, std::span<uint64_t> next,
             PartitionOf partition_of) {
  std::copy(begin.begin(), begin.end(), next.begin());
  for (uint32_t partition = 0; partition + 1 < begin.size(); ++partition) {
    while (next[partition] < begin[partition + 1]) {
      // What lies in another partition's place is carried to its own; what lay there goes on.
      Entry carried = entries[next[partition]];
      for (uint32_t home; (home = partition_of(carried)) != partition;) {
        std::swap(carried, entries[next[home]++]);
      }
      entries[next[partition]++] = carried;
    }
  }
}

}  // namespace mr::worker
