#include "worker/map/table_slot.h"

#include <algorithm>

#include "worker/map/branchless_sort.h"
#include "worker/run/frame.h"

namespace mr::worker {
namespace {

unsigned __int128 Number(const SortedSlot& sorted) {
  return static_cast<unsigned __int128>(sorted.slot.first) << 64 | sorted.slot.second;
}

// Keys with the same first 16 bytes, zeros included.
bool LessPastNumber(const SortedSlot& a, const SortedSlot& b, const char* arena) {
  if (a.slot.has_inline_key() || b.slot.has_inline_key()) return a.slot.key_size < b.slot.key_size;
  const std::string_view key_a(arena + a.offset(), a.slot.key_size);
  const std::string_view key_b(arena + b.offset(), b.slot.key_size);
  return key_a.substr(TableSlot::kInlineBytes) < key_b.substr(TableSlot::kInlineBytes);
}

}  // namespace

SortedSlot SortedSlot::From(const TableSlot& slot, const char* arena) {
  SortedSlot sorted{slot};
  sorted.slot.first = __builtin_bswap64(slot.first);
  if (slot.has_inline_key()) {
    sorted.slot.second = __builtin_bswap64(slot.second);
  } else {
    sorted.slot.hash = static_cast<uint32_t>(slot.second / 8);
    sorted.slot.second = __builtin_bswap64(LoadLittle<uint64_t>(arena + slot.second + 8));
  }
  return sorted;
}

void SortSlots(std::span<SortedSlot> slots, const char* arena) {
  SortedSlot* end = slots.data() + slots.size();
  BranchlessSort(slots.data(), end, [](const SortedSlot& a, const SortedSlot& b) { return Number(a) < Number(b); });
  for (SortedSlot* first = slots.data(); first != end;) {
    SortedSlot* last = first + 1;
    while (last != end && Number(*last) == Number(*first)) ++last;
    if (last - first > 1) {
      std::sort(first, last,
                [arena](const SortedSlot& a, const SortedSlot& b) { return LessPastNumber(a, b, arena); });
    }
    first = last;
  }
}

}  // namespace mr::worker
