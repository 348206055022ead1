// The sort of the map side, chosen by measurement (worker/DESIGN.md).
#pragma once

#include <boost/sort/pdqsort/pdqsort.hpp>

namespace mr::worker {

// In place, not stable. `less` must be without branches: comparing numbers.
template <class Entry, class Less>
void BranchlessSort(Entry* begin, Entry* end, Less less) {
  boost::sort::pdqsort_branchless(begin, end, less);
}

}  // namespace mr::worker
