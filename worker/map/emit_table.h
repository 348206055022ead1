// Collects a map's records and folds the values of equal keys as they come: what makes counting words fast.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "worker/map/collector.h"
#include "worker/map/fold.h"
#include "worker/map/partitioner.h"
#include "worker/run/step.h"

namespace mr::worker {

// Open addressing, linear probing, at most half full; two slots to a cache line. Keys of up to 16 bytes live in
// the slot itself, so that one cache miss finds, compares and folds. A window is consumed a few hundred frames
// at a time: hash all and prefetch their slots, then insert. One thread.
class EmitTable {
 public:
  EmitTable(uint64_t budget_bytes, const FoldSpec& fold, Partitioner& partitioner);

  // `frames` must be readable 16 bytes past its end.
  Attempted<void> Consume(std::string_view frames, const Spill& spill);
  Attempted<void> Sort();
  void Clear();
  bool empty() const { return count_ == 0; }
  const EmitStats& stats() const { return stats_; }

 private:
  static constexpr uint32_t kInlineBytes = 16;
  static constexpr uint32_t kEmpty = ~uint32_t{0};
  static constexpr size_t kBatch = 256;

  struct Slot {
    uint64_t first;   // the key's first 8 bytes, padded with zeros
    uint64_t second;  // inline keys: the next 8; longer ones: where the key lies in keys_
    uint64_t value;
    uint32_t hash;
    uint32_t key_size;  // kEmpty: free
  };
  struct Incoming {
    Slot slot;
    const char* key;
  };
  struct Entry {
    uint64_t prefix;
    uint32_t slot;
    uint32_t partition;
  };

 public:
  class Source {
   public:
    Source(const EmitTable& table, const Entry* begin, const Entry* end) : table_(table), next_(begin), end_(end) {}
    Step Next() {
      if (next_ == end_) return Step::kEnd;
      const Slot& slot = table_.slots_[(next_++)->slot];
      key_ = table_.KeyOf(slot);
      value_size_ = table_.fold_.Store(slot.value, value_.data()).size();
      return Step::kRecord;
    }
    std::string_view key() const { return key_; }
    std::string_view value() const { return {value_.data() + value_.size() - value_size_, value_size_}; }

   private:
    const EmitTable& table_;
    const Entry* next_;
    const Entry* end_;
    std::string_view key_;
    std::array<char, 8> value_{};
    size_t value_size_ = 0;
  };
  // After Sort(), until Clear().
  Source Records(uint32_t partition) const;

 private:
  std::string_view KeyOf(const Slot& slot) const {
    if (slot.key_size <= kInlineBytes) return {reinterpret_cast<const char*>(&slot), slot.key_size};
    return {keys_.data() + slot.second, slot.key_size};
  }
  static void Digest(const Frame& frame, Incoming& incoming);
  Attempted<size_t> Parse(std::string_view frames, size_t offset, size_t& bytes, size_t& long_bytes);
  void Insert(size_t count);
  bool Same(const Slot& slot, const Incoming& incoming) const;
  uint64_t BytesWith(uint64_t slots, size_t long_bytes) const;
  bool MakeRoom(size_t count, size_t long_bytes);
  void Grow();
  bool Less(const Entry& a, const Entry& b) const;

  uint64_t budget_;
  FoldSpec fold_;
  Partitioner& partitioner_;
  std::vector<Slot> slots_;  // a power of two
  uint64_t mask_ = 0;
  uint64_t count_ = 0;
  std::string keys_;  // of more than kInlineBytes, one behind the other
  std::array<Incoming, kBatch> batch_;
  std::vector<Entry> sorted_;
  std::vector<uint64_t> begin_;  // of each partition in sorted_
  EmitStats stats_;
};

}  // namespace mr::worker
