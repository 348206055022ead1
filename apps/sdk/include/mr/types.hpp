// The small types of the plugin API: text views, key parts, formats, and the exceptions that a job may throw.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

#include <mr/mr_abi.h>

namespace mr {

using View = std::string_view;

// No value: takes no bytes.
struct None {
  friend constexpr bool operator==(None, None) { return true; }
  friend constexpr auto operator<=>(None, None) { return std::strong_ordering::equal; }
};

// A key part that sorts in descending order.
template <class T>
struct Desc {
  T v{};
  friend bool operator==(const Desc&, const Desc&) = default;
  // The order of the keys, so the reverse of T's.
  friend auto operator<=>(const Desc& a, const Desc& b) { return b.v <=> a.v; }
};

// Exactly N bytes, ordered as unsigned bytes. Shorter text is filled up with NUL bytes, longer text is cut.
template <std::size_t N>
struct Bytes {
  std::array<char, N> data{};
  Bytes() = default;
  explicit Bytes(View text) { std::memcpy(data.data(), text.data(), text.size() < N ? text.size() : N); }
  View view() const { return View(data.data(), N); }
  friend bool operator==(const Bytes& a, const Bytes& b) { return a.view() == b.view(); }
  friend auto operator<=>(const Bytes& a, const Bytes& b) { return a.view() <=> b.view(); }
};

// A size in bytes, as a parameter: 512, 64k (1000), 64Ki (1024), 10MiB, 2G.
struct Size {
  std::uint64_t bytes = 0;
};

// A length of time, as a parameter: 250ms, 10s, 5m, 2h, 7d.
struct Duration {
  std::int64_t ms = 0;
};

// ---- how a job reads, groups, distributes and writes -----------------------------------------------------

template <std::size_t N = 0>
struct First {};    // group by the first N parts of a tuple key; the rest only sorts
struct FullKey {};  // group by the whole key (default)

struct Lines {};      // one record per line, without its line end (default)
struct Blocks {};     // blocks of whole lines: fastest; a record is up to some hundred KiB of text
struct WholeFile {};  // the file is the record
template <std::size_t N>
struct FixedRecords {};  // records of N bytes
struct Csv {};           // one mr::CsvRow per line

struct JsonLines {};     // one mr::JsonObject per line; written: {"key":…,"value":…} NEWLINE
struct KeyValueFile {};  // key TAB value NEWLINE, for any bytes: what one job writes so, another gets back

struct Tsv {};       // key TAB value NEWLINE (default)
struct RawBytes {};  // the bytes as they are written

struct HashPartition {};  // by hash of the group (default)
struct TotalOrder {};     // by ranges sampled from the input: part files concatenate to one sorted whole
template <std::size_t N>
struct ByFirst {};  // by hash of the first N parts of a tuple key

// ---- exceptions -----------------------------------------------------------------------------------------
// Any other exception fails the attempt, which is then tried again elsewhere (--max-attempts).

// This record (in reduce: this group) is at fault: the next attempt leaves it out where the job allows that
// (--skip-bad-records). What the attempt has emitted before does not count, so that nothing is there twice.
struct BadRecord : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Trying again cannot help: the job fails now.
struct Fatal : std::runtime_error {
  using std::runtime_error::runtime_error;
};

namespace detail {
struct Stop {};    // the host asked to stop; not a std::exception, so that `catch (std::exception&)` lets it by
struct Failed {};  // the host has called fail() already

inline View ToView(mr_bytes bytes) { return View(bytes.data, bytes.size); }
inline mr_bytes ToBytes(View view) { return mr_bytes{view.data(), view.size()}; }
}  // namespace detail
}  // namespace mr
