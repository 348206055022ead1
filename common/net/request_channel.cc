#include <utility>

#include "common/base/strings.h"
#include "common/net/endpoint.h"
#include "common/net/zmq_socket.h"
#include "common/wire/control.h"

namespace mr::net {

using zmq_internal::SendResult;

Result<std::unique_ptr<RequestChannel>> RequestChannel::Connect(NetContext& context,
                                                                const std::string& endpoint) {
  const zmq_internal::SocketLimits limits{
      .max_message_bytes = static_cast<int64_t>(wire::kMaxMessageBytes),
      .send_queue = 4,
      .receive_queue = 4,
      .linger_ms = 0,
      .ping_ttl_ms = 0};
  const auto [address, named_key] = SplitServerKey(endpoint);
  const std::string& known_key = context.impl().security.server_key;
  if (!named_key.empty() && !known_key.empty() && named_key != known_key) {
    return Fail(ErrorCode::kPermission,
                StrCat("the coordinator at ", address, " goes by the public key ", named_key,
                       ", but \"server\" in the key file says ", known_key,
                       ": is it the right coordinator, and the right key file?"));
  }
  MR_ASSIGN_OR_RETURN(zmq::socket_t socket, zmq_internal::MakeClientSocket(
                                                context, zmq::socket_type::req, limits, address,
                                                named_key.empty() ? known_key : named_key));
  auto impl = std::make_unique<Impl>();
  impl->socket = std::move(socket);
  MR_ASSIGN_OR_RETURN(impl->monitor, zmq_internal::MonitorDisconnects(context, impl->socket));
  impl->endpoint = address;
  return std::make_unique<RequestChannel>(std::move(impl));
}

RequestChannel::RequestChannel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RequestChannel::~RequestChannel() { zmq_internal::EndMonitor(impl_->socket); }
const std::string& RequestChannel::endpoint() const { return impl_->endpoint; }

Status RequestChannel::Send(std::string_view bytes) {
  // The server would close the connection over it, without a word.
  if (bytes.size() > wire::kMaxMessageBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("a request of ", FormatSize(bytes.size()), " is above the limit of ",
                       FormatSize(wire::kMaxMessageBytes)));
  }
  impl_->wants_to_send = false;
  switch (
      zmq_internal::SendFrame(impl_->socket, zmq::message_t(bytes.data(), bytes.size()), false)) {
    case SendResult::kSent:
      impl_->overtaken = impl_->overtaken || impl_->in_flight;
      impl_->in_flight = true;
      return {};
    case SendResult::kClosed:
      return Fail(ErrorCode::kCancelled, "the network is shut down");
    case SendResult::kFull:
    case SendResult::kNoPeer:
      break;
  }
  impl_->wants_to_send = true;
  return Fail(ErrorCode::kUnavailable, StrCat("not connected to ", impl_->endpoint));
}

void RequestChannel::HearMonitor() {
  zmq::message_t frame;
  while (zmq_internal::ReceiveFrame(impl_->monitor, frame)) {
    impl_->lost = true;  // there is no other kind of event
    zmq_internal::DrainParts(impl_->monitor, frame);
  }
}

bool RequestChannel::TakeLost() {
  HearMonitor();
  return std::exchange(impl_->lost, false) && !impl_->overtaken;
}

std::optional<std::string> RequestChannel::Receive() {
  HearMonitor();
  zmq::message_t frame;
  // DONTWAIT even after POLLIN: a stale reply raises it, and is then dropped inside.
  if (!zmq_internal::ReceiveFrame(impl_->socket, frame)) return std::nullopt;
  if (frame.more()) {
    zmq_internal::DrainParts(impl_->socket, frame);
    return std::nullopt;  // our server answers in one part
  }
  impl_->in_flight = false;
  return std::string(zmq_internal::View(frame));
}

}  // namespace mr::net
