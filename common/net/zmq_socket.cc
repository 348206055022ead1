#include "common/net/zmq_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/net/endpoint.h"

namespace mr::net::zmq_internal {
namespace {

// Silent TCP connections hold a descriptor for this long.
constexpr int kHandshakeMs = 4000;
constexpr int kBacklog = 4096;
// Without a domain NULL connections would pass the ZAP handler by.
constexpr const char* kZapDomain = "millrace";

void SetCommon(zmq::socket_t& socket, const SocketLimits& limits, bool ipv6) {
  namespace opt = zmq::sockopt;
  socket.set(opt::linger, limits.linger_ms);
  socket.set(opt::maxmsgsize, limits.max_message_bytes);
  socket.set(opt::sndhwm, limits.send_queue);
  socket.set(opt::rcvhwm, limits.receive_queue);
  socket.set(opt::handshake_ivl, kHandshakeMs);
  // Finds dead hosts and networks, not hung programs: the IO thread answers.
  socket.set(opt::heartbeat_ivl, limits.ping_every_ms);
  socket.set(opt::heartbeat_timeout, 6000);
  socket.set(opt::heartbeat_ttl, limits.ping_ttl_ms);
  socket.set(opt::tcp_keepalive, 1);
  socket.set(opt::tcp_keepalive_idle, 30);
  socket.set(opt::tcp_keepalive_intvl, 10);
  socket.set(opt::tcp_keepalive_cnt, 3);
  socket.set(opt::zap_domain, kZapDomain);
  // Only where asked for: with it IPv4 addresses are reported in their mapped form.
  if (ipv6) socket.set(opt::ipv6, 1);
}

void SetReconnect(zmq::socket_t& socket, bool tcp) {
  // The library's own jitter is small: each socket draws its interval and its ceiling, so that
  // thousands of workers do not come back in step after a restart of the coordinator.
  Random random(RandomSeed());
  const int first_ms =
      tcp ? 50 + static_cast<int>(random.Below(200)) : 10 + static_cast<int>(random.Below(20));
  const int most_ms =
      tcp ? 1000 + static_cast<int>(random.Below(2000)) : 200 + static_cast<int>(random.Below(100));
  socket.set(zmq::sockopt::reconnect_ivl, first_ms);
  socket.set(zmq::sockopt::reconnect_ivl_max, most_ms);
  if (tcp) socket.set(zmq::sockopt::connect_timeout, 3000);
}

Status SetClientKeys(zmq::socket_t& socket, const Security& security,
                     const std::string& server_key) {
  if (!security.own) {
    if (server_key.empty()) return {};
    return Fail(ErrorCode::kPermission,
                "the server encrypts its connections and this program has no keys: give it "
                "--key-file (or MR_KEY_FILE)");
  }
  if (server_key.size() != 40) {
    return Fail(ErrorCode::kInvalidArgument,
                "encryption needs the server's public key (40 characters): write it under "
                "\"server\" in the key file, or name the coordinator by its rendezvous file");
  }
  socket.set(zmq::sockopt::curve_serverkey, server_key);
  socket.set(zmq::sockopt::curve_publickey, security.own->public_key);
  socket.set(zmq::sockopt::curve_secretkey, security.own->secret_key);
  return {};
}

// Binding a unix socket removes whatever socket has that name, a living server's too: ask first.
bool SomebodyListens(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return false;
  const bool connected =
      ::connect(descriptor, reinterpret_cast<sockaddr*>(&address), length) == 0 || errno == EAGAIN;
  ::close(descriptor);
  return connected;
}

Status BindOne(zmq::socket_t& socket, const std::string& text, std::string* bound) {
  MR_ASSIGN_OR_RETURN(const Endpoint endpoint, ParseEndpoint(text));
  if (!endpoint.tcp && SomebodyListens(endpoint.path)) {
    return Fail(ErrorCode::kAlreadyExists,
                StrCat(text, " is in use by a running server: stop it or choose another"));
  }
  std::string address = ToString(endpoint);
  if (endpoint.tcp && endpoint.port == 0)
    address.replace(address.rfind(':') + 1, std::string::npos, "*");
  try {
    socket.bind(address);
  } catch (const zmq::error_t& error) {
    if (error.num() == EADDRINUSE) {
      return Fail(ErrorCode::kAlreadyExists,
                  StrCat(text, " is in use by another program: choose another port, or 0 for any"));
    }
    return Fail(ErrorCode::kInvalidArgument, StrCat("cannot listen on ", text, ": ", error.what()));
  }
  *bound = socket.get(zmq::sockopt::last_endpoint);
  return {};
}

tl::unexpected<Error> NoSocket(const zmq::error_t& error) {
  return Fail(error.num() == ETERM ? ErrorCode::kCancelled : ErrorCode::kIo,
              StrCat("cannot make a network socket: ", error.what()));
}

}  // namespace

Result<zmq::socket_t> MakeClientSocket(NetContext& context, zmq::socket_type type,
                                       const SocketLimits& limits, const std::string& text,
                                       const std::string& server_key) {
  MR_ASSIGN_OR_RETURN(const Endpoint endpoint, ParseEndpoint(text));
  if (endpoint.tcp && endpoint.port == 0) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("cannot connect to ", text, ": port 0 is no address"));
  }
  try {
    zmq::socket_t socket(context.impl().context, type);
    SetCommon(socket, limits, endpoint.host.find(':') != std::string::npos);
    SetReconnect(socket, endpoint.tcp);
    // Without a connection a send fails at once, instead of queueing for a server that may never
    // come.
    socket.set(zmq::sockopt::immediate, 1);
    if (type == zmq::socket_type::req) {
      // A lost request must not block the socket for ever, and a late reply must not pass for the
      // next one.
      socket.set(zmq::sockopt::req_relaxed, 1);
      socket.set(zmq::sockopt::req_correlate, 1);
    }
    MR_RETURN_IF_ERROR(SetClientKeys(socket, context.impl().security, server_key));
    try {
      socket.connect(ToString(endpoint));
    } catch (const zmq::error_t& error) {
      if (error.num() == ETERM) return NoSocket(error);
      return Fail(ErrorCode::kInvalidArgument,
                  StrCat("cannot connect to ", text, ": ", error.what()));
    }
    return socket;
  } catch (const zmq::error_t& error) {
    return NoSocket(error);
  }
}

Result<zmq::socket_t> MonitorDisconnects(NetContext& context, zmq::socket_t& socket) {
  static std::atomic<uint64_t> monitors{0};
  const std::string address = StrCat("inproc://monitor-", monitors.fetch_add(1));
  try {
    zmq::socket_t monitor(context.impl().context, zmq::socket_type::pair);
    monitor.set(zmq::sockopt::linger, 0);
    // Without a limit: the library waits for room in the queue, in the thread that serves all sockets.
    monitor.set(zmq::sockopt::rcvhwm, 0);
    if (::zmq_socket_monitor(socket.handle(), address.c_str(), ZMQ_EVENT_DISCONNECTED) != 0)
      return NoSocket(zmq::error_t());
    try {
      monitor.connect(address);
    } catch (const zmq::error_t&) {
      EndMonitor(socket);
      throw;
    }
    return monitor;
  } catch (const zmq::error_t& error) {
    return NoSocket(error);
  }
}

void EndMonitor(zmq::socket_t& socket) {
  [[maybe_unused]] const int ended = ::zmq_socket_monitor(socket.handle(), nullptr, 0);
}

Result<zmq::socket_t> MakeServerSocket(NetContext& context, const SocketLimits& limits,
                                       const std::vector<std::string>& endpoints,
                                       std::vector<std::string>* bound) {
  const Security& security = context.impl().security;
  bool ipv6 = false;
  for (const std::string& text : endpoints) {
    MR_ASSIGN_OR_RETURN(const Endpoint endpoint, ParseEndpoint(text));
    ipv6 = ipv6 || endpoint.host.find(':') != std::string::npos;
  }
  try {
    zmq::socket_t socket(context.impl().context, zmq::socket_type::router);
    SetCommon(socket, limits, ipv6);
    socket.set(zmq::sockopt::backlog, kBacklog);
    socket.set(zmq::sockopt::router_mandatory, 1);  // else it drops silently
    if (security.own) {
      socket.set(zmq::sockopt::curve_server, 1);
      socket.set(zmq::sockopt::curve_secretkey, security.own->secret_key);
    }
    for (const std::string& endpoint : endpoints) {
      std::string real;
      MR_RETURN_IF_ERROR(BindOne(socket, endpoint, &real));
      bound->push_back(std::move(real));
    }
    return socket;
  } catch (const zmq::error_t& error) {
    return NoSocket(error);
  }
}

bool ReceiveFrame(zmq::socket_t& socket, zmq::message_t& frame) {
  for (;;) {
    try {
      return socket.recv(frame, zmq::recv_flags::dontwait).has_value();
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) return false;
    }
  }
}

SendResult SendFrame(zmq::socket_t& socket, zmq::message_t frame, bool more) {
  const auto flags =
      more ? zmq::send_flags::dontwait | zmq::send_flags::sndmore : zmq::send_flags::dontwait;
  for (;;) {
    try {
      return socket.send(frame, flags) ? SendResult::kSent : SendResult::kFull;
    } catch (const zmq::error_t& error) {
      if (error.num() == EINTR) continue;
      return error.num() == EHOSTUNREACH ? SendResult::kNoPeer : SendResult::kClosed;
    }
  }
}

void DrainParts(zmq::socket_t& socket, const zmq::message_t& last_seen) {
  bool more = last_seen.more();
  zmq::message_t frame;
  while (more && ReceiveFrame(socket, frame)) more = frame.more();
}

}  // namespace mr::net::zmq_internal
