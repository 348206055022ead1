#include "worker/map/index_sort.h"

#include <algorithm>

#include "worker/map/branchless_sort.h"
#include "worker/run/frame.h"

namespace mr::worker {
namespace {

constexpr size_t kFirstBytes = 8;    // of a key in its entry at first …
constexpr size_t kFurtherBytes = 7;  // … and in each further round: the eighth says how many there were
constexpr size_t kFewEntries = 16;   // not worth another round
constexpr int kRoundsMax = 8;
constexpr size_t kAhead = 16;  // frames fetched before they are looked at

unsigned __int128 Number(const IndexEntry& entry) {
  return static_cast<unsigned __int128>(entry.prefix) << 64 | entry.place;
}

void SortNumbers(IndexEntry* begin, IndexEntry* end) {
  BranchlessSort(begin, end, [](const IndexEntry& a, const IndexEntry& b) { return Number(a) < Number(b); });
}

std::string_view KeyAt(const char* arena, const IndexEntry& entry) {
  const char* frame = arena + entry.offset();
  return {frame + kFrameHeaderBytes, LoadLittle<uint32_t>(frame)};
}

// The key's next seven bytes and how many there are: 8 if some are left over. Order as numbers is order of keys.
uint64_t NextBytes(std::string_view key, size_t depth) {
  const size_t left = key.size() - depth;
  const uint64_t word = __builtin_bswap64(LoadLittle<uint64_t>(key.data() + depth));
  const size_t taken = std::min(left, kFurtherBytes);
  return (word & ~uint64_t{0} << (64 - 8 * taken)) | std::min(left, kFurtherBytes + 1);
}

void SortInFull(IndexEntry* begin, IndexEntry* end, const char* arena, size_t depth) {
  std::sort(begin, end, [=](const IndexEntry& a, const IndexEntry& b) {
    const int order = KeyAt(arena, a).substr(depth).compare(KeyAt(arena, b).substr(depth));
    return order != 0 ? order < 0 : a.place < b.place;
  });
}

// In each run of entries with the same prefix, the keys' first `depth` bytes are equal. Many of them get their next
// bytes as a new prefix, so that each frame is looked at once per round and not at every comparison.
void ResolveTies(IndexEntry* begin, IndexEntry* end, const char* arena, size_t depth, int round) {
  for (IndexEntry* first = begin; first != end;) {
    IndexEntry* last = first + 1;
    const bool open =
        round == 0 ? first->has_long_key() : (first->prefix & 0xff) > kFurtherBytes;  // bytes are left
    while (last != end && last->prefix == first->prefix && (round > 0 || last->has_long_key() == open)) ++last;
    const auto count = static_cast<size_t>(last - first);
    if (open && count > 1) {
      if (count <= kFewEntries || round == kRoundsMax) {
        SortInFull(first, last, arena, depth);
      } else {
        for (IndexEntry* entry = first; entry != last; ++entry) {
          if (last - entry > static_cast<std::ptrdiff_t>(kAhead)) {
            __builtin_prefetch(arena + entry[kAhead].offset() + depth);
          }
          entry->prefix = NextBytes(KeyAt(arena, *entry), depth);
        }
        SortNumbers(first, last);
        ResolveTies(first, last, arena, depth + kFurtherBytes, round + 1);
      }
    }
    first = last;
  }
}

}  // namespace

void SortIndex(std::span<IndexEntry> entries, const char* arena) {
  IndexEntry* begin = entries.data();
  IndexEntry* end = begin + entries.size();
  SortNumbers(begin, end);
  ResolveTies(begin, end, arena, kFirstBytes, 0);
}

}  // namespace mr::worker
