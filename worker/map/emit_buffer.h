// Collects a map's records without folding them: an arena of frames and an index that is sorted.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "worker/run/arena.h"
#include "worker/map/collector.h"
#include "worker/map/index_sort.h"
#include "worker/map/partitioner.h"
#include "worker/run/step.h"

namespace mr::worker {

// One allocation of the budget's size: frames grow from its front, index entries from its back, and when they
// meet it is full. The index is sorted where it lies. One thread.
class EmitBuffer {
 public:
  // `kept`, if not null, gives it its memory when that has the right size, and gets it when the buffer ends.
  EmitBuffer(uint64_t budget_bytes, Partitioner& partitioner, Arena* kept = nullptr);
  ~EmitBuffer();
  EmitBuffer(const EmitBuffer&) = delete;
  EmitBuffer& operator=(const EmitBuffer&) = delete;

  Attempted<void> Consume(std::string_view frames, const Spill& spill);
  Attempted<void> Sort();
  void Clear();
  void Release() { arena_ = Arena(0); }  // all memory; afterwards it can only be destroyed
  bool empty() const { return count_ == 0; }
  const EmitStats& stats() const { return stats_; }

  class Source {
   public:
    Source(const char* arena, const IndexEntry* begin, const IndexEntry* end)
        : arena_(arena), next_(begin), end_(end) {}
    Step Next() {
      if (next_ == end_) return Step::kEnd;
      if (end_ - next_ > kAhead) {
        const char* ahead = arena_ + next_[kAhead].offset();
        __builtin_prefetch(ahead);
        __builtin_prefetch(ahead + 64);
      }
      const char* at = arena_ + (next_++)->offset();
      frame_ = {at, LoadLittle<uint32_t>(at), LoadLittle<uint32_t>(at + 4)};
      return Step::kRecord;
    }
    const Frame& frame() const { return frame_; }
    std::string_view key() const { return frame_.key(); }
    std::string_view value() const { return frame_.value(); }

   private:
    static constexpr std::ptrdiff_t kAhead = 16;  // frames lie anywhere: fetched before they are needed

    const char* arena_;
    const IndexEntry* next_;
    const IndexEntry* end_;
    Frame frame_;
  };
  // After Sort(), until Clear().
  Source Records(uint32_t partition) const;

 private:
  static constexpr uint64_t kMinBudget = 64u << 10;
  static constexpr uint64_t kMaxBudget = uint64_t{1} << IndexEntry::kOffsetBits;

  std::string_view Fitting(std::string_view frames, size_t& count, const char*& torn) const;
  bool Add(std::string_view frames);
  IndexEntry* index_end() const { return reinterpret_cast<IndexEntry*>(arena_.data() + arena_.size()); }
  IndexEntry* index_begin() const { return index_end() - count_; }

  Partitioner& partitioner_;
  Arena* kept_;
  Arena arena_;
  uint64_t budget_;  // what arena_ has, but for a record that is larger
  uint64_t used_ = 0;  // bytes of frames
  uint64_t count_ = 0;
  std::vector<uint64_t> per_partition_;  // counts; after Sort(): where each begins in the index
  std::vector<uint64_t> next_;           // scratch of Sort()
  EmitStats stats_;
};

}  // namespace mr::worker
