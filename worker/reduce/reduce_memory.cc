#include "worker/reduce/reduce_memory.h"

#include <algorithm>

#include "worker/run/block_codec.h"
#include "worker/shuffle/protocol.h"

namespace mr::worker {
namespace {

// What every reduce needs beside segments and cursors: the buffers of output and scratch run, the
// network's threads, and the libraries' code, which an idle task has not touched yet.
constexpr uint64_t kFixedBytes = 3u << 20;
constexpr uint64_t kCursorBytes = 2 * (kBlockTargetBytes + kBlockHeaderBytes);
constexpr uint32_t kParallelMax = 4;  // more do not make one reduce faster
constexpr uint32_t kWindowMax = 8;    // 4 MiB: covers a network of 10 Gbit/s and 3 ms
constexpr uint32_t kFanInMax = 256;   // descriptors: a task may have 1024

}  // namespace

ReduceMemory ReduceMemory::Of(uint64_t budget) {
  ReduceMemory memory;
  memory.usable = budget > 2 * kFixedBytes ? budget - kFixedBytes : budget / 2;
  memory.fetch_bytes = memory.usable / 2;
  // A piece is twice in memory for a moment: in the network's buffers and in its segment's.
  const uint64_t pieces = std::max<uint64_t>(memory.usable / 8 / kPieceBytes, 1);
  memory.parallel = static_cast<uint32_t>(std::clamp<uint64_t>(pieces / 2, 1, kParallelMax));
  memory.window =
      static_cast<uint32_t>(std::clamp<uint64_t>(pieces / memory.parallel, 1, kWindowMax));
  return memory;
}

uint32_t ReduceMemory::FanIn(const std::vector<Segment>& segments) const {
  uint64_t held = 0;
  for (const Segment& segment : segments) held += segment.memory.size();
  const uint64_t left = usable > held ? usable - held : 0;
  return static_cast<uint32_t>(std::clamp<uint64_t>(left / kCursorBytes, 2, kFanInMax));
}

}  // namespace mr::worker
