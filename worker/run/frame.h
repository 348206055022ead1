// The frame of a record, the same in a plugin's sink, in memory and in a run's blocks:
//   uint32 key_size, uint32 value_size (little endian, unaligned), key bytes, value bytes.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace mr::worker {

static_assert(std::endian::native == std::endian::little,
              "the ABI's frames are native, a run's little endian: a big-endian host has to convert");

inline constexpr size_t kFrameHeaderBytes = 8;
inline constexpr size_t kMaxFrameBytes = 1u << 30;  // WindowSink::kMaxBytes: what a plugin can emit

template <class T>
T LoadLittle(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
template <class T>
void StoreLittle(char* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

struct Frame {
  const char* data = nullptr;
  uint32_t key_size = 0;
  uint32_t value_size = 0;

  size_t size() const { return kFrameHeaderBytes + size_t{key_size} + value_size; }
  std::string_view key() const { return {data + kFrameHeaderBytes, key_size}; }
  std::string_view value() const { return {data + kFrameHeaderBytes + key_size, value_size}; }
  std::string_view bytes() const { return {data, size()}; }
};

// The frame at `data`; false if it does not end by `end`.
inline bool ReadFrame(const char* data, const char* end, Frame& frame) {
  auto left = static_cast<size_t>(end - data);
  if (left < kFrameHeaderBytes) return false;
  frame.data = data;
  frame.key_size = LoadLittle<uint32_t>(data);
  frame.value_size = LoadLittle<uint32_t>(data + 4);
  return frame.size() <= left;
}

inline void WriteFrameHeader(char* to, size_t key_size, size_t value_size) {
  StoreLittle(to, static_cast<uint32_t>(key_size));
  StoreLittle(to + 4, static_cast<uint32_t>(value_size));
}

// The key's first eight bytes as a number that compares like them; a shorter key counts as filled with zeros,
// so equal prefixes say nothing yet. `key` must lie in a frame: the eight bytes before it are read.
inline uint64_t KeyPrefix(const char* key, size_t size) {
  if (size >= 8) return __builtin_bswap64(LoadLittle<uint64_t>(key));
  if (size == 0) return 0;
  return __builtin_bswap64(LoadLittle<uint64_t>(key + size - 8)) << (8 * (8 - size));
}

// Order of two keys whose prefixes are equal: <0, 0, >0.
inline int ComparePastPrefix(std::string_view a, std::string_view b) {
  if (a.size() > 8 && b.size() > 8) return a.substr(8).compare(b.substr(8));
  return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
}

}  // namespace mr::worker
