// The slot of an EmitTable, and how slots are sorted.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace mr::worker {

// 32 bytes, two to a cache line. Keys of up to 16 bytes live in the slot itself.
struct TableSlot {
  static constexpr uint32_t kInlineBytes = 16;
  static constexpr uint32_t kEmpty = ~uint32_t{0};

  uint64_t first;     // the key's first 8 bytes, padded with zeros
  uint64_t second;    // inline keys: the next 8; longer ones: the key's offset in the arena
  uint64_t value;
  uint32_t hash;      // when sorting: the partition
  uint32_t key_size;  // kEmpty: free

  bool has_inline_key() const { return key_size <= kInlineBytes; }
};

// A slot whose key compares as a number: first and second are big endian, and a long key's second is its bytes 8 to
// 15; its offset, which is a multiple of 8, has gone to hash.
struct SortedSlot {
  TableSlot slot;

  static SortedSlot From(const TableSlot& slot, const char* arena);
  // `buffer` is where an inline key is put together.
  std::string_view Key(const char* arena, std::array<uint64_t, 2>& buffer) const {
    if (!slot.has_inline_key()) return {arena + offset(), slot.key_size};
    buffer = {__builtin_bswap64(slot.first), __builtin_bswap64(slot.second)};
    return {reinterpret_cast<const char*>(buffer.data()), slot.key_size};
  }
  uint64_t offset() const { return uint64_t{slot.hash} * 8; }
};
inline constexpr uint64_t kTableBytesMax = uint64_t{8} << 32;  // so that offsets fit

// By key, in place. Keys differ.
void SortSlots(std::span<SortedSlot> slots, const char* arena);

}  // namespace mr::worker
