#include "coordinator/raft/log_format.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/base/logging.h"
#include "common/base/strings.h"
#include "coordinator/raft/crc32c.h"

namespace mr::raft {
namespace {

static_assert(std::endian::native == std::endian::little, "the files are little-endian");

constexpr std::string_view kSegmentMagic = "MRLOGSEG";
constexpr std::string_view kMetaMagic = "MRLOGMET";
constexpr std::string_view kHardStateMagic = "MRLOGHST";
constexpr std::string_view kWatermarkMagic = "MRLOGMRK";
constexpr std::string_view kSnapshotMagic = "MRLOGSNP";
constexpr std::string_view kSnapshotEnd = "PNSGOLRM";
constexpr uint32_t kRecordMagic = 0x4352524d;  // "MRRC"

template <class T>
void Put(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof bytes);
}

void Put(std::string& out, const Identity& identity) {
  out.append(identity.cluster.data(), identity.cluster.size());
  Put(out, identity.node.value);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  template <class T>
  T Take() {
    T value{};
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return value;
  }
  Identity TakeIdentity() {
    Identity identity;
    identity.cluster = Take<std::array<char, 16>>();
    identity.node.value = Take<uint64_t>();
    return identity;
  }
  std::string_view TakeBytes(size_t count) {
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }

 private:
  std::string_view bytes_;
};

// Appends the checksum of everything in `out` so far.
uint32_t Seal(std::string& out, uint32_t seed = 0) {
  const uint32_t crc = Crc32c(out, seed);
  Put(out, crc);
  return crc;
}

// The last four bytes are the checksum of those before.
bool IsSealed(std::string_view bytes) {
  uint32_t crc = 0;
  std::memcpy(&crc, bytes.data() + bytes.size() - sizeof crc, sizeof crc);
  return crc == Crc32c(bytes.substr(0, bytes.size() - sizeof crc));
}

tl::unexpected<Error> Damaged(const std::string& path, std::string_view what) {
  return Fail(ErrorCode::kDataLoss,
              StrCat(path, ": ", what, ". Restore the directory from a copy; nothing was changed"));
}

// Checks magic, length and checksum of a small file with one seal at its end; skips magic and version.
Result<Reader> OpenSmall(std::string_view bytes, std::string_view magic, size_t size,
                         const std::string& path) {
  if (bytes.size() != size || !bytes.starts_with(magic) || !IsSealed(bytes))
    return Damaged(path, StrCat("its ", bytes.size(), " bytes are damaged"));
  Reader reader(bytes.substr(magic.size()));
  if (const auto version = reader.Take<uint32_t>(); version != kFormatVersion) {
    return Fail(ErrorCode::kUnsupported,
                StrCat(path, " has format ", version, ", this program reads format ", kFormatVersion,
                       "; use the version that wrote it"));
  }
  return reader;
}

Status CheckIdentity(const Identity& found, const Identity& expected, const std::string& path) {
  if (found == expected) return {};
  return Damaged(path, "it belongs to another coordinator");
}

}  // namespace

uint64_t RecordBytes(uint64_t payload_bytes) {
  return kRecordHeaderBytes + (payload_bytes + 7) / 8 * 8;
}

std::string EncodeSegmentHeader(SegmentHeader& header) {
  std::string out(kSegmentMagic);
  Put(out, kFormatVersion);
  Put(out, uint32_t{0});
  Put(out, header.identity);
  Put(out, header.sequence);
  Put(out, header.base_index.value);
  Put(out, header.base_term.value);
  Put(out, header.salt);
  Put(out, header.previous);
  Put(out, uint64_t{0});
  Put(out, uint32_t{0});
  header.crc = Seal(out);
  CHECK_EQ(out.size(), kSegmentHeaderBytes);
  return out;
}

std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes) return std::nullopt;
  bytes = bytes.substr(0, kSegmentHeaderBytes);
  if (!bytes.starts_with(kSegmentMagic) || !IsSealed(bytes)) return std::nullopt;
  Reader reader(bytes.substr(kSegmentMagic.size()));
  if (reader.Take<uint32_t>() != kFormatVersion) return std::nullopt;
  reader.Take<uint32_t>();
  SegmentHeader header;
  header.identity = reader.TakeIdentity();
  header.sequence = reader.Take<uint64_t>();
  header.base_index.value = reader.Take<uint64_t>();
  header.base_term.value = reader.Take<uint64_t>();
  header.salt = reader.Take<uint32_t>();
  header.previous = reader.Take<uint32_t>();
  reader.Take<uint64_t>();
  reader.Take<uint32_t>();
  header.crc = reader.Take<uint32_t>();
  return header;
}

void AppendRecord(std::string& out, RecordHeader& header, std::string_view payload, uint32_t salt) {
  header.payload_bytes = static_cast<uint32_t>(payload.size());
  header.payload_crc = Crc32c(payload, salt);
  std::string head;
  Put(head, kRecordMagic);
  Put(head, static_cast<uint8_t>(header.type));
  Put(head, static_cast<uint8_t>(header.kind));
  Put(head, uint16_t{0});
  Put(head, header.payload_bytes);
  Put(head, header.payload_crc);
  Put(head, header.index.value);
  Put(head, header.term.value);
  Put(head, header.batch);
  Put(head, header.synced.segment);
  Put(head, header.synced.offset);
  Put(head, header.previous);
  header.crc = Seal(head, salt);
  CHECK_EQ(head.size(), kRecordHeaderBytes);
  out += head;
  out += payload;
  out.append(RecordBytes(payload.size()) - kRecordHeaderBytes - payload.size(), '\0');
}

std::optional<DecodedRecord> DecodeRecord(std::string_view bytes, uint32_t salt) {
  if (bytes.size() < kRecordHeaderBytes) return std::nullopt;
  Reader reader(bytes);
  if (reader.Take<uint32_t>() != kRecordMagic) return std::nullopt;
  DecodedRecord record;
  RecordHeader& header = record.header;
  const auto type = reader.Take<uint8_t>();
  const auto kind = reader.Take<uint8_t>();
  reader.Take<uint16_t>();
  header.payload_bytes = reader.Take<uint32_t>();
  header.payload_crc = reader.Take<uint32_t>();
  header.index.value = reader.Take<uint64_t>();
  header.term.value = reader.Take<uint64_t>();
  header.batch = reader.Take<uint64_t>();
  header.synced.segment = reader.Take<uint64_t>();
  header.synced.offset = reader.Take<uint64_t>();
  header.previous = reader.Take<uint32_t>();
  header.crc = reader.Take<uint32_t>();
  if (header.crc != Crc32c(bytes.substr(0, kRecordHeaderBytes - sizeof header.crc), salt))
    return std::nullopt;
  if (type < 1 || type > 3 || kind < 1 || kind > 3) return std::nullopt;
  if (RecordBytes(header.payload_bytes) > bytes.size()) return std::nullopt;
  header.type = static_cast<RecordType>(type);
  header.kind = static_cast<EntryKind>(kind);
  record.payload = bytes.substr(kRecordHeaderBytes, header.payload_bytes);
  if (header.payload_crc != Crc32c(record.payload, salt)) return std::nullopt;
  // Padding carries no meaning, but a record is whole or it is not.
  const std::string_view padding =
      bytes.substr(kRecordHeaderBytes + header.payload_bytes,
                   RecordBytes(header.payload_bytes) - kRecordHeaderBytes - header.payload_bytes);
  if (std::any_of(padding.begin(), padding.end(), [](char c) { return c != 0; })) return std::nullopt;
  return record;
}

std::string EncodeMeta(const Identity& identity) {
  std::string out(kMetaMagic);
  Put(out, kFormatVersion);
  Put(out, identity);
  Seal(out);
  return out;
}

Result<Identity> DecodeMeta(std::string_view bytes, const std::string& path) {
  MR_ASSIGN_OR_RETURN(Reader reader, OpenSmall(bytes, kMetaMagic, 40, path));
  return reader.TakeIdentity();
}

std::string EncodeHardState(const Identity& identity, const HardState& state, uint64_t writes) {
  std::string out(kHardStateMagic);
  Put(out, kFormatVersion);
  Put(out, identity);
  Put(out, state.term.value);
  Put(out, state.voted_for.value);
  Put(out, writes);
  Seal(out);
  return out;
}

Result<StoredHardState> DecodeHardState(std::string_view bytes, const Identity& identity,
                                        const std::string& path) {
  MR_ASSIGN_OR_RETURN(Reader reader, OpenSmall(bytes, kHardStateMagic, 64, path));
  MR_RETURN_IF_ERROR(CheckIdentity(reader.TakeIdentity(), identity, path));
  StoredHardState stored;
  stored.state.term.value = reader.Take<uint64_t>();
  stored.state.voted_for.value = reader.Take<uint64_t>();
  stored.writes = reader.Take<uint64_t>();
  return stored;
}

std::string EncodeWatermark(const Watermark& watermark) {
  std::string out(kWatermarkMagic);
  Put(out, watermark.synced.segment);
  Put(out, watermark.synced.offset);
  Put(out, uint32_t{0});
  Seal(out);
  return out;
}

std::optional<Watermark> DecodeWatermark(std::string_view bytes) {
  if (bytes.size() != 32 || !bytes.starts_with(kWatermarkMagic) || !IsSealed(bytes))
    return std::nullopt;
  Reader reader(bytes.substr(kWatermarkMagic.size()));
  Watermark watermark;
  watermark.synced.segment = reader.Take<uint64_t>();
  watermark.synced.offset = reader.Take<uint64_t>();
  return watermark;
}

std::string EncodeSnapshot(const Identity& identity, const SnapshotMeta& meta,
                           std::string_view payload) {
  std::string out(kSnapshotMagic);
  Put(out, kFormatVersion);
  Put(out, uint32_t{0});
  Put(out, identity);
  Put(out, meta.index.value);
  Put(out, meta.term.value);
  Put(out, static_cast<uint64_t>(payload.size()));
  Put(out, uint32_t{0});
  Seal(out);
  CHECK_EQ(out.size(), kSnapshotHeaderBytes);
  out.reserve(out.size() + payload.size() + payload.size() / 1000 + kSnapshotFootBytes + 8);
  uint32_t whole = Crc32c(out);
  for (size_t at = 0; at < payload.size(); at += kSnapshotPartBytes) {
    const std::string_view part = payload.substr(at, kSnapshotPartBytes);
    const uint32_t crc = Crc32c(part, whole);  // chained: parts cannot change places
    out += part;
    Put(out, crc);
    whole = crc;
  }
  out += kSnapshotEnd;
  Put(out, whole);
  Put(out, Crc32c(kSnapshotEnd, whole));
  return out;
}

std::optional<Identity> IdentityOfSnapshot(std::string_view bytes) {
  if (bytes.size() < kSnapshotHeaderBytes || !bytes.starts_with(kSnapshotMagic)) return std::nullopt;
  Reader reader(bytes.substr(kSnapshotMagic.size() + 2 * sizeof(uint32_t)));
  return reader.TakeIdentity();
}

Result<DecodedSnapshot> DecodeSnapshot(std::string_view bytes, const Identity& identity,
                                       const std::string& path) {
  if (bytes.size() < kSnapshotHeaderBytes + kSnapshotFootBytes ||
      !bytes.starts_with(kSnapshotMagic) || !IsSealed(bytes.substr(0, kSnapshotHeaderBytes))) {
    return Damaged(path, "its head is damaged");
  }
  Reader reader(bytes.substr(kSnapshotMagic.size()));
  if (const auto version = reader.Take<uint32_t>(); version != kFormatVersion) {
    return Fail(ErrorCode::kUnsupported,
                StrCat(path, " has format ", version, ", this program reads format ", kFormatVersion));
  }
  reader.Take<uint32_t>();
  MR_RETURN_IF_ERROR(CheckIdentity(reader.TakeIdentity(), identity, path));
  DecodedSnapshot snapshot;
  snapshot.meta.index.value = reader.Take<uint64_t>();
  snapshot.meta.term.value = reader.Take<uint64_t>();
  const auto payload_bytes = reader.Take<uint64_t>();
  uint32_t whole = Crc32c(bytes.substr(0, kSnapshotHeaderBytes));
  std::string_view rest = bytes.substr(kSnapshotHeaderBytes);
  while (snapshot.payload.size() < payload_bytes) {
    const size_t want = std::min<uint64_t>(kSnapshotPartBytes, payload_bytes - snapshot.payload.size());
    if (rest.size() < want + sizeof(uint32_t)) return Damaged(path, "it ends too early");
    const std::string_view part = rest.substr(0, want);
    uint32_t crc = 0;
    std::memcpy(&crc, rest.data() + want, sizeof crc);
    if (crc != Crc32c(part, whole))
      return Damaged(path, StrCat("the part at byte ", bytes.size() - rest.size(), " is damaged"));
    whole = crc;
    snapshot.payload += part;
    rest.remove_prefix(want + sizeof crc);
  }
  std::string foot(kSnapshotEnd);
  Put(foot, whole);
  Put(foot, Crc32c(kSnapshotEnd, whole));
  if (rest != foot) return Damaged(path, "its end is damaged");
  return snapshot;
}

}  // namespace mr::raft
