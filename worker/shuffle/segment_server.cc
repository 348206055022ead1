#include "worker/shuffle/segment_server.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "common/base/clock.h"
#include "common/base/logging.h"
#include "common/base/strings.h"
#include "common/net/data_channel.h"
#include "common/net/waker.h"
#include "worker/shuffle/protocol.h"
#include "worker/shuffle/run_files.h"

namespace mr::worker {
namespace {

constexpr int kServerKey = 0;
constexpr int kWakerKey = 1;
constexpr size_t kMaxOpenRuns = 256;
constexpr size_t kMaxPeers = 1024;     // with a fetch under way
constexpr int kMessagesPerTurn = 256;  // read before pieces are sent again
constexpr int kPiecesPerTurn = 4;      // to each peer, before messages are read again
constexpr size_t kUsualHeaderBytes = 4096;
constexpr Duration kSweepEvery = std::chrono::seconds(1);
constexpr Duration kForgetRunAfter = std::chrono::seconds(30);
constexpr Duration kForgetPeerAfter = std::chrono::seconds(60);  // fetchers ping twice a second

}  // namespace

// What one connection has asked for.
struct FetchingPeer {
  uint64_t fetch_id = 0;
  uint32_t credits = 0;
  uint32_t partition = 0;
  std::vector<FetchSource> sources;
  uint32_t next = 0;    // the source that is being sent
  uint64_t offset = 0;  // of the next byte in its segment
  Time heard;

  bool Sendable() const { return credits > 0 && next < sources.size(); }
};

namespace {

// A part of a piece, before its bytes are read.
struct PlannedPart {
  PiecePart part;
  std::shared_ptr<const OpenRun> run;
  uint64_t file_offset = 0;
  std::string text;  // instead of bytes from the file, unless status is kBytes
};

PlannedPart RefusedPart(uint32_t source, const Error& error) {
  PlannedPart planned;
  planned.part.source = source;
  planned.part.status = error.code == ErrorCode::kNotFound   ? PartStatus::kNotHere
                        : error.code == ErrorCode::kDataLoss ? PartStatus::kDamaged
                                                             : PartStatus::kUnreadable;
  planned.text = error.text.substr(0, 1000);
  planned.part.length = static_cast<uint32_t>(planned.text.size());
  return planned;
}

std::string HeaderOf(uint64_t fetch_id, const std::vector<PlannedPart>& planned) {
  ServerMessage message;
  message.kind = ShuffleKind::kPiece;
  message.fetch_id = fetch_id;
  for (const PlannedPart& part : planned) message.parts.push_back(part.part);
  return EncodeHeader(message);
}

// Appends the part's bytes to `out`, which has room for them.
Status AppendBytes(const PlannedPart& planned, net::DataPiece& out) {
  if (planned.part.status != PartStatus::kBytes) {
    out.Append(planned.text);
    return {};
  }
  const std::span<char> buffer(out.data() + out.size(), planned.part.length);
  const Result<size_t> got = planned.run->file->ReadAt(planned.file_offset, buffer);
  if (got && *got == buffer.size()) {
    out.set_size(out.size() + buffer.size());
    return {};
  }
  if (!got) return Fail(got.error());
  return Fail(ErrorCode::kDataLoss, StrCat(planned.run->file->path(), " has become shorter"));
}

}  // namespace

struct SegmentServer::Impl {
  Impl(Env& env, const std::vector<std::string>& output_dirs) : runs(env, output_dirs, kMaxOpenRuns) {}

  void Loop();
  void Handle(net::DataServer::Incoming incoming, Time now);
  void Pong(const std::string& peer, uint64_t fetch_id, bool known);
  void SendPieces(Time now);
  bool SendRound(Time now);
  net::DataPiece NextPiece(FetchingPeer& peer, Time now);
  net::DataPiece PieceOf(std::string_view header, size_t bytes);
  PlannedPart PlanPart(const FetchingPeer& peer, uint64_t room, Time now);
  void Sweep(Time now);

  RunFileCache runs;
  std::unique_ptr<net::DataServer> server;
  std::unique_ptr<net::Waker> waker;
  std::map<std::string, FetchingPeer> peers;
  Time next_sweep;
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> sent_bytes{0};
  std::thread thread;
};

Result<std::unique_ptr<SegmentServer>> SegmentServer::Start(net::NetContext& context, Env& env,
                                                            const std::string& listen_endpoint,
                                                            const std::string& advertise_host,
                                                            const std::vector<std::string>& output_dirs) {
  auto impl = std::make_unique<Impl>(env, output_dirs);
  MR_ASSIGN_OR_RETURN(impl->server, net::DataServer::Bind(context, listen_endpoint));
  MR_ASSIGN_OR_RETURN(impl->waker, net::Waker::Create());
  const std::string& bound = impl->server->endpoint();
  if (!advertise_host.empty()) {
    impl->server->AdvertiseAs(advertise_host);
  } else if (bound.starts_with("tcp://0.0.0.0:") || bound.starts_with("tcp://[::]:")) {
    return Fail(
        ErrorCode::kInvalidArgument,
        StrCat("the segment server listens on all interfaces (", listen_endpoint,
               "), so other workers must be told the name of this host: give a host to advertise"));
  }
  impl->thread = std::thread([raw = impl.get()] { raw->Loop(); });
  return std::make_unique<SegmentServer>(std::move(impl));
}

SegmentServer::SegmentServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

SegmentServer::~SegmentServer() {
  impl_->stop = true;
  impl_->waker->Wake();
  impl_->thread.join();
}

const std::string& SegmentServer::endpoint() const { return impl_->server->endpoint(); }
uint64_t SegmentServer::sent_bytes() const {
  return impl_->sent_bytes.load(std::memory_order_relaxed);
}

void SegmentServer::Impl::Loop() {
  net::Poller poller;
  poller.Add(*server, kServerKey);
  poller.AddFd(waker->descriptor(), kWakerKey);
  const SystemClock clock;
  while (!stop) {
    const bool busy = std::any_of(peers.begin(), peers.end(),
                                  [](const auto& each) { return each.second.Sendable(); });
    if (const auto ready = poller.Wait(busy ? Duration::zero() : kSweepEvery); !ready) {
      if (ready.error().code != ErrorCode::kCancelled)
        LOG(ERROR) << "segment server ends: " << ready.error().text;
      return;
    }
    const Time now = clock.Read().mono;
    for (int i = 0; i < kMessagesPerTurn; ++i) {
      auto incoming = server->Receive();
      if (!incoming) break;
      Handle(std::move(*incoming), now);
    }
    SendPieces(now);
    Sweep(now);
  }
}

void SegmentServer::Impl::Handle(net::DataServer::Incoming incoming, Time now) {
  Result<FetchMessage> message = DecodeFetchMessage(incoming.bytes);
  if (!message) {
    LOG_EVERY_N(WARNING, 100) << "dropped a message to the segment server: "
                              << message.error().text;
    return;
  }
  const auto found = peers.find(incoming.peer);
  const bool known = found != peers.end() && found->second.fetch_id == message->fetch_id;
  if (found != peers.end()) found->second.heard = now;
  switch (message->kind) {
    case ShuffleKind::kFetch: {
      // Too many: the fetcher's pings are answered with "unknown", so it asks again later.
      if (found == peers.end() && peers.size() >= kMaxPeers) return;
      FetchingPeer& peer = peers[incoming.peer];
      peer = FetchingPeer{};
      peer.fetch_id = message->fetch_id;
      peer.credits = message->credits;
      peer.partition = message->partition;
      peer.sources = std::move(message->sources);
      peer.offset = peer.sources.front().resume_at;
      peer.heard = now;
      return;
    }
    case ShuffleKind::kCredit:
      if (!known) return;
      found->second.credits = static_cast<uint32_t>(
          std::min<uint64_t>(uint64_t{found->second.credits} + message->credits, kMaxCredits));
      return;
    default:
      Pong(incoming.peer, message->fetch_id, known);
  }
}

void SegmentServer::Impl::Pong(const std::string& peer, uint64_t fetch_id, bool known) {
  ServerMessage message;
  message.kind = ShuffleKind::kPong;
  message.fetch_id = fetch_id;
  message.known = known;
  (void)server->Send(peer, EncodeHeader(message));  // a peer that is gone or full needs no answer
}

// One piece to each peer that has a credit for it, a few times: nobody waits for a big segment of somebody else.
void SegmentServer::Impl::SendPieces(Time now) {
  for (int round = 0; round < kPiecesPerTurn; ++round) {
    if (!SendRound(now)) return;
  }
}

// Whether somebody got a piece.
bool SegmentServer::Impl::SendRound(Time now) {
  bool any = false;
  for (auto each = peers.begin(); each != peers.end();) {
    FetchingPeer& peer = each->second;
    if (peer.Sendable()) {
      any = true;
      --peer.credits;
      net::DataPiece piece = NextPiece(peer, now);
      const size_t bytes = piece.size();
      if (server->Send(each->first, std::move(piece))) {
        sent_bytes.fetch_add(bytes, std::memory_order_relaxed);
      } else {
        // Gone, or it gives credits without reading: it can come back and ask anew.
        each = peers.erase(each);
        continue;
      }
    }
    ++each;
  }
  return any;
}

// What to send next of the peer's current source, at most `room` bytes.
PlannedPart SegmentServer::Impl::PlanPart(const FetchingPeer& peer, uint64_t room, Time now) {
  const FetchSource& source = peer.sources[peer.next];
  auto run = runs.Open(source.attempt, now);
  if (!run) return RefusedPart(peer.next, run.error());
  const auto extent = ExtentOf(**run, peer.partition);
  if (!extent) return RefusedPart(peer.next, extent.error());
  if (peer.offset > extent->bytes) {
    return RefusedPart(peer.next, Error{ErrorCode::kDataLoss,
                                        StrCat((*run)->file->path(), " has ", extent->bytes,
                                               " bytes in that partition, fewer than before")});
  }
  PlannedPart planned;
  planned.part.source = peer.next;
  planned.part.segment_bytes = extent->bytes;
  planned.part.offset = peer.offset;
  planned.part.length = static_cast<uint32_t>(std::min(room, extent->bytes - peer.offset));
  planned.file_offset = extent->offset + peer.offset;
  planned.run = std::move(*run);
  return planned;
}

// With `header` in it and room for `bytes` more. All have the same capacity but for rare larger ones, so that the pool's
// fit.
net::DataPiece SegmentServer::Impl::PieceOf(std::string_view header, size_t bytes) {
  net::DataPiece piece = server->MakePiece(std::max<size_t>(header.size() + bytes, kPieceBytes + kUsualHeaderBytes));
  piece.Append(header);
  return piece;
}

net::DataPiece SegmentServer::Impl::NextPiece(FetchingPeer& peer, Time now) {
  std::vector<PlannedPart> planned;
  uint64_t room = kPieceBytes;
  while (room > 0 && peer.next < peer.sources.size()) {
    PlannedPart part = PlanPart(peer, room, now);
    room -= std::min<uint64_t>(room, part.part.length);
    peer.offset += part.part.length;
    const bool over =
        part.part.status != PartStatus::kBytes || peer.offset == part.part.segment_bytes;
    planned.push_back(std::move(part));
    if (!over) break;
    ++peer.next;
    peer.offset = peer.next < peer.sources.size() ? peer.sources[peer.next].resume_at : 0;
  }
  const std::string header = HeaderOf(peer.fetch_id, planned);
  size_t bytes = 0;
  for (const PlannedPart& part : planned) bytes += part.part.length;
  net::DataPiece piece = PieceOf(header, bytes);
  for (size_t i = 0; i < planned.size(); ++i) {
    const Status appended = AppendBytes(planned[i], piece);
    if (appended) continue;
    // The disk failed under a part that the header has announced: say so instead, and go on behind
    // it.
    const uint32_t source = planned[i].part.source;
    planned.resize(i);
    planned.push_back(RefusedPart(source, appended.error()));
    peer.next = source + 1;
    peer.offset = peer.next < peer.sources.size() ? peer.sources[peer.next].resume_at : 0;
    const std::string_view read(piece.data() + header.size(), piece.size() - header.size());
    net::DataPiece other = PieceOf(HeaderOf(peer.fetch_id, planned), read.size() + planned.back().text.size());
    other.Append(read);
    other.Append(planned.back().text);
    return other;
  }
  if (peer.next == peer.sources.size())
    peer.sources = {};  // all sent: only the name is kept, for pings
  if (peer.sources.empty()) peer.next = 0;
  return piece;
}

void SegmentServer::Impl::Sweep(Time now) {
  if (now < next_sweep) return;
  next_sweep = now + kSweepEvery;
  runs.Sweep(now, kForgetRunAfter);
  std::erase_if(peers,
                [now](const auto& each) { return now - each.second.heard > kForgetPeerAfter; });
}

}  // namespace mr::worker
