// Sorting an index of frames: what a map without a fold spends its time on.
#pragma once

#include <cstdint>
#include <span>

namespace mr::worker {

// 16 bytes, four to a cache line. Two entries compare as numbers of 128 bits, without a look at their frames,
// unless both keys are longer than 8 bytes and begin alike.
struct IndexEntry {
  uint64_t prefix;  // KeyPrefix of the key
  uint64_t place;   // kKeyClass | partition | offset of the frame

  static constexpr int kOffsetBits = 40;
  static constexpr int kPartitionBits = 20;
  static constexpr uint64_t kLongKey = 9;  // the class of all keys of more than 8 bytes; else their size
  static constexpr uint64_t kOffsetMask = (uint64_t{1} << kOffsetBits) - 1;

  static IndexEntry Make(uint64_t prefix, uint32_t key_size, uint32_t partition, uint64_t offset) {
    const uint64_t key_class = key_size < kLongKey ? key_size : kLongKey;
    return {prefix, (key_class << kPartitionBits | partition) << kOffsetBits | offset};
  }
  uint64_t offset() const { return place & kOffsetMask; }
  uint32_t partition() const {
    return static_cast<uint32_t>(place >> kOffsetBits) & ((uint32_t{1} << kPartitionBits) - 1);
  }
  bool has_long_key() const { return place >> (kOffsetBits + kPartitionBits) == kLongKey; }
};

// Sorts the entries of one partition by key, and equal keys by offset, in place. Afterwards only offsets mean
// anything: prefixes have been used up. 8 bytes behind the last frame must be readable.
void SortIndex(std::span<IndexEntry> entries, const char* arena);

}  // namespace mr::worker
