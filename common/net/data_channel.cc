#include "common/net/data_channel.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/logging.h"
#include "common/base/mutex.h"
#include "common/base/strings.h"
#include "common/net/endpoint.h"
#include "common/net/zmq_socket.h"

namespace mr::net {
namespace {

using zmq_internal::SendResult;

constexpr size_t kPooledBytes = 32u << 20;  // of pieces that wait for their next use

// Gives the bytes away to the IO thread, without copying them.
template <class Bytes>
zmq::message_t Wrap(Bytes bytes) {
  auto owned = std::make_unique<Bytes>(std::move(bytes));
  Bytes* const raw = owned.get();
  const auto free_bytes = [](void* /*data*/, void* hint) {
    const std::unique_ptr<Bytes> used(static_cast<Bytes*>(hint));
  };
  zmq::message_t frame(raw->data(), raw->size(), free_bytes, raw);
  [[maybe_unused]] Bytes* const released = owned.release();
  return frame;
}

}  // namespace

// Thread-safe.
class DataPiece::Pool {
 public:
  // The last one given back, if it is large enough: its memory is likely still in the cache.
  std::unique_ptr<char[]> Take(size_t& capacity) {
    const MutexLock lock(mutex_);
    if (free_.empty() || free_.back().second < capacity) return std::make_unique_for_overwrite<char[]>(capacity);
    auto [room, its_capacity] = std::move(free_.back());
    free_.pop_back();
    bytes_ -= its_capacity;
    capacity = its_capacity;
    return std::move(room);
  }
  void Give(std::unique_ptr<char[]> room, size_t capacity) {
    const MutexLock lock(mutex_);
    if (bytes_ + capacity > kPooledBytes) return;
    bytes_ += capacity;
    free_.emplace_back(std::move(room), capacity);
  }

 private:
  Mutex mutex_;
  std::vector<std::pair<std::unique_ptr<char[]>, size_t>> free_ MR_GUARDED_BY(mutex_);
  size_t bytes_ MR_GUARDED_BY(mutex_) = 0;
};

DataPiece::DataPiece(std::shared_ptr<Pool> pool, std::unique_ptr<char[]> room, size_t capacity)
    : pool_(std::move(pool)), room_(std::move(room)), capacity_(capacity) {}
DataPiece::DataPiece(DataPiece&& other) noexcept = default;
DataPiece::~DataPiece() {
  if (room_) pool_->Give(std::move(room_), capacity_);
}

void DataPiece::Append(std::string_view bytes) {
  CHECK_LE(bytes.size(), capacity_ - size_);
  std::copy(bytes.begin(), bytes.end(), room_.get() + size_);
  size_ += bytes.size();
}

Result<std::unique_ptr<DataServer>> DataServer::Bind(NetContext& context, const std::string& endpoint,
                                                     uint64_t max_ask_bytes) {
  const zmq_internal::SocketLimits limits{.max_message_bytes = static_cast<int64_t>(max_ask_bytes),
                                          .send_queue = kMaxQueuedData,
                                          .receive_queue = 64,
                                          .linger_ms = 0};
  auto impl = std::make_unique<Impl>();
  impl->pool = std::make_shared<DataPiece::Pool>();
  std::vector<std::string> bound;
  MR_ASSIGN_OR_RETURN(impl->socket,
                      zmq_internal::MakeServerSocket(context, limits, {endpoint}, &bound));
  impl->endpoint = bound.front();
  const Security& security = context.impl().security;
  if (security.own) impl->endpoint += StrCat("#", security.own->public_key);
  return std::make_unique<DataServer>(std::move(impl));
}

DataServer::DataServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DataServer::~DataServer() = default;
const std::string& DataServer::endpoint() const { return impl_->endpoint; }

void DataServer::AdvertiseAs(const std::string& host) {
  const KeyedEndpoint address = SplitServerKey(impl_->endpoint);
  Result<Endpoint> endpoint = ParseEndpoint(address.endpoint);
  if (!endpoint || !endpoint->tcp) return;
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (const Result<Endpoint> named = ParseEndpoint(StrCat("tcp://", host)); named && named->port != 0) {
    endpoint->host = named->host;  // HOST:PORT
    endpoint->port = named->port;
  } else {
    endpoint->host = bracketed ? host.substr(1, host.size() - 2) : host;
  }
  impl_->endpoint = ToString(*endpoint);
  if (!address.server_key.empty()) impl_->endpoint += StrCat("#", address.server_key);
}

std::optional<DataServer::Incoming> DataServer::Receive() {
  zmq::message_t frame;
  while (zmq_internal::ReceiveFrame(impl_->socket, frame)) {
    Incoming incoming;
    incoming.peer.assign(zmq_internal::View(frame));
    if (frame.more() && zmq_internal::ReceiveFrame(impl_->socket, frame) && !frame.more()) {
      incoming.bytes.assign(zmq_internal::View(frame));
      return incoming;
    }
    zmq_internal::DrainParts(impl_->socket, frame);
  }
  return std::nullopt;
}

Status DataServer::Impl::Send(const std::string& peer, zmq::message_t bytes) {
  if (bytes.size() > kMaxDataBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("a piece of ", FormatSize(bytes.size()), " is above the limit of ",
                       FormatSize(kMaxDataBytes)));
  }
  switch (zmq_internal::SendFrame(socket, zmq::message_t(peer.data(), peer.size()), true)) {
    case SendResult::kSent:
      break;
    case SendResult::kFull:
      return Fail(ErrorCode::kUnavailable, "the peer does not read");
    case SendResult::kNoPeer:
      return Fail(ErrorCode::kNotFound, "the peer is gone");
    case SendResult::kClosed:
      return Fail(ErrorCode::kCancelled, "the network is shut down");
  }
  zmq_internal::SendFrame(socket, std::move(bytes), false);
  return {};
}

Status DataServer::Send(const std::string& peer, std::string bytes) { return impl_->Send(peer, Wrap(std::move(bytes))); }
Status DataServer::Send(const std::string& peer, DataPiece piece) { return impl_->Send(peer, Wrap(std::move(piece))); }

DataPiece DataServer::MakePiece(size_t capacity) {
  std::unique_ptr<char[]> room = impl_->pool->Take(capacity);
  return {impl_->pool, std::move(room), capacity};
}

Result<std::unique_ptr<DataChannel>> DataChannel::Connect(NetContext& context, const std::string& endpoint,
                                                          uint64_t max_ask_bytes) {
  const zmq_internal::SocketLimits limits{.max_message_bytes = kMaxDataBytes,
                                          .send_queue = 64,
                                          .receive_queue = kMaxQueuedData,
                                          .linger_ms = 0};
  KeyedEndpoint address = SplitServerKey(endpoint);
  const Security& security = context.impl().security;
  if (address.server_key.empty() && security.own) address.server_key = security.server_key;
  auto impl = std::make_unique<Impl>();
  MR_ASSIGN_OR_RETURN(impl->socket,
                      zmq_internal::MakeClientSocket(context, zmq::socket_type::dealer, limits,
                                                     address.endpoint, address.server_key));
  impl->endpoint = endpoint;
  impl->max_ask_bytes = max_ask_bytes;
  return std::make_unique<DataChannel>(std::move(impl));
}

DataChannel::DataChannel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DataChannel::~DataChannel() = default;
const std::string& DataChannel::endpoint() const { return impl_->endpoint; }

Status DataChannel::Send(std::string_view bytes) {
  if (bytes.size() > impl_->max_ask_bytes) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("a request of ", FormatSize(bytes.size()), " is above the limit of ",
                       FormatSize(impl_->max_ask_bytes)));
  }
  impl_->wants_to_send = false;
  switch (
      zmq_internal::SendFrame(impl_->socket, zmq::message_t(bytes.data(), bytes.size()), false)) {
    case SendResult::kSent:
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

bool DataChannel::Receive(const std::function<void(std::string_view)>& take) {
  zmq::message_t frame;
  while (zmq_internal::ReceiveFrame(impl_->socket, frame)) {
    if (!frame.more()) {
      take(zmq_internal::View(frame));
      return true;
    }
    zmq_internal::DrainParts(impl_->socket, frame);
  }
  return false;
}

}  // namespace mr::net
