#include "coordinator/replica/peer_message.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "common/base/strings.h"
#include "coordinator/raft/crc32c.h"

namespace mr::coordinator {
namespace {

static_assert(std::endian::native == std::endian::little, "messages are little-endian");

constexpr uint32_t kMagic = 0x4d505252;  // "RRPM"
constexpr uint16_t kVersion = 1;
constexpr size_t kHeaderBytes = 72;
constexpr size_t kCrcOffset = 68;

// The number of a kind of message never changes.
enum class Kind : uint8_t {
  kVoteRequest = 1,
  kVoteResponse = 2,
  kAppendRequest = 3,
  kAppendResponse = 4,
  kHeartbeat = 5,
  kHeartbeatResponse = 6,
  kSnapshotPart = 7,
  kSnapshotResponse = 8,
  kTimeoutNow = 9,
  kHello = 32,
  kPluginOffer = 33,
  kPluginAsk = 34,
  kPluginPart = 35,
};

class Writer {
 public:
  template <class T>
  void Put(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof value);
    out.append(bytes, sizeof bytes);
  }
  void Put(raft::Index index) { Put(index.value); }
  void Put(raft::Term term) { Put(term.value); }
  void Put(bool flag) { Put(static_cast<uint8_t>(flag)); }
  void Put(const std::string& bytes) {
    Put(static_cast<uint32_t>(bytes.size()));
    out += bytes;
  }
  std::string out;
};

// After the first thing that is not there everything reads as zero, and ok() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool ok() const { return ok_; }
  bool done() const { return ok_ && bytes_.empty(); }
  size_t left() const { return bytes_.size(); }
  void Refuse() { ok_ = false; }

  template <class T>
  T Take() {
    T value{};
    const std::string_view raw = TakeRaw(sizeof value);
    if (ok_) std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }
  void Take(uint64_t& value) { value = Take<uint64_t>(); }
  void Take(uint32_t& value) { value = Take<uint32_t>(); }
  void Take(raft::Index& index) { index.value = Take<uint64_t>(); }
  void Take(raft::Term& term) { term.value = Take<uint64_t>(); }
  void Take(bool& flag) {
    const auto byte = Take<uint8_t>();
    ok_ = ok_ && byte <= 1;
    flag = byte == 1;
  }
  void Take(std::string& bytes) { bytes = TakeRaw(Take<uint32_t>()); }

 private:
  std::string_view TakeRaw(size_t count) {
    ok_ = ok_ && count <= bytes_.size();
    if (!ok_) return {};
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  std::string_view bytes_;
  bool ok_ = true;
};

// One list of fields for both ways: `io` puts each, or takes each.
template <class Io, class M>
void Fields(Io&& io, M& m) {
  using T = std::remove_const_t<M>;
  if constexpr (std::is_same_v<T, raft::VoteRequest>) io(m.pre, m.transfer, m.last_index, m.last_term);
  if constexpr (std::is_same_v<T, raft::VoteResponse>) io(m.pre, m.granted);
  if constexpr (std::is_same_v<T, raft::AppendResponse>) io(m.request_prev, m.ok, m.match, m.hint_index, m.hint_term);
  if constexpr (std::is_same_v<T, raft::Heartbeat>) io(m.commit, m.read_seq);
  if constexpr (std::is_same_v<T, raft::HeartbeatResponse>) io(m.read_seq);
  if constexpr (std::is_same_v<T, raft::SnapshotPart>)
    io(m.meta.index, m.meta.term, m.offset, m.total_bytes, m.checksum, m.data);
  if constexpr (std::is_same_v<T, raft::SnapshotResponse>) io(m.meta.index, m.meta.term, m.next_offset, m.done);
  if constexpr (std::is_same_v<T, PeerHello>) io(m.client_endpoint, m.workers.counted_in, m.workers.alive);
  if constexpr (std::is_same_v<T, PluginOffer>) io(m.sha256, m.answer);
  if constexpr (std::is_same_v<T, PluginAsk>) io(m.sha256, m.offset);
  if constexpr (std::is_same_v<T, PluginPart>) io(m.sha256, m.total_bytes, m.offset, m.bytes);
}

template <class M>
void PutBody(Writer& writer, const M& body) {
  Fields([&](const auto&... field) { (writer.Put(field), ...); }, body);
}

void PutBody(Writer& writer, const raft::AppendRequest& body) {
  writer.Put(body.prev_index);
  writer.Put(body.prev_term);
  writer.Put(body.commit);
  writer.Put(static_cast<uint32_t>(body.entries.size()));
  for (const raft::EntryPtr& entry : body.entries) {
    writer.Put(entry->index);
    writer.Put(entry->term);
    writer.Put(static_cast<uint8_t>(entry->kind));
    writer.Put(entry->payload);
  }
}

template <class M>
M TakeBody(Reader& reader) {
  M body;
  Fields([&](auto&... field) { (reader.Take(field), ...); }, body);
  return body;
}

template <>
raft::AppendRequest TakeBody<raft::AppendRequest>(Reader& reader) {
  raft::AppendRequest body;
  reader.Take(body.prev_index);
  reader.Take(body.prev_term);
  reader.Take(body.commit);
  const auto count = reader.Take<uint32_t>();
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    auto entry = std::make_shared<raft::Entry>();
    reader.Take(entry->index);
    reader.Take(entry->term);
    entry->kind = static_cast<raft::EntryKind>(reader.Take<uint8_t>());
    if (entry->kind < raft::EntryKind::kCommand || entry->kind > raft::EntryKind::kMembers) reader.Refuse();
    reader.Take(entry->payload);
    body.entries.push_back(std::move(entry));
  }
  return body;
}

// Index in the variant of raft::Message::body, plus one, is the kind.
static_assert(std::is_same_v<std::variant_alternative_t<2, decltype(raft::Message::body)>, raft::AppendRequest>);
static_assert(std::is_same_v<std::variant_alternative_t<8, decltype(raft::Message::body)>, raft::TimeoutNow>);

Kind KindOf(const PeerBody& body) {
  if (const auto* message = std::get_if<raft::Message>(&body)) return static_cast<Kind>(message->body.index() + 1);
  return static_cast<Kind>(static_cast<size_t>(Kind::kHello) + body.index() - 1);
}

template <size_t... I>
bool TakeRaftBody(Reader& reader, size_t index, raft::Message& message, std::index_sequence<I...>) {
  using Body = decltype(raft::Message::body);
  return ((index == I ? (message.body = TakeBody<std::variant_alternative_t<I, Body>>(reader), true) : false) || ...);
}

std::optional<PeerBody> TakePeerBody(Reader& reader, Kind kind, raft::Message envelope) {
  switch (kind) {
    case Kind::kHello:
      return TakeBody<PeerHello>(reader);
    case Kind::kPluginOffer:
      return TakeBody<PluginOffer>(reader);
    case Kind::kPluginAsk:
      return TakeBody<PluginAsk>(reader);
    case Kind::kPluginPart:
      return TakeBody<PluginPart>(reader);
    default: {
      constexpr size_t kCount = std::variant_size_v<decltype(raft::Message::body)>;
      const bool known = TakeRaftBody(reader, static_cast<size_t>(kind) - 1, envelope, std::make_index_sequence<kCount>());
      return known ? std::optional<PeerBody>(std::move(envelope)) : std::nullopt;
    }
  }
}

tl::unexpected<Error> Bad(std::string text) { return Fail(ErrorCode::kInvalidArgument, std::move(text)); }

}  // namespace

std::string EncodePeerMessage(const PeerMessage& message) {
  const auto* of_raft = std::get_if<raft::Message>(&message.body);
  Writer writer;
  writer.Put(kMagic);
  writer.Put(kVersion);
  writer.Put(static_cast<uint8_t>(KindOf(message.body)));
  writer.Put(uint8_t{0});
  writer.Put(message.group);
  writer.Put(message.disk);
  writer.Put(message.from.value);
  writer.Put(message.to.value);
  writer.Put(of_raft == nullptr ? uint64_t{0} : of_raft->term.value);
  writer.Put(uint32_t{0});  // bytes of the body
  writer.Put(uint32_t{0});  // CRC, of everything but itself
  if (of_raft != nullptr) {
    std::visit([&](const auto& body) { PutBody(writer, body); }, of_raft->body);
  } else {
    std::visit(
        [&](const auto& body) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(body)>, raft::Message>) PutBody(writer, body);
        },
        message.body);
  }
  std::string bytes = std::move(writer.out);
  const auto length = static_cast<uint32_t>(bytes.size() - kHeaderBytes);
  std::memcpy(bytes.data() + kCrcOffset - sizeof length, &length, sizeof length);
  const uint32_t crc = raft::Crc32c(std::string_view(bytes).substr(kHeaderBytes),
                                    raft::Crc32c(std::string_view(bytes).substr(0, kCrcOffset)));
  std::memcpy(bytes.data() + kCrcOffset, &crc, sizeof crc);
  return bytes;
}

Result<PeerMessage> DecodePeerMessage(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) return Bad(StrCat("a message of ", bytes.size(), " bytes is shorter than its head"));
  Reader reader(bytes);
  if (reader.Take<uint32_t>() != kMagic) return Bad("this is no message of a coordinator's member");
  if (const auto version = reader.Take<uint16_t>(); version != kVersion)
    return Fail(ErrorCode::kUnsupported, StrCat("members speak version ", kVersion, ", this message is of version ", version,
                                                ": install the same version everywhere"));
  const auto kind = static_cast<Kind>(reader.Take<uint8_t>());
  (void)reader.Take<uint8_t>();
  PeerMessage message;
  message.group = reader.Take<GroupId>();
  message.disk = reader.Take<DiskId>();
  message.from.value = reader.Take<uint64_t>();
  message.to.value = reader.Take<uint64_t>();
  raft::Message envelope{message.from, message.to, {reader.Take<uint64_t>()}, {}};
  const auto length = reader.Take<uint32_t>();
  const auto crc = reader.Take<uint32_t>();
  if (length != reader.left()) return Bad(StrCat("a body of ", length, " bytes was announced, ", reader.left(), " came"));
  if (crc != raft::Crc32c(bytes.substr(kHeaderBytes), raft::Crc32c(bytes.substr(0, kCrcOffset))))
    return Bad("the checksum of a message is wrong");
  auto body = TakePeerBody(reader, kind, std::move(envelope));
  if (!body) return Bad(StrCat("messages of kind ", static_cast<int>(kind), " are not known here"));
  if (!reader.done()) return Bad(StrCat("a message of kind ", static_cast<int>(kind), " is not whole, or has more than it should"));
  message.body = std::move(*body);
  return message;
}

}  // namespace mr::coordinator
