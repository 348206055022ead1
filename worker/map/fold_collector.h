// Collects for a job whose fold the engine knows: in a table, as long as that pays.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "worker/map/emit_buffer.h"
#include "worker/map/emit_table.h"

namespace mr::worker {

// When hardly any of the first records found its key in the table, the rest goes to an EmitBuffer, which takes and
// sorts a new key in a third of the time; what equal keys there are is folded when records are written. One thread.
class FoldCollector {
 public:
  static constexpr double kWorstRatio = 0.9;  // of distinct keys to records

  FoldCollector(uint64_t budget_bytes, const FoldSpec& fold, Partitioner& partitioner, Arena* kept = nullptr)
      : budget_(budget_bytes),
        // Enough to judge by, and few enough to be moved.
        sample_(std::clamp<uint64_t>(budget_bytes / 512, 10'000, 1'000'000)),
        fold_(fold),
        partitioner_(partitioner),
        kept_(kept),
        table_(budget_bytes, fold, partitioner, kept) {}

  // `frames` must be readable 16 bytes past its end.
  Attempted<void> Consume(std::string_view frames, const Spill& spill);
  Attempted<void> Sort() { return buffer_ ? buffer_->Sort() : table_.Sort(); }
  void Clear() { buffer_ ? buffer_->Clear() : table_.Clear(); }
  void Release() { buffer_ ? buffer_->Release() : table_.Release(); }
  bool empty() const { return buffer_ ? buffer_->empty() : table_.empty(); }
  EmitStats stats() const;
  // The records that it gives back may have equal keys.
  bool has_equal_keys() const { return buffer_.has_value(); }

  class Source {
   public:
    explicit Source(EmitTable::Source table) : table_(table) {}
    explicit Source(EmitBuffer::Source buffer) : buffer_(buffer) {}
    Step Next() { return table_ ? table_->Next() : buffer_->Next(); }
    std::string_view key() const { return table_ ? table_->key() : buffer_->key(); }
    std::string_view value() const { return table_ ? table_->value() : buffer_->value(); }

   private:
    std::optional<EmitTable::Source> table_;
    std::optional<EmitBuffer::Source> buffer_;
  };
  Source Records(uint32_t partition) const {
    return buffer_ ? Source(buffer_->Records(partition)) : Source(table_.Records(partition));
  }

 private:
  Attempted<void> MoveToBuffer(const Spill& spill);

  uint64_t budget_;
  uint64_t sample_;
  FoldSpec fold_;
  Partitioner& partitioner_;
  Arena* kept_;
  EmitTable table_;
  std::optional<EmitBuffer> buffer_;
  bool judged_ = false;
  EmitStats moved_;  // counted by both
};

}  // namespace mr::worker
