// Small text helpers shared by all programs.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace mr {

namespace strings_internal {
inline void Append(std::string& out, std::string_view text) { out.append(text); }
// A template, so that a string literal does not become a bool on its way.
template <std::same_as<bool> T>
void Append(std::string& out, T value) {
  out.append(value ? "true" : "false");
}
template <std::integral T>
  requires(!std::same_as<T, char> && !std::same_as<T, bool>)
void Append(std::string& out, T value) {
  char buffer[24];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  out.append(buffer, end);
}
void AppendDouble(std::string& out, double value);
template <std::same_as<double> T>
void Append(std::string& out, T value) {
  AppendDouble(out, value);
}
}  // namespace strings_internal

// Concatenates text, integers, doubles (%g) and booleans.
template <class... Parts>
std::string StrCat(const Parts&... parts) {
  std::string out;
  (strings_internal::Append(out, parts), ...);
  return out;
}

std::vector<std::string_view> Split(std::string_view text, char separator);
std::string Join(std::span<const std::string> parts, std::string_view separator);
std::string_view Trim(std::string_view text);  // ASCII white space off both ends

// The candidate nearest to `word` (Damerau-Levenshtein distance <= 2), or empty: for "did you mean".
std::string_view Nearest(std::string_view word, std::span<const std::string> candidates);

// Printable form of arbitrary bytes for a terminal or a log: UTF-8 text is kept, control bytes and
// invalid sequences become \xNN; tab and newline become ␉ and ␊; cut after max_bytes bytes with "…".
std::string Printable(std::string_view bytes, size_t max_bytes = 256);
bool IsValidUtf8(std::string_view bytes);

// Sizes: plain bytes, k M G T (powers of 1000), Ki Mi Gi Ti (powers of 1024), each with an optional B.
// Printed binary with one decimal: "25.7 GiB".
Result<uint64_t> ParseSize(std::string_view text);
std::string FormatSize(uint64_t bytes);

// Durations: 250ms 10s 5m 2h 7d. Result in milliseconds. Printed "0:19.8" or "1:02:03".
Result<int64_t> ParseDurationMs(std::string_view text);
std::string FormatElapsed(int64_t milliseconds);
std::string FormatCount(uint64_t count);  // 4,312,998,120

std::string ToHex(std::string_view bytes);

}  // namespace mr
