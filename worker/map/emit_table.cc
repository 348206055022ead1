#include "worker/map/emit_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <utility>

#include "common/base/hash.h"
#include "common/base/logging.h"
#include "common/base/strings.h"
#include "worker/map/deal_out.h"

namespace mr::worker {
namespace {

constexpr uint64_t kFirstSlots = 1u << 13;  // 256 KiB
constexpr uint64_t kFewestSlots = 512;      // twice a batch: there is always room for one more
constexpr uint64_t kMostSlots = uint64_t{1} << 31;
constexpr size_t kBatchLongBytes = 32u << 10;  // of keys longer than a slot's; one may be larger
constexpr uint64_t kMinBudget = kFewestSlots * sizeof(TableSlot) + 2 * kBatchLongBytes;

constexpr size_t KeptBytes(uint32_t key_size) { return (size_t{key_size} + 7) / 8 * 8; }

uint64_t LowBytes(uint64_t word, uint32_t count) { return count >= 8 ? word : word & ~(~uint64_t{0} << (8 * count)); }

// Keys in the slot are hashed from the two words that hold them (multiply and fold, as in wyhash's finish);
// the constants are odd and without pattern.
uint32_t HashWords(uint64_t first, uint64_t second, uint32_t size) {
  auto product = static_cast<unsigned __int128>(first ^ 0x9e3779b97f4a7c15u ^ size) *
                 (second ^ 0xd6e8feb86659fd93u);
  uint64_t folded = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  return static_cast<uint32_t>((folded * 0x9fb21c651e98df25u) >> 32);
}

}  // namespace

EmitTable::EmitTable(uint64_t budget_bytes, const FoldSpec& fold, Partitioner& partitioner, Arena* kept)
    : fold_(fold),
      partitioner_(partitioner),
      kept_(kept),
      arena_(Arena::Reuse(kept, std::clamp(budget_bytes, kMinBudget, kTableBytesMax) / 8 * 8, kMinBudget)),
      budget_(arena_.size()),
      keys_begin_(arena_.size()),
      begin_(partitioner.count() + 1),
      next_(partitioner.count() + 1) {
  const uint64_t affordable = std::bit_floor(budget_ / (2 * sizeof(TableSlot)));
  Empty(std::clamp(affordable, kFewestSlots, kFirstSlots));
}

EmitTable::~EmitTable() { Arena::Keep(kept_, std::move(arena_), budget_); }

// Reads whole words beyond short keys: the caller's window has slack, and other bytes are masked away.
void EmitTable::Digest(const Frame& frame, Incoming& incoming) {
  const char* key = frame.data + kFrameHeaderBytes;
  uint32_t size = frame.key_size;
  TableSlot& slot = incoming.slot;
  incoming.key = key;
  slot.key_size = size;
  slot.first = LowBytes(LoadLittle<uint64_t>(key), size);
  if (size <= TableSlot::kInlineBytes) {
    slot.second = size > 8 ? LowBytes(LoadLittle<uint64_t>(key + 8), size - 8) : 0;
    slot.hash = HashWords(slot.first, slot.second, size);
  } else {
    slot.hash = static_cast<uint32_t>(Hash64({key, size}) >> 32);
  }
}

// Up to kBatch frames from the front of `frames` into batch_; answers how many, and their bytes.
Attempted<size_t> EmitTable::Parse(std::string_view frames, size_t offset, size_t& bytes, size_t& long_bytes) {
  const char* at = frames.data() + offset;
  const char* end = frames.data() + frames.size();
  size_t count = 0;
  long_bytes = 0;
  const uint64_t mask = slot_count_ - 1;
  for (; count < kBatch && at != end && long_bytes < kBatchLongBytes; ++count) {
    Frame frame;
    if (!ReadFrame(at, end, frame)) {
      return tl::unexpected(TornFrame(static_cast<size_t>(at - frames.data()), frames.size()));
    }
    if (frame.value_size != fold_.width) {
      wire::Failure failure = TornFrame(0, 0);
      failure.message = StrCat("the plugin emitted a value of ", frame.value_size, " bytes, but declared that ",
                               "all have ", fold_.width, " (fold_width), which lets the engine combine them");
      return tl::unexpected(std::move(failure));
    }
    Digest(frame, batch_[count]);
    batch_[count].slot.value = fold_.Load(frame.data + kFrameHeaderBytes + frame.key_size);
    if (frame.key_size > TableSlot::kInlineBytes) long_bytes += KeptBytes(frame.key_size);
    __builtin_prefetch(&slots()[batch_[count].slot.hash & mask], 1);
    at += frame.size();
  }
  bytes = static_cast<size_t>(at - frames.data()) - offset;
  stats_.records += count;
  stats_.bytes += bytes - count * kFrameHeaderBytes;
  return count;
}

Attempted<void> EmitTable::Consume(std::string_view frames, const Spill& spill) {
  for (size_t offset = 0; offset < frames.size();) {
    size_t bytes = 0, long_bytes = 0;
    auto count = Parse(frames, offset, bytes, long_bytes);
    if (!count) return tl::unexpected(std::move(count).error());
    if (!MakeRoom(*count, long_bytes)) {
      if (auto spilled = spill(); !spilled) return spilled;
      if (!MakeRoom(*count, long_bytes)) Enlarge(long_bytes);
    }
    Insert(*count);
    offset += bytes;
  }
  return {};
}

// False: the budget does not allow `count` more keys; spill.
bool EmitTable::MakeRoom(size_t count, size_t long_bytes) {
  const uint64_t after = count_ + count;
  if (after > slot_count_ / 2 && slot_count_ < kMostSlots) {
    // While it grows, the keys that are there lie behind the new table.
    const uint64_t grown = (2 * slot_count_ + count_) * sizeof(TableSlot);
    if (grown + long_bytes <= keys_begin_) Grow();
  }
  return after <= slot_count_ / 4 * 3 && slot_count_ * sizeof(TableSlot) + long_bytes <= keys_begin_;
}

// For a key that is larger than the budget: there is no smaller way to hold it. The table is empty.
void EmitTable::Enlarge(size_t long_bytes) {
  CHECK(count_ == 0);
  arena_ = Arena(0);  // do not hold both
  arena_ = Arena(kFewestSlots * sizeof(TableSlot) + long_bytes);
  Empty(kFewestSlots);
}

void EmitTable::Empty(uint64_t slot_count) {
  slot_count_ = slot_count;
  count_ = 0;
  keys_begin_ = arena_.size();
  std::fill_n(slots(), slot_count_, TableSlot{0, 0, 0, 0, TableSlot::kEmpty});
}

void EmitTable::Grow() {
  const uint64_t count = count_;
  TableSlot* kept = slots() + 2 * slot_count_;
  std::copy_if(slots(), slots() + slot_count_, kept,
               [](const TableSlot& slot) { return slot.key_size != TableSlot::kEmpty; });
  slot_count_ *= 2;
  std::fill_n(slots(), slot_count_, TableSlot{0, 0, 0, 0, TableSlot::kEmpty});
  const uint64_t mask = slot_count_ - 1;
  // In the order of the old table, so that the new one is filled in two streams.
  for (const TableSlot* slot = kept; slot != kept + count; ++slot) {
    uint64_t at = slot->hash & mask;
    while (slots()[at].key_size != TableSlot::kEmpty) at = (at + 1) & mask;
    slots()[at] = *slot;
  }
}

inline bool EmitTable::Same(const TableSlot& slot, const Incoming& incoming) const {
  if (slot.hash != incoming.slot.hash || slot.key_size != incoming.slot.key_size ||
      slot.first != incoming.slot.first) {
    return false;
  }
  if (slot.key_size <= TableSlot::kInlineBytes) return slot.second == incoming.slot.second;
  return KeyOf(slot) == std::string_view(incoming.key, slot.key_size);
}

void EmitTable::Insert(size_t count) {
  TableSlot* const table = slots();
  const uint64_t before = count_;
  const uint64_t mask = slot_count_ - 1;
  for (size_t i = 0; i < count; ++i) {
    const Incoming& incoming = batch_[i];
    uint64_t at = incoming.slot.hash & mask;
    while (true) {
      TableSlot& slot = table[at];
      if (slot.key_size == TableSlot::kEmpty) {
        slot = incoming.slot;
        if (!slot.has_inline_key()) {
          keys_begin_ -= KeptBytes(slot.key_size);
          std::memcpy(arena_.data() + keys_begin_, incoming.key, slot.key_size);
          slot.second = keys_begin_;
        }
        ++count_;
        break;
      }
      if (Same(slot, incoming)) {
        slot.value = fold_.Apply(slot.value, incoming.slot.value);
        break;
      }
      at = (at + 1) & mask;
    }
  }
  inserted_ += count_ - before;
}

// Moves the used slots to the front, deals them out by partition, makes their keys numbers, and sorts.
Attempted<void> EmitTable::Sort() {
  TableSlot* used = slots();
  std::fill(begin_.begin(), begin_.end(), 0);
  for (const TableSlot* slot = slots(); slot != slots() + slot_count_; ++slot) {
    if (slot->key_size == TableSlot::kEmpty) continue;
    uint32_t partition;
    if (!partitioner_.Of(KeyOf(*slot), partition)) return tl::unexpected(partitioner_.TakeFailure());
    *used = *slot;
    used++->hash = partition;
    ++begin_[partition];
  }
  uint64_t begin = 0;
  for (uint64_t& slot : begin_) begin += std::exchange(slot, begin);
  const std::span<TableSlot> all(slots(), count_);
  if (partitioner_.count() > 1) {
    DealOut(all, begin_, next_, [](const TableSlot& slot) { return slot.hash; });
  }
  for (uint64_t i = 0; i < count_; ++i) sorted()[i] = SortedSlot::From(all[i], arena_.data());
  for (size_t p = 0; p + 1 < begin_.size(); ++p) {
    SortSlots({sorted() + begin_[p], sorted() + begin_[p + 1]}, arena_.data());
  }
  return {};
}

EmitTable::Source EmitTable::Records(uint32_t partition) const {
  return {fold_, arena_.data(), sorted() + begin_[partition], sorted() + begin_[partition + 1]};
}

void EmitTable::Clear() {
  if (arena_.size() > budget_) {
    arena_ = Arena(0);
    arena_ = Arena(budget_);
  }
  Empty(slot_count_);
}

}  // namespace mr::worker
