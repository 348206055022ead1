#include "worker/shuffle/protocol.h"

#include <concepts>

#include "common/base/strings.h"

namespace mr::worker {
namespace {

constexpr std::string_view kMagic = "MRSF";
constexpr uint8_t kVersion = 1;
constexpr size_t kHeaderBytes = 14;
constexpr size_t kSourceBytes = 32;
constexpr size_t kPartBytes = 28;

template <std::unsigned_integral T>
void Put(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i)
    out.push_back(static_cast<char>(static_cast<uint64_t>(value) >> (8 * i)));
}

// Walks over a message whose size has been checked by the caller.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  template <std::unsigned_integral T>
  T Take() {
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof(T); ++i)
      value |= uint64_t{static_cast<uint8_t>(rest_[i])} << (8 * i);
    rest_.remove_prefix(sizeof(T));
    return static_cast<T>(value);
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

std::string Begin(ShuffleKind kind, uint64_t fetch_id) {
  std::string out(kMagic);
  Put(out, kVersion);
  Put(out, static_cast<uint8_t>(kind));
  Put(out, fetch_id);
  return out;
}

tl::unexpected<Error> Malformed(const char* what) {
  return Fail(ErrorCode::kInvalidArgument, StrCat("malformed shuffle message: ", what));
}

struct Header {
  ShuffleKind kind;
  uint64_t fetch_id;
  std::string_view body;
};

Result<Header> TakeHeader(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || !bytes.starts_with(kMagic))
    return Malformed("it does not start with MRSF");
  Reader reader(bytes.substr(kMagic.size()));
  const auto version = reader.Take<uint8_t>();
  if (version != kVersion) {
    return Fail(ErrorCode::kUnsupported,
                StrCat("the other side speaks version ", version, " of the shuffle, this program ",
                       kVersion, ": install the same version on all workers"));
  }
  const auto kind = static_cast<ShuffleKind>(reader.Take<uint8_t>());
  const auto fetch_id = reader.Take<uint64_t>();
  return Header{kind, fetch_id, reader.rest()};
}

Result<FetchMessage> DecodeFetch(const Header& header) {
  if (header.body.size() < 12) return Malformed("FETCH is cut short");
  Reader reader(header.body);
  FetchMessage message{.kind = header.kind,
                       .fetch_id = header.fetch_id,
                       .credits = 0,
                       .partition = 0,
                       .sources = {}};
  message.partition = reader.Take<uint32_t>();
  message.credits = reader.Take<uint32_t>();
  const auto count = reader.Take<uint32_t>();
  if (message.credits == 0 || message.credits > kMaxCredits)
    return Malformed("credits out of range");
  if (count == 0 || count > kMaxFetchSources) return Malformed("number of sources out of range");
  if (reader.rest().size() != count * kSourceBytes)
    return Malformed("FETCH has another size than its sources");
  message.sources.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    FetchSource source;
    source.attempt.task.job.value = reader.Take<uint64_t>();
    source.attempt.task.index = reader.Take<uint32_t>();
    source.attempt.number = reader.Take<uint32_t>();
    source.attempt.epoch = reader.Take<uint64_t>();
    source.resume_at = reader.Take<uint64_t>();
    message.sources.push_back(source);
  }
  return message;
}

Result<ServerMessage> DecodePiece(const Header& header) {
  if (header.body.size() < 4) return Malformed("PIECE is cut short");
  Reader reader(header.body);
  const auto count = reader.Take<uint32_t>();
  if (count == 0 || count > kMaxFetchSources) return Malformed("number of parts out of range");
  if (reader.rest().size() < count * kPartBytes) return Malformed("PIECE is cut short");
  ServerMessage message;
  message.kind = header.kind;
  message.fetch_id = header.fetch_id;
  message.parts.reserve(count);
  uint64_t total = 0;
  for (uint32_t i = 0; i < count; ++i) {
    PiecePart part;
    part.source = reader.Take<uint32_t>();
    part.status = static_cast<PartStatus>(reader.Take<uint32_t>());
    part.segment_bytes = reader.Take<uint64_t>();
    part.offset = reader.Take<uint64_t>();
    part.length = reader.Take<uint32_t>();
    if (part.status > PartStatus::kUnreadable) return Malformed("unknown status");
    const bool inside =
        part.offset <= part.segment_bytes && part.length <= part.segment_bytes - part.offset;
    if (part.status == PartStatus::kBytes && !inside)
      return Malformed("a part outside of its segment");
    total += part.length;
    message.parts.push_back(part);
  }
  if (reader.rest().size() != total) return Malformed("PIECE has another size than its parts");
  message.payload = reader.rest();
  return message;
}

}  // namespace

std::string Encode(const FetchMessage& message) {
  std::string out = Begin(message.kind, message.fetch_id);
  if (message.kind == ShuffleKind::kFetch) {
    out.reserve(out.size() + 12 + message.sources.size() * kSourceBytes);
    Put(out, message.partition);
  }
  if (message.kind != ShuffleKind::kPing) Put(out, message.credits);
  if (message.kind != ShuffleKind::kFetch) return out;
  Put(out, static_cast<uint32_t>(message.sources.size()));
  for (const FetchSource& source : message.sources) {
    Put(out, source.attempt.task.job.value);
    Put(out, source.attempt.task.index);
    Put(out, source.attempt.number);
    Put(out, source.attempt.epoch);
    Put(out, source.resume_at);
  }
  return out;
}

Result<FetchMessage> DecodeFetchMessage(std::string_view bytes) {
  MR_ASSIGN_OR_RETURN(const Header header, TakeHeader(bytes));
  FetchMessage message;
  message.kind = header.kind;
  message.fetch_id = header.fetch_id;
  switch (header.kind) {
    case ShuffleKind::kFetch:
      return DecodeFetch(header);
    case ShuffleKind::kCredit:
      if (header.body.size() != 4) return Malformed("CREDIT has another size");
      message.credits = Reader(header.body).Take<uint32_t>();
      return message;
    case ShuffleKind::kPing:
      if (!header.body.empty()) return Malformed("PING has another size");
      return message;
    default:
      return Malformed("not a kind that a fetcher sends");
  }
}

std::string EncodeHeader(const ServerMessage& message) {
  std::string out = Begin(message.kind, message.fetch_id);
  if (message.kind == ShuffleKind::kPong) {
    Put(out, static_cast<uint8_t>(message.known ? 1 : 0));
    return out;
  }
  Put(out, static_cast<uint32_t>(message.parts.size()));
  for (const PiecePart& part : message.parts) {
    Put(out, part.source);
    Put(out, static_cast<uint32_t>(part.status));
    Put(out, part.segment_bytes);
    Put(out, part.offset);
    Put(out, part.length);
  }
  return out;
}

Result<ServerMessage> DecodeServerMessage(std::string_view bytes) {
  MR_ASSIGN_OR_RETURN(const Header header, TakeHeader(bytes));
  if (header.kind == ShuffleKind::kPiece) return DecodePiece(header);
  if (header.kind != ShuffleKind::kPong) return Malformed("not a kind that a server sends");
  if (header.body.size() != 1) return Malformed("PONG has another size");
  if (static_cast<unsigned char>(header.body[0]) > 1) return Malformed("PONG says neither yes nor no");
  ServerMessage message;
  message.kind = header.kind;
  message.fetch_id = header.fetch_id;
  message.known = header.body[0] != 0;
  return message;
}

}  // namespace mr::worker
