// Helpers for text: words, fields, lines, and numbers from text.
#pragma once

#include <charconv>
#include <iterator>
#include <vector>
#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#include <mr/types.hpp>

namespace mr {

namespace detail {

inline bool IsLetter(char c) { return static_cast<unsigned char>((c | 0x20) - 'a') < 26; }

// Bit i set: p[i] is an ASCII letter. Reads exactly 64 bytes.
inline std::uint64_t LetterBits(const char* p) {
  std::uint64_t bits = 0;
#if defined(__SSE2__)
  for (int i = 0; i < 4; ++i) {
    const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16 * i));
    // (c | 0x20) - 'a' < 26 for unsigned bytes, shifted into the signed range that SSE2 compares.
    const __m128i lower = _mm_or_si128(text, _mm_set1_epi8(0x20));
    const __m128i moved = _mm_add_epi8(lower, _mm_set1_epi8(static_cast<char>(128 - 'a')));
    const __m128i letter = _mm_cmplt_epi8(moved, _mm_set1_epi8(static_cast<char>(-128 + 26)));
    bits |= static_cast<std::uint64_t>(static_cast<unsigned>(_mm_movemask_epi8(letter))) << (16 * i);
  }
#elif defined(__aarch64__) && defined(__ARM_NEON)
  const uint8x16_t weights = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  uint8x16_t part[4];
  for (int i = 0; i < 4; ++i) {
    const uint8x16_t text = vld1q_u8(reinterpret_cast<const std::uint8_t*>(p + 16 * i));
    const uint8x16_t lower = vorrq_u8(text, vdupq_n_u8(0x20));
    part[i] = vandq_u8(vcltq_u8(vsubq_u8(lower, vdupq_n_u8('a')), vdupq_n_u8(26)), weights);
  }
  // Three times neighbours are added: the weights of eight bytes become one byte.
  const uint8x16_t halves = vpaddq_u8(vpaddq_u8(part[0], part[1]), vpaddq_u8(part[2], part[3]));
  bits = vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(halves, halves)), 0);
#else
  for (int i = 0; i < 64; ++i) bits |= static_cast<std::uint64_t>(IsLetter(p[i])) << i;
#endif
  return bits;
}

}  // namespace detail

// The words of a text: maximal runs of the ASCII letters A-Z and a-z, as they are written (case kept). Digits,
// apostrophes and all bytes above 127 separate words: "don't" is "don" and "t". No allocation.
//   for (mr::View word : mr::words(line)) …
class words {
 public:
  explicit words(View text) : text_(text) {}
  class Iterator {
   public:
    using value_type = View;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    Iterator() = default;
    explicit Iterator(View text) : block_(text.data()), end_(text.data() + text.size()) {
      if (!text.empty()) Load();
      Step();
    }
    View operator*() const { return word_; }
    Iterator& operator++() {
      Step();
      return *this;
    }
    void operator++(int) { Step(); }
    bool operator==(std::default_sentinel_t) const { return word_.empty(); }

   private:
    void Load() {
      if (end_ - block_ >= 64) {
        bits_ = detail::LetterBits(block_);
      } else {
        char tail[64] = {};
        std::memcpy(tail, block_, static_cast<std::size_t>(end_ - block_));
        bits_ = detail::LetterBits(tail);
      }
    }
    bool NextBlock() {
      if (end_ - block_ <= 64) return false;
      block_ += 64;
      Load();
      return true;
    }
    void Step() {
      while (bits_ == 0) {
        if (!NextBlock()) {
          word_ = View();
          return;
        }
      }
      const int first = __builtin_ctzll(bits_);
      const char* const begin = block_ + first;
      const std::uint64_t after = ~(bits_ >> first);  // bit 0 is clear: begin is a letter
      int length = after == 0 ? 64 : __builtin_ctzll(after);
      if (first + length < 64) {
        bits_ &= bits_ + (std::uint64_t{1} << first);  // the carry clears the run
        word_ = View(begin, static_cast<std::size_t>(length));
        return;
      }
      word_ = View(begin, static_cast<std::size_t>(AcrossBlocks() - begin));
    }
    // The run goes on to the end of this block: finds its end in the next ones.
    const char* AcrossBlocks() {
      for (;;) {
        bits_ = 0;
        if (!NextBlock()) return end_;
        if (~bits_ == 0) continue;
        const int length = __builtin_ctzll(~bits_);
        bits_ &= bits_ + 1;
        return block_ + length;
      }
    }
    const char* block_ = nullptr;
    const char* end_ = nullptr;
    std::uint64_t bits_ = 0;  // letters of the block not handed out yet
    View word_;
  };
  Iterator begin() const { return Iterator(text_); }
  std::default_sentinel_t end() const { return {}; }

 private:
  View text_;
};

// All fields of a line; an empty line has one empty field.
inline std::vector<View> fields(View line, char separator) {
  std::vector<View> all;
  for (;;) {
    const std::size_t n = line.find(separator);
    all.push_back(line.substr(0, n));
    if (n == View::npos) return all;
    line.remove_prefix(n + 1);
  }
}

// Calls visit(line) for each line, without its line end (\n or \r\n).
template <class F>
void each_line(View text, F visit) {
  while (!text.empty()) {
    const std::size_t n = text.find('\n');
    View line = text.substr(0, n);
    if (!line.empty() && line.back() == '\r' && n != View::npos) line.remove_suffix(1);
    visit(line);
    if (n == View::npos) return;
    text.remove_prefix(n + 1);
  }
}

// The part of a path behind the last '/'.
inline View base_name(View path) {
  const std::size_t n = path.rfind('/');
  return n == View::npos ? path : path.substr(n + 1);
}

namespace detail {

// At most 80 bytes of `text`, for a message.
inline std::string Quote(View text) {
  return "'" + std::string(text.substr(0, 80)) + (text.size() > 80 ? "…'" : "'");
}

[[noreturn, gnu::cold]] inline void NotA(const char* what, View text, bool range) {
  throw BadRecord(Quote(text) + (range ? " is out of range for " : " is not ") + what);
}

// A number with a unit's name behind it: "64Ki" -> {64, "Ki"}.
inline std::pair<double, View> SplitUnit(const char* what, View text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !(number >= 0)) NotA(what, text, false);
  return {number, text.substr(static_cast<std::size_t>(end - text.data()))};
}

inline Size ParseSize(View text) {
  constexpr const char* kWhat = "a size such as 512, 64k, 64Ki or 10MiB";
  auto [number, unit] = SplitUnit(kWhat, text);
  const View all = unit;
  double scale = 1;
  if (!unit.empty() && unit.back() == 'B') unit.remove_suffix(1);
  if (!unit.empty()) {
    const bool binary = unit.size() == 2 && unit[1] == 'i';
    const std::size_t power = View("kMGTP").find(unit[0] == 'K' ? 'k' : unit[0]);
    if (power == View::npos || (unit.size() > 1 && !binary)) NotA(kWhat, text, false);
    for (std::size_t i = 0; i <= power; ++i) scale *= binary ? 1024 : 1000;
  } else if (all.size() > 1) {
    NotA(kWhat, text, false);
  }
  if (number * scale >= 9.2e18) NotA("a size", text, true);
  return Size{static_cast<std::uint64_t>(number * scale)};
}

inline Duration ParseDuration(View text) {
  constexpr const char* kWhat = "a duration such as 250ms, 10s, 5m, 2h or 7d";
  const auto [number, unit] = SplitUnit(kWhat, text);
  const double scale = unit == "ms"  ? 1
                       : unit == "s" ? 1e3
                       : unit == "m" ? 6e4
                       : unit == "h" ? 3.6e6
                       : unit == "d" ? 8.64e7
                                     : 0;
  if (scale == 0 && !(number == 0 && unit.empty())) NotA(kWhat, text, false);
  if (number * scale >= 9.2e18) NotA("a duration", text, true);
  return Duration{static_cast<std::int64_t>(number * scale)};
}

inline bool ParseBool(View text) {
  for (View yes : {"true", "yes", "on", "1"}) {
    if (text == yes) return true;
  }
  for (View no : {"false", "no", "off", "0"}) {
    if (text == no) return false;
  }
  NotA("true or false", text, false);
}

}  // namespace detail

// The whole of `text` as a T (integers, double, float, bool, std::string, View, Size, Duration). Text that is
// not one throws BadRecord, as does a number that does not fit.
template <class T>
T to(View text) {
  if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, View>) {
    return T(text);
  } else if constexpr (std::is_same_v<T, bool>) {
    return detail::ParseBool(text);
  } else if constexpr (std::is_same_v<T, Size>) {
    return detail::ParseSize(text);
  } else if constexpr (std::is_same_v<T, Duration>) {
    return detail::ParseDuration(text);
  } else {
    static_assert(std::is_arithmetic_v<T>, "mr::to<T>: T is a number, bool, std::string, View, Size or Duration");
    T v{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
    const char* what = std::is_floating_point_v<T> ? "a number"
                       : std::is_signed_v<T>       ? "an integer"
                                                   : "a whole number of 0 or more";
    if (error == std::errc::result_out_of_range) detail::NotA(what, text, true);
    if (error != std::errc() || end != text.data() + text.size()) detail::NotA(what, text, false);
    return v;
  }
}

}  // namespace mr
