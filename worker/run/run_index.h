// The index at the end of a run file, as bytes. Format: FORMAT.md.
#pragma once

#include <span>
#include <string>

#include "worker/run/segment.h"

namespace mr::worker {

inline constexpr uint32_t kMaxPartitions = 1u << 20;  // of a job

// Footer and trailer, for a file whose blocks take `footer_offset` bytes.
std::string EncodeRunIndex(std::span<const PartitionExtent> extents, uint64_t footer_offset);

}  // namespace mr::worker
