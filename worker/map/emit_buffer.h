// Collects a map's records without folding them: an arena of frames and an index that is sorted.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "worker/map/collector.h"
#include "worker/map/partitioner.h"
#include "worker/run/step.h"

namespace mr::worker {

// One allocation of the budget's size: frames grow from its front, index entries from its back, and when they
// meet it is full. (Pages that are never touched cost nothing.) One thread.
class EmitBuffer {
 public:
  EmitBuffer(uint64_t budget_bytes, Partitioner& partitioner);

  Attempted<void> Consume(std::string_view frames, const Spill& spill);
  Attempted<void> Sort();
  void Clear();
  bool empty() const { return count_ == 0; }
  const EmitStats& stats() const { return stats_; }

 private:
  // Sorted by value: 16 bytes, four to a cache line, and the frame is looked at only if prefixes are equal.
  struct Entry {
    uint64_t prefix;
    uint64_t place;  // partition << kOffsetBits | offset of the frame in the arena
  };
  static constexpr int kOffsetBits = 40;
  static constexpr size_t kBytesPerEntry = 2 * sizeof(Entry);  // in the index, and in its sorted copy
  static constexpr uint64_t kMinBudget = 64u << 10;
  static constexpr uint64_t kMaxBudget = uint64_t{1} << kOffsetBits;

 public:
  class Source {
   public:
    Source(const char* arena, const Entry* begin, const Entry* end) : arena_(arena), next_(begin), end_(end) {}
    Step Next() {
      if (next_ == end_) return Step::kEnd;
      const char* at = arena_ + ((next_++)->place & kOffsetMask);
      frame_ = {at, LoadLittle<uint32_t>(at), LoadLittle<uint32_t>(at + 4)};
      return Step::kRecord;
    }
    std::string_view key() const { return frame_.key(); }
    std::string_view value() const { return frame_.value(); }

   private:
    const char* arena_;
    const Entry* next_;
    const Entry* end_;
    Frame frame_;
  };
  // After Sort(), until Clear().
  Source Records(uint32_t partition) const;

 private:
  static constexpr uint64_t kOffsetMask = (uint64_t{1} << kOffsetBits) - 1;

  void Allocate(uint64_t bytes);
  std::string_view Fitting(std::string_view frames, size_t& count, const char*& torn) const;
  bool Add(std::string_view frames);
  Entry* index_end() const { return reinterpret_cast<Entry*>(arena_.get() + capacity_); }
  void SortRange(Entry* begin, Entry* end) const;

  Partitioner& partitioner_;
  uint64_t budget_;
  std::unique_ptr<char[]> arena_;
  uint64_t capacity_ = 0;  // multiple of sizeof(Entry)
  uint64_t used_ = 0;      // bytes of frames
  uint64_t count_ = 0;
  std::vector<uint64_t> per_partition_;  // counts; after Sort(): where each begins in sorted_
  const Entry* sorted_ = nullptr;
  EmitStats stats_;
};

}  // namespace mr::worker
