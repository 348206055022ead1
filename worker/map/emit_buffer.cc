#include "worker/map/emit_buffer.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "common/base/logging.h"
#include "common/base/strings.h"
#include "worker/map/deal_out.h"

namespace mr::worker {

namespace {

uint64_t WholeEntries(uint64_t bytes) { return bytes / sizeof(IndexEntry) * sizeof(IndexEntry); }

}  // namespace

wire::Failure TornFrame(size_t offset, size_t window_bytes) {
  wire::Failure failure;
  failure.cause = wire::FailureCause::kBadOutput;
  failure.function = "map";
  failure.message =
      StrCat("the plugin emitted a torn record: the frame at byte ", offset, " does not end within the ",
             window_bytes, " bytes that were written; a frame is key size, value size, key, value");
  return failure;
}

EmitBuffer::EmitBuffer(uint64_t budget_bytes, Partitioner& partitioner, Arena* kept)
    : partitioner_(partitioner),
      kept_(kept),
      arena_(Arena::Reuse(kept, WholeEntries(std::clamp(budget_bytes, kMinBudget, kMaxBudget)), kMinBudget)),
      budget_(arena_.size()),
      per_partition_(partitioner.count() + 1),
      next_(partitioner.count() + 1) {}

EmitBuffer::~EmitBuffer() { Arena::Keep(kept_, std::move(arena_), budget_); }

// As many whole frames from the front as there is room for. `torn`: a frame that does not end.
std::string_view EmitBuffer::Fitting(std::string_view frames, size_t& count, const char*& torn) const {
  const char* at = frames.data();
  const char* end = at + frames.size();
  uint64_t free = arena_.size() - used_ - count_ * sizeof(IndexEntry);
  Frame frame;
  count = 0;
  torn = nullptr;
  while (at != end) {
    if (!ReadFrame(at, end, frame)) {
      torn = at;
      break;
    }
    if (frame.size() + sizeof(IndexEntry) > free) break;
    free -= frame.size() + sizeof(IndexEntry);
    at += frame.size();
    ++count;
  }
  return frames.substr(0, static_cast<size_t>(at - frames.data()));
}

Attempted<void> EmitBuffer::Consume(std::string_view frames, const Spill& spill) {
  const char* begin = frames.data();
  const size_t window_bytes = frames.size();
  while (!frames.empty()) {
    size_t count = 0;
    const char* torn = nullptr;
    std::string_view fitting = Fitting(frames, count, torn);
    if (torn != nullptr) {
      return tl::unexpected(TornFrame(static_cast<size_t>(torn - begin), window_bytes));
    }
    if (count > 0) {
      if (!Add(fitting)) return tl::unexpected(partitioner_.TakeFailure());
      frames.remove_prefix(fitting.size());
    } else if (count_ > 0) {
      if (auto spilled = spill(); !spilled) return spilled;
    } else {
      // A record that is larger than the whole budget: there is no smaller way to hold it.
      Frame frame;
      CHECK(ReadFrame(frames.data(), frames.data() + frames.size(), frame));
      arena_ = Arena(0);  // do not hold both
      arena_ = Arena(WholeEntries(frame.size() + 2 * sizeof(IndexEntry)));
    }
  }
  return {};
}

// `frames` are whole and fit.
bool EmitBuffer::Add(std::string_view frames) {
  std::memcpy(arena_.data() + used_, frames.data(), frames.size());
  const char* at = arena_.data() + used_;
  const char* end = at + frames.size();
  IndexEntry* entry = index_begin();
  uint64_t before = count_;
  while (at != end) {
    uint32_t key_size = LoadLittle<uint32_t>(at);
    const char* key = at + kFrameHeaderBytes;
    uint32_t partition;
    if (!partitioner_.Of({key, key_size}, partition)) return false;
    auto offset = static_cast<uint64_t>(at - arena_.data());
    *--entry = IndexEntry::Make(KeyPrefix(key, key_size), key_size, partition, offset);
    ++per_partition_[partition];
    ++count_;
    at = key + key_size + LoadLittle<uint32_t>(at + 4);
  }
  used_ += frames.size();
  stats_.records += count_ - before;
  stats_.bytes += frames.size() - kFrameHeaderBytes * (count_ - before);
  return true;
}

Attempted<void> EmitBuffer::Sort() {
  uint64_t begin = 0;
  for (uint64_t& slot : per_partition_) begin += std::exchange(slot, begin);
  const std::span<IndexEntry> entries(index_begin(), count_);
  if (partitioner_.count() > 1) {
    DealOut(entries, per_partition_, next_, [](const IndexEntry& entry) { return entry.partition(); });
  }
  for (size_t p = 0; p + 1 < per_partition_.size(); ++p) {
    SortIndex(entries.subspan(per_partition_[p], per_partition_[p + 1] - per_partition_[p]), arena_.data());
  }
  return {};
}

EmitBuffer::Source EmitBuffer::Records(uint32_t partition) const {
  const IndexEntry* index = index_begin();
  return {arena_.data(), index + per_partition_[partition], index + per_partition_[partition + 1]};
}

void EmitBuffer::Clear() {
  if (arena_.size() > budget_) {
    arena_ = Arena(0);
    arena_ = Arena(budget_);
  }
  used_ = 0;
  count_ = 0;
  std::fill(per_partition_.begin(), per_partition_.end(), 0);
}

}  // namespace mr::worker
