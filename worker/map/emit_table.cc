#include "worker/map/emit_table.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "common/base/hash.h"
#include "common/base/logging.h"
#include "common/base/strings.h"

namespace mr::worker {
namespace {

constexpr uint64_t kFirstSlots = 1u << 13;  // 256 KiB
constexpr uint64_t kFewestSlots = 512;      // twice a batch: there is always room for one more
constexpr uint64_t kMostSlots = uint64_t{1} << 31;

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

EmitTable::EmitTable(uint64_t budget_bytes, const FoldSpec& fold, Partitioner& partitioner)
    : budget_(budget_bytes), fold_(fold), partitioner_(partitioner) {
  uint64_t affordable = std::bit_floor(std::max<uint64_t>(budget_bytes / (2 * sizeof(Slot)), 1));
  slots_.resize(std::clamp(affordable, kFewestSlots, kFirstSlots), Slot{0, 0, 0, 0, kEmpty});
  mask_ = slots_.size() - 1;
}

// Reads whole words beyond short keys: the caller's window has slack, and other bytes are masked away.
void EmitTable::Digest(const Frame& frame, Incoming& incoming) {
  const char* key = frame.data + kFrameHeaderBytes;
  uint32_t size = frame.key_size;
  Slot& slot = incoming.slot;
  incoming.key = key;
  slot.key_size = size;
  slot.first = LowBytes(LoadLittle<uint64_t>(key), size);
  if (size <= kInlineBytes) {
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
  for (; count < kBatch && at != end; ++count) {
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
    if (frame.key_size > kInlineBytes) long_bytes += frame.key_size;
    __builtin_prefetch(&slots_[batch_[count].slot.hash & mask_], 1);
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
      // An empty table takes any batch, over its budget if it must.
      (void)MakeRoom(*count, long_bytes);
    }
    Insert(*count);
    offset += bytes;
  }
  return {};
}

// Of the table with so many slots, half of them used, ready to be sorted.
uint64_t EmitTable::BytesWith(uint64_t slots, size_t long_bytes) const {
  return slots * sizeof(Slot) + slots / 2 * sizeof(Entry) + keys_.size() + long_bytes;
}

// False: the budget does not allow `count` more keys; spill.
bool EmitTable::MakeRoom(size_t count, size_t long_bytes) {
  bool fits = count_ + count <= slots_.size() / 2;
  if (fits && (count_ == 0 || BytesWith(slots_.size(), long_bytes) <= budget_)) return true;
  if (fits) return false;
  // While it grows, the old slots are there too.
  uint64_t grown = BytesWith(slots_.size() * 2, long_bytes) + slots_.size() * sizeof(Slot);
  if (grown > budget_ || slots_.size() >= kMostSlots) return false;
  Grow();
  return true;
}

void EmitTable::Grow() {
  std::vector<Slot> old(slots_.size() * 2, Slot{0, 0, 0, 0, kEmpty});
  old.swap(slots_);
  mask_ = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.key_size == kEmpty) continue;
    uint64_t at = slot.hash & mask_;
    while (slots_[at].key_size != kEmpty) at = (at + 1) & mask_;
    slots_[at] = slot;
  }
}

inline bool EmitTable::Same(const Slot& slot, const Incoming& incoming) const {
  if (slot.hash != incoming.slot.hash || slot.key_size != incoming.slot.key_size ||
      slot.first != incoming.slot.first) {
    return false;
  }
  if (slot.key_size <= kInlineBytes) return slot.second == incoming.slot.second;
  return KeyOf(slot) == std::string_view(incoming.key, slot.key_size);
}

void EmitTable::Insert(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const Incoming& incoming = batch_[i];
    uint64_t at = incoming.slot.hash & mask_;
    while (true) {
      Slot& slot = slots_[at];
      if (slot.key_size == kEmpty) {
        slot = incoming.slot;
        if (slot.key_size > kInlineBytes) {
          slot.second = keys_.size();
          keys_.append(incoming.key, slot.key_size);
        }
        ++count_;
        break;
      }
      if (Same(slot, incoming)) {
        slot.value = fold_.Apply(slot.value, incoming.slot.value);
        break;
      }
      at = (at + 1) & mask_;
    }
  }
}

inline bool EmitTable::Less(const Entry& a, const Entry& b) const {
  if (a.prefix != b.prefix) return a.prefix < b.prefix;
  return ComparePastPrefix(KeyOf(slots_[a.slot]), KeyOf(slots_[b.slot])) < 0;
}

// Deals the slots out to their partitions, then sorts each partition.
Attempted<void> EmitTable::Sort() {
  std::vector<Entry> found;
  found.reserve(count_);
  begin_.assign(partitioner_.count() + 1, 0);
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (slot.key_size == kEmpty) continue;
    uint32_t partition;
    if (!partitioner_.Of(KeyOf(slot), partition)) return tl::unexpected(partitioner_.TakeFailure());
    found.push_back({__builtin_bswap64(slot.first), static_cast<uint32_t>(i), partition});
    ++begin_[partition];
  }
  uint64_t begin = 0;
  for (uint64_t& slot : begin_) begin += std::exchange(slot, begin);
  sorted_.resize(found.size());
  std::vector<uint64_t> next(begin_);
  for (const Entry& entry : found) sorted_[next[entry.partition]++] = entry;
  for (size_t p = 0; p + 1 < begin_.size(); ++p) {
    std::sort(sorted_.begin() + static_cast<std::ptrdiff_t>(begin_[p]),
              sorted_.begin() + static_cast<std::ptrdiff_t>(begin_[p + 1]),
              [this](const Entry& a, const Entry& b) { return Less(a, b); });
  }
  return {};
}

EmitTable::Source EmitTable::Records(uint32_t partition) const {
  return {*this, sorted_.data() + begin_[partition], sorted_.data() + begin_[partition + 1]};
}

void EmitTable::Clear() {
  std::fill(slots_.begin(), slots_.end(), Slot{0, 0, 0, 0, kEmpty});
  count_ = 0;
  keys_.clear();
  keys_.shrink_to_fit();
  sorted_ = {};
}

}  // namespace mr::worker
