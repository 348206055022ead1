// Private to common/net: the one place where ZeroMQ's options and exceptions are handled.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <zmq.hpp>

#include "common/base/result.h"
#include "common/net/channel.h"
#include "common/net/data_channel.h"

namespace mr::net {

struct NetContext::Impl {
  zmq::context_t context;
  Security security;
  std::thread zap_thread;  // answers "may this key connect?"; runs only with Security::own
};

struct RequestChannel::Impl {
  zmq::socket_t socket;
  zmq::socket_t monitor;  // tells of broken connections
  bool lost = false;      // one has broken, and nobody asked yet
  bool in_flight = false;
  bool overtaken = false;  // a request was abandoned for another
  std::string endpoint;
  bool wants_to_send =
      false;  // the last Send was kUnavailable and the poller has not reported since
};

struct RequestServer::Impl {
  zmq::socket_t socket;
  std::vector<std::string> endpoints;
};

struct DataServer::Impl {
  zmq::socket_t socket;
  std::string endpoint;
  std::shared_ptr<DataPiece::Pool> pool;  // messages under way may outlive the server
  Status Send(const std::string& peer, zmq::message_t bytes);
};

struct DataChannel::Impl {
  zmq::socket_t socket;
  std::string endpoint;
  uint64_t max_ask_bytes = kMaxDataAskBytes;
  bool wants_to_send = false;
};

namespace zmq_internal {

struct SocketLimits {
  int64_t max_message_bytes = 0;
  int send_queue = 0;  // messages per peer
  int receive_queue = 0;
  int linger_ms = 0;
  // libzmq looks for a timer from the first one on, and every ping that is sent, or comes with a time to live, has one
  // that the next message cancels: a server of thousands of connections would stop for 100 ms at each round of pings.
  // So the client's end of request connections pings without a time to live, and the server's end seldom: it closes
  // the connection of one that has vanished, for which nobody waits; leases find the loss of a worker.
  int ping_every_ms = 2000;
  int ping_ttl_ms = 8000;    // the peer closes after such a silence; 0 = it does not
};

// A socket that connects: keys, keep-alive, reconnection with jitter, no queueing for a server that
// is not there (IMMEDIATE).
Result<zmq::socket_t> MakeClientSocket(NetContext& context, zmq::socket_type type,
                                       const SocketLimits& limits, const std::string& endpoint,
                                       const std::string& server_key);

// The socket that gets an event for each broken connection of `socket`.
Result<zmq::socket_t> MonitorDisconnects(NetContext& context, zmq::socket_t& socket);
// Before either of the two is closed: an event that nobody can take would stop the library's own thread, and with it every
// socket of the context.
void EndMonitor(zmq::socket_t& socket);

// A ROUTER that says when it cannot send, bound to `endpoints`; `bound` gets the real ones.
Result<zmq::socket_t> MakeServerSocket(NetContext& context, const SocketLimits& limits,
                                       const std::vector<std::string>& endpoints,
                                       std::vector<std::string>* bound);

// DONTWAIT, EINTR retried. Nothing there, or the context is shut down: false.
bool ReceiveFrame(zmq::socket_t& socket, zmq::message_t& frame);

enum class SendResult { kSent, kFull, kNoPeer, kClosed };
// DONTWAIT, EINTR retried.
SendResult SendFrame(zmq::socket_t& socket, zmq::message_t frame, bool more);

// Eats the rest of a message.
void DrainParts(zmq::socket_t& socket, const zmq::message_t& last_seen);

inline std::string_view View(const zmq::message_t& frame) {
  return {static_cast<const char*>(frame.data()), frame.size()};
}

}  // namespace zmq_internal
}  // namespace mr::net
