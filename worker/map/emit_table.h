// Collects a map's records and folds the values of equal keys as they come: what makes counting words fast.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "worker/run/arena.h"
#include "worker/map/collector.h"
#include "worker/map/fold.h"
#include "worker/map/partitioner.h"
#include "worker/map/table_slot.h"
#include "worker/run/step.h"

namespace mr::worker {

// Open addressing, linear probing, half full, and three quarters when the budget allows no larger table. One cache
// miss finds, compares and folds a key of up to 16 bytes. A window is consumed a few hundred frames at a time: hash
// all and prefetch their slots, then insert.
//
// One allocation of the budget's size: slots at its front, longer keys from its back; the table grows and is sorted
// where it lies. One thread.
class EmitTable {
 public:
  // `kept` as for EmitBuffer.
  EmitTable(uint64_t budget_bytes, const FoldSpec& fold, Partitioner& partitioner, Arena* kept = nullptr);
  ~EmitTable();
  EmitTable(const EmitTable&) = delete;
  EmitTable& operator=(const EmitTable&) = delete;

  // `frames` must be readable 16 bytes past its end.
  Attempted<void> Consume(std::string_view frames, const Spill& spill);
  // Turns the table into a sorted array: nothing can be consumed until Clear().
  Attempted<void> Sort();
  void Clear();
  void Release() { arena_ = Arena(0); }  // all memory; afterwards it can only be destroyed
  bool empty() const { return count_ == 0; }
  uint64_t inserted() const { return inserted_; }  // keys that were not there yet; after a spill none is
  // Calls visit(key, value) for every key, in no order; not after Sort().
  template <class Visit>
  void ForEach(Visit visit) const {
    for (const TableSlot* slot = slots(); slot != slots() + slot_count_; ++slot) {
      if (slot->key_size != TableSlot::kEmpty) visit(KeyOf(*slot), slot->value);
    }
  }
  const EmitStats& stats() const { return stats_; }

  class Source {
   public:
    Source(const FoldSpec& fold, const char* arena, const SortedSlot* begin, const SortedSlot* end)
        : fold_(fold), arena_(arena), next_(begin), end_(end) {}
    Step Next() {
      if (next_ == end_) return Step::kEnd;
      if (end_ - next_ > kAhead && !next_[kAhead].slot.has_inline_key()) {
        __builtin_prefetch(arena_ + next_[kAhead].offset());
      }
      const SortedSlot& sorted = *next_++;
      key_ = sorted.Key(arena_, inline_key_);
      value_size_ = fold_.Store(sorted.slot.value, value_.data()).size();
      return Step::kRecord;
    }
    std::string_view key() const { return key_; }
    std::string_view value() const { return {value_.data() + value_.size() - value_size_, value_size_}; }

   private:
    static constexpr std::ptrdiff_t kAhead = 8;

    const FoldSpec& fold_;
    const char* arena_;
    const SortedSlot* next_;
    const SortedSlot* end_;
    std::array<uint64_t, 2> inline_key_{};
    std::string_view key_;  // maybe in inline_key_: a Source is not copied once it has begun
    std::array<char, 8> value_{};
    size_t value_size_ = 0;
  };
  // After Sort(), until Clear().
  Source Records(uint32_t partition) const;

 private:
  static constexpr size_t kBatch = 256;

  struct Incoming {
    TableSlot slot;
    const char* key;
  };

  TableSlot* slots() const { return reinterpret_cast<TableSlot*>(arena_.data()); }
  SortedSlot* sorted() const { return reinterpret_cast<SortedSlot*>(arena_.data()); }
  std::string_view KeyOf(const TableSlot& slot) const {
    if (slot.has_inline_key()) return {reinterpret_cast<const char*>(&slot), slot.key_size};
    return {arena_.data() + slot.second, slot.key_size};
  }
  static void Digest(const Frame& frame, Incoming& incoming);
  Attempted<size_t> Parse(std::string_view frames, size_t offset, size_t& bytes, size_t& long_bytes);
  void Insert(size_t count);
  bool Same(const TableSlot& slot, const Incoming& incoming) const;
  bool MakeRoom(size_t count, size_t long_bytes);
  void Enlarge(size_t long_bytes);
  void Empty(uint64_t slot_count);
  void Grow();

  FoldSpec fold_;
  Partitioner& partitioner_;
  Arena* kept_;
  Arena arena_;
  uint64_t budget_;           // what arena_ has, but for a key that is larger
  uint64_t slot_count_ = 0;   // a power of two
  uint64_t count_ = 0;        // of keys held
  uint64_t inserted_ = 0;
  uint64_t keys_begin_ = 0;   // keys longer than a slot's: from here to the end of the arena
  std::array<Incoming, kBatch> batch_;
  std::vector<uint64_t> begin_;  // of each partition, when sorted
  std::vector<uint64_t> next_;   // scratch of Sort()
  EmitStats stats_;
};

}  // namespace mr::worker
