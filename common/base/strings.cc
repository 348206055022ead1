#include "common/base/strings.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>

namespace mr {

void strings_internal::AppendDouble(std::string& out, double value) {
  char buffer[32];
  const int length = std::snprintf(buffer, sizeof buffer, "%g", value);
  out.append(buffer, static_cast<size_t>(length));
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string Join(std::span<const std::string> parts, std::string_view separator) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty() || &part != parts.data()) out.append(separator);
    out.append(part);
  }
  return out;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

namespace {

// Optimal string alignment distance: insert, delete, replace, swap of neighbours.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

// Length of the valid UTF-8 sequence at the front of `text`, or 0.
size_t Utf8SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  size_t length = 0;
  uint32_t code = 0;
  if ((lead & 0xe0) == 0xc0) { length = 2; code = lead & 0x1f; }
  else if ((lead & 0xf0) == 0xe0) { length = 3; code = lead & 0x0f; }
  else if ((lead & 0xf8) == 0xf0) { length = 4; code = lead & 0x07; }
  else return 0;
  if (text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = (code << 6) | (byte(i) & 0x3f);
  }
  constexpr std::array<uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kSmallest[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return 0;
  return length;
}

// A decimal number with an optional fraction; what follows it is left in `text`.
bool TakeDecimal(std::string_view& text, double& value) {
  const size_t length = std::min(text.find_first_not_of("0123456789."), text.size());
  if (length == 0 || length > 20) return false;
  const std::string_view digits = text.substr(0, length);
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return false;
  text.remove_prefix(length);
  return true;
}

}  // namespace

std::string_view Nearest(std::string_view word, std::span<const std::string> candidates) {
  std::string_view best;
  size_t best_distance = 3;
  for (const std::string& candidate : candidates) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < best_distance && distance < std::max(word.size(), candidate.size())) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

bool IsValidUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t length = Utf8SequenceLength(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string Printable(std::string_view bytes, size_t max_bytes) {
  const bool cut = bytes.size() > max_bytes;
  bytes = bytes.substr(0, max_bytes);
  std::string out;
  while (!bytes.empty()) {
    const auto lead = static_cast<unsigned char>(bytes.front());
    const size_t length = Utf8SequenceLength(bytes);
    if (lead == '\t') out += "␉";
    else if (lead == '\n') out += "␊";
    else if (length == 0 || lead < 0x20 || lead == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", lead);
      out += escaped;
    } else {
      out.append(bytes.substr(0, length));
    }
    bytes.remove_prefix(std::max<size_t>(length, 1));
  }
  if (cut) out += "…";
  return out;
}

Result<uint64_t> ParseSize(std::string_view text) {
  std::string_view rest = Trim(text);
  double value = 0;
  const auto malformed = [&] {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("'", text, "' is not a size; write for instance 64MiB, 512k or 1000000"));
  };
  if (!TakeDecimal(rest, value)) return malformed();
  rest = Trim(rest);
  double unit = 1;
  if (!rest.empty() && rest != "B") {
    constexpr std::string_view kUnits = "kMGT";
    const char letter = rest.front() == 'K' ? 'k' : rest.front();
    const size_t power = kUnits.find(letter);
    if (power == std::string_view::npos) return malformed();
    rest.remove_prefix(1);
    const bool binary = !rest.empty() && rest.front() == 'i';
    if (binary) rest.remove_prefix(1);
    if (!rest.empty() && rest != "B") return malformed();
    for (size_t i = 0; i <= power; ++i) unit *= binary ? 1024 : 1000;
  }
  const double bytes = value * unit;
  if (bytes >= 0x1.0p63) return malformed();
  return static_cast<uint64_t>(bytes);
}

std::string FormatSize(uint64_t bytes) {
  constexpr std::array<const char*, 6> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

Result<int64_t> ParseDurationMs(std::string_view text) {
  std::string_view rest = Trim(text);
  double value = 0;
  double unit = 0;
  if (TakeDecimal(rest, value)) {
    if (rest == "ms") unit = 1;
    else if (rest == "s") unit = 1000;
    else if (rest == "m") unit = 60'000;
    else if (rest == "h") unit = 3'600'000;
    else if (rest == "d") unit = 86'400'000;
  }
  const double milliseconds = value * unit;
  if (unit == 0 || milliseconds > 1e15) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("'", text, "' is not a duration; write for instance 250ms, 10s, 5m, 2h or 7d"));
  }
  return static_cast<int64_t>(milliseconds);
}

std::string FormatElapsed(int64_t milliseconds) {
  const int64_t seconds = milliseconds / 1000;
  char text[40];
  if (seconds >= 3600) {
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", static_cast<long long>(seconds / 3600),
                  static_cast<long long>(seconds / 60 % 60), static_cast<long long>(seconds % 60));
  } else {
    std::snprintf(text, sizeof text, "%lld:%02lld.%lld", static_cast<long long>(seconds / 60),
                  static_cast<long long>(seconds % 60), static_cast<long long>(milliseconds / 100 % 10));
  }
  return text;
}

std::string FormatCount(uint64_t count) {
  std::string digits = std::to_string(count);
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string ToHex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    out.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    out.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return out;
}

}  // namespace mr
