// The bytes of the replicated log's files; FORMAT.md shows them as tables. Encoding and checking only: no file is
// touched here.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "coordinator/raft/types.h"

namespace mr::raft {

inline constexpr uint32_t kFormatVersion = 1;
inline constexpr size_t kSegmentHeaderBytes = 88;
inline constexpr size_t kRecordHeaderBytes = 64;
inline constexpr uint32_t kMaxPayloadBytes = 256u << 20;

// Which group, and which member of it, files belong to. Files of another one are refused.
struct Identity {
  std::array<char, 16> cluster{};
  NodeId node;
  friend bool operator==(const Identity&, const Identity&) = default;
};

// A place in the log: byte `offset` of segment `segment`.
struct Position {
  uint64_t segment = 0;
  uint64_t offset = 0;
  friend auto operator<=>(const Position&, const Position&) = default;
};

struct SegmentHeader {
  Identity identity;
  uint64_t sequence = 0;   // number of the segment, from 1
  Index base_index;        // of the last entry before this segment
  Term base_term;          // its term
  uint32_t salt = 0;       // every checksum in the segment starts from it
  uint32_t previous = 0;   // the chain: header checksum of the last record before; 0 in the first segment
  uint32_t crc = 0;        // set by Encode and Decode
};

enum class RecordType : uint8_t {
  kEntry = 1,         // discards, logically, every entry from its index on
  kSnapshotMark = 2,  // a snapshot of (index, term) is complete; with the kind kRestartMark the log goes on after it
  kFence = 3,         // nothing but proof that everything before it is durable
};

inline constexpr EntryKind kRestartMark = EntryKind::kNoOp;  // the log lacked the snapshot's entry: it is empty now

struct RecordHeader {
  RecordType type = RecordType::kEntry;
  EntryKind kind = EntryKind::kCommand;  // of an entry, or of a snapshot mark
  uint32_t payload_bytes = 0;
  uint32_t payload_crc = 0;
  Index index;
  Term term;
  uint64_t batch = 0;     // records written by one call have one number; grows
  Position synced;        // everything before it was durable when this was written
  uint32_t previous = 0;  // the chain: header checksum of the record before
  uint32_t crc = 0;       // of this header; set by Encode and Decode
};

// The newest place known to be durable, written without a sync of its own: after a crash of the process alone it
// proves what must be there.
struct Watermark {
  Position synced;
};

// Bytes of a record with its payload, padded.
uint64_t RecordBytes(uint64_t payload_bytes);

std::string EncodeSegmentHeader(SegmentHeader& header);
// None: not a header of this format, or damaged.
std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view bytes);

// Appends header, payload and padding to `out`; fills in the lengths and checksums of `header`.
void AppendRecord(std::string& out, RecordHeader& header, std::string_view payload, uint32_t salt);
// The record that begins at `bytes`. None if header or payload is not whole; the chain is the caller's business.
struct DecodedRecord {
  RecordHeader header;
  std::string_view payload;
};
std::optional<DecodedRecord> DecodeRecord(std::string_view bytes, uint32_t salt);

// Whole small files. Decoding errors: kDataLoss naming `path`, or kUnsupported for a newer format.
std::string EncodeMeta(const Identity& identity);
Result<Identity> DecodeMeta(std::string_view bytes, const std::string& path);
std::string EncodeHardState(const Identity& identity, const HardState& state, uint64_t writes);
struct StoredHardState {
  HardState state;
  uint64_t writes = 0;  // counts the file's writes
};
Result<StoredHardState> DecodeHardState(std::string_view bytes, const Identity& identity, const std::string& path);
std::string EncodeWatermark(const Watermark& watermark);
std::optional<Watermark> DecodeWatermark(std::string_view bytes);

// The head of a snapshot file; parts and foot follow.
inline constexpr size_t kSnapshotHeaderBytes = 72;
inline constexpr size_t kSnapshotFootBytes = 16;
inline constexpr size_t kSnapshotPartBytes = 1u << 20;
std::string EncodeSnapshot(const Identity& identity, const SnapshotMeta& meta, std::string_view payload);
struct DecodedSnapshot {
  SnapshotMeta meta;
  std::string payload;
};
// Whose snapshot these bytes are; none if they do not begin as one.
std::optional<Identity> IdentityOfSnapshot(std::string_view bytes);
Result<DecodedSnapshot> DecodeSnapshot(std::string_view bytes, const Identity& identity, const std::string& path);

}  // namespace mr::raft
