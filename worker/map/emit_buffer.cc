#include "worker/map/emit_buffer.h"

#include <algorithm>
#include <cstring>

#include "common/base/logging.h"
#include "common/base/strings.h"

namespace mr::worker {

wire::Failure TornFrame(size_t offset, size_t window_bytes) {
  wire::Failure failure;
  failure.cause = wire::FailureCause::kBadOutput;
  failure.function = "map";
  failure.message =
      StrCat("the plugin emitted a torn record: the frame at byte ", offset, " does not end within the ",
             window_bytes, " bytes that were written; a frame is key size, value size, key, value");
  return failure;
}

EmitBuffer::EmitBuffer(uint64_t budget_bytes, Partitioner& partitioner)
    : partitioner_(partitioner),
      budget_(std::clamp(budget_bytes, kMinBudget, kMaxBudget)),
      per_partition_(partitioner.count() + 1) {
  Allocate(budget_);
}

void EmitBuffer::Allocate(uint64_t bytes) {
  capacity_ = bytes / sizeof(Entry) * sizeof(Entry);
  arena_.reset();
  arena_ = std::make_unique_for_overwrite<char[]>(capacity_);
}

// As many whole frames from the front as there is room for. `torn`: a frame that does not end.
std::string_view EmitBuffer::Fitting(std::string_view frames, size_t& count, const char*& torn) const {
  const char* at = frames.data();
  const char* end = at + frames.size();
  uint64_t free = capacity_ - used_ - count_ * kBytesPerEntry;
  Frame frame;
  count = 0;
  torn = nullptr;
  while (at != end) {
    if (!ReadFrame(at, end, frame)) {
      torn = at;
      break;
    }
    if (frame.size() + kBytesPerEntry > free) break;
    free -= frame.size() + kBytesPerEntry;
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
      Allocate(frame.size() + kBytesPerEntry + 2 * sizeof(Entry));
    }
  }
  return {};
}

// `frames` are whole and fit.
bool EmitBuffer::Add(std::string_view frames) {
  std::memcpy(arena_.get() + used_, frames.data(), frames.size());
  const char* at = arena_.get() + used_;
  const char* end = at + frames.size();
  Entry* entry = index_end() - count_;
  uint64_t before = count_;
  while (at != end) {
    uint32_t key_size = LoadLittle<uint32_t>(at);
    const char* key = at + kFrameHeaderBytes;
    uint32_t partition;
    if (!partitioner_.Of({key, key_size}, partition)) return false;
    auto offset = static_cast<uint64_t>(at - arena_.get());
    *--entry = {KeyPrefix(key, key_size), uint64_t{partition} << kOffsetBits | offset};
    ++per_partition_[partition];
    ++count_;
    at = key + key_size + LoadLittle<uint32_t>(at + 4);
  }
  used_ += frames.size();
  stats_.records += count_ - before;
  stats_.bytes += frames.size() - kFrameHeaderBytes * (count_ - before);
  return true;
}

void EmitBuffer::SortRange(Entry* begin, Entry* end) const {
  std::sort(begin, end, [arena = arena_.get()](const Entry& a, const Entry& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    const char* frame_a = arena + (a.place & kOffsetMask);
    const char* frame_b = arena + (b.place & kOffsetMask);
    int order = ComparePastPrefix({frame_a + kFrameHeaderBytes, LoadLittle<uint32_t>(frame_a)},
                                  {frame_b + kFrameHeaderBytes, LoadLittle<uint32_t>(frame_b)});
    // Equal keys stay in the order in which they were emitted: every attempt writes the same bytes.
    return order != 0 ? order < 0 : a.place < b.place;
  });
}

// One counting pass deals the entries out to their partitions, then each partition is sorted on its own.
Attempted<void> EmitBuffer::Sort() {
  Entry* unsorted = index_end() - count_;
  Entry* sorted = unsorted - count_;
  uint64_t begin = 0;
  for (uint64_t& slot : per_partition_) begin += std::exchange(slot, begin);
  std::vector<uint64_t> next(per_partition_);
  for (const Entry* entry = index_end(); entry != unsorted;) {
    --entry;  // the index grows downwards: this is the order of emission
    sorted[next[entry->place >> kOffsetBits]++] = *entry;
  }
  for (size_t p = 0; p + 1 < per_partition_.size(); ++p) {
    SortRange(sorted + per_partition_[p], sorted + per_partition_[p + 1]);
  }
  sorted_ = sorted;
  return {};
}

EmitBuffer::Source EmitBuffer::Records(uint32_t partition) const {
  return {arena_.get(), sorted_ + per_partition_[partition], sorted_ + per_partition_[partition + 1]};
}

void EmitBuffer::Clear() {
  if (capacity_ > budget_) Allocate(budget_);
  used_ = 0;
  count_ = 0;
  std::fill(per_partition_.begin(), per_partition_.end(), 0);
  sorted_ = nullptr;
}

}  // namespace mr::worker
