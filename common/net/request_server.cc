#include <array>

#include "common/base/strings.h"
#include "common/net/zmq_socket.h"
#include "common/wire/control.h"

namespace mr::net {
namespace {

using zmq_internal::SendResult;

// A REQ socket sends [its id][correlation id][empty][body]: everything up to the empty part is the
// envelope.
constexpr size_t kMaxEnvelopeFrames = 4;
constexpr size_t kMaxEnvelopeFrameBytes = 255;  // the longest routing id there is

// Each frame as its length (one byte) and its bytes; the empty one is left out.
void AppendFrame(std::string& envelope, std::string_view frame) {
  envelope.push_back(static_cast<char>(frame.size()));
  envelope.append(frame);
}

// The envelope of the message whose first frame is `frame`; stops at the empty part. False: not of
// a REQ.
bool ReceiveEnvelope(zmq::socket_t& socket, zmq::message_t& frame, std::string& envelope) {
  for (size_t count = 0; frame.more(); ++count) {
    if (frame.size() == 0 && count > 0) return true;
    if (count == kMaxEnvelopeFrames || frame.size() > kMaxEnvelopeFrameBytes) return false;
    AppendFrame(envelope, zmq_internal::View(frame));
    if (!zmq_internal::ReceiveFrame(socket, frame)) return false;
  }
  return false;
}

}  // namespace

Result<std::unique_ptr<RequestServer>> RequestServer::Bind(
    NetContext& context, const std::vector<std::string>& endpoints) {
  // Short queues: an honest client has one request under way, the others shall not fill the memory.
  // The last replies have a second to leave.
  const zmq_internal::SocketLimits limits{
      .max_message_bytes = static_cast<int64_t>(wire::kMaxMessageBytes),
      .send_queue = 8,
      .receive_queue = 8,
      .linger_ms = 1000,
      .ping_every_ms = 30'000};
  auto impl = std::make_unique<Impl>();
  MR_ASSIGN_OR_RETURN(impl->socket,
                      zmq_internal::MakeServerSocket(context, limits, endpoints, &impl->endpoints));
  return std::make_unique<RequestServer>(std::move(impl));
}

RequestServer::RequestServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RequestServer::~RequestServer() = default;
const std::vector<std::string>& RequestServer::endpoints() const { return impl_->endpoints; }

std::optional<RequestServer::Incoming> RequestServer::Receive() {
  zmq::message_t frame;
  while (zmq_internal::ReceiveFrame(impl_->socket, frame)) {
    Incoming incoming;
    const bool enveloped = ReceiveEnvelope(impl_->socket, frame, incoming.token.envelope);
    if (enveloped && zmq_internal::ReceiveFrame(impl_->socket, frame) && !frame.more()) {
      // Copied: a small frame would pin the whole buffer it was read with.
      incoming.bytes.assign(zmq_internal::View(frame));
      return incoming;
    }
    zmq_internal::DrainParts(impl_->socket, frame);  // dropped, whole
  }
  return std::nullopt;
}

Status RequestServer::Reply(const ReplyToken& token, std::string_view bytes) {
  if (bytes.size() > wire::kMaxMessageBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("an answer of ", FormatSize(bytes.size()), " is above the limit of ",
                       FormatSize(wire::kMaxMessageBytes)));
  }
  std::string_view rest = token.envelope;
  bool first = true;
  while (!rest.empty()) {
    const size_t size = static_cast<uint8_t>(rest.front());
    if (size >= rest.size()) break;  // not one of our tokens
    const SendResult sent =
        zmq_internal::SendFrame(impl_->socket, zmq::message_t(rest.data() + 1, size), true);
    // Only the first part can be refused: with it the peer and a place in its queue are chosen.
    if (first && sent == SendResult::kNoPeer)
      return Fail(ErrorCode::kUnavailable, "the client is gone");
    if (first && sent == SendResult::kFull)
      return Fail(ErrorCode::kUnavailable, "the client does not read its answers");
    if (sent != SendResult::kSent) return Fail(ErrorCode::kCancelled, "the network is shut down");
    first = false;
    rest.remove_prefix(1 + size);
  }
  if (first) return Fail(ErrorCode::kInvalidArgument, "an empty reply token");
  zmq_internal::SendFrame(impl_->socket, zmq::message_t(), true);
  zmq_internal::SendFrame(impl_->socket, zmq::message_t(bytes.data(), bytes.size()), false);
  return {};
}

}  // namespace mr::net
