#include "worker/map/map_memory.h"

#include <algorithm>

#include "worker/run/block_codec.h"

namespace mr::worker {
namespace {

// Beside the collector: the input's buffer and batch, the window, the blocks and the compressor of a run, and the
// libraries' code, which an idle task has not touched yet.
constexpr uint64_t kFixedBytes = 3u << 20;
constexpr uint64_t kCursorBytes = 2 * (kBlockTargetBytes + kBlockHeaderBytes);
constexpr uint32_t kFanInMax = 128;  // descriptors

}  // namespace

MapMemory MapMemory::Of(uint64_t budget) {
  MapMemory memory;
  memory.collector_bytes = budget > 2 * kFixedBytes ? budget - kFixedBytes : budget / 2;
  memory.fan_in =
      static_cast<uint32_t>(std::clamp<uint64_t>(memory.collector_bytes / kCursorBytes, 2, kFanInMax));
  return memory;
}

}  // namespace mr::worker
