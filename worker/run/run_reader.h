// Reading a run file's index: where each partition lies. Format: FORMAT.md.
#pragma once

#include <vector>

#include "common/base/result.h"
#include "common/io/env.h"
#include "worker/run/segment.h"

namespace mr::worker {

// The extents of all partitions of a run file, by partition number. Reads the footer only; the blocks carry
// their own checksums, which SegmentCursor verifies. Thread-safe.
// Errors: kDataLoss for a file that is not a whole run (truncated, damaged, another format); kIo.
Result<std::vector<PartitionExtent>> ReadRunIndex(const ReadableFile& file);

}  // namespace mr::worker
