#include "test/bench/zmtp_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "common/base/strings.h"

namespace mr::bench {
namespace {

constexpr uint8_t kMore = 1, kLong = 2, kCommand = 4;
constexpr size_t kGreetingBytes = 64;
constexpr std::string_view kPing{"\x04PING\x00\x00", 7};  // without a time to live, as our channels send it
constexpr std::string_view kReady{"\x05READY", 6};
constexpr std::string_view kPong{"\x04PONG", 5};
constexpr size_t kPingHeaderBytes = kPing.size();

std::string Greeting() {
  std::string greeting(kGreetingBytes, '\0');
  greeting[0] = '\xff';
  greeting[9] = '\x7f';
  greeting[10] = 3;
  greeting[11] = 1;
  greeting.replace(12, 4, "NULL");
  return greeting;
}

void AppendFrame(std::string& out, uint8_t flags, std::string_view body) {
  if (body.size() < 256) {
    out.push_back(static_cast<char>(flags));
    out.push_back(static_cast<char>(body.size()));
  } else {
    out.push_back(static_cast<char>(flags | kLong));
    for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(body.size() >> shift));
  }
  out.append(body);
}

std::string Ready() {
  std::string body(kReady);
  const auto add = [&](std::string_view name, std::string_view value) {
    body.push_back(static_cast<char>(name.size()));
    body.append(name);
    body.append({'\0', '\0', '\0', static_cast<char>(value.size())});
    body.append(value);
  };
  add("Socket-Type", "REQ");
  add("Identity", "");
  return body;
}

}  // namespace

ZmtpClients::ZmtpClients() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), read_buffer_(64u << 10, '\0') {}

ZmtpClients::~ZmtpClients() {
  for (const Connection& connection : connections_) ::close(connection.descriptor);
  ::close(epoll_);
}

Status ZmtpClients::Connect(const std::string& endpoint) {
  constexpr std::string_view kScheme = "tcp://";
  const size_t colon = endpoint.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  uint16_t port = 0;
  if (!endpoint.starts_with(kScheme) || colon < kScheme.size() ||
      std::from_chars(endpoint.data() + colon + 1, endpoint.data() + endpoint.size(), port).ec != std::errc{} ||
      ::inet_pton(AF_INET, endpoint.substr(kScheme.size(), colon - kScheme.size()).c_str(), &address.sin_addr) != 1)
    return Fail(ErrorCode::kInvalidArgument,
                StrCat(endpoint, " is not tcp://ADDRESS:PORT with an IPv4 address, which is all that this load speaks: "
                                 "start the coordinator with --listen tcp://127.0.0.1:0"));
  address.sin_port = htons(port);
  Connection connection;
  connection.descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection.descriptor < 0) return FailErrno(errno, "cannot make a socket (see ulimit -n)");
  const int on = 1;
  ::setsockopt(connection.descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(connection.descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    ::close(connection.descriptor);
    return FailErrno(error, StrCat("cannot connect to ", endpoint));
  }
  ::fcntl(connection.descriptor, F_SETFL, O_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = connections_.size();
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.descriptor, &event) != 0) return FailErrno(errno, "epoll_ctl");
  std::string hello = Greeting();
  AppendFrame(hello, kCommand, Ready());
  if (::send(connection.descriptor, hello.data(), hello.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(hello.size()))
    return FailErrno(errno, "a new connection takes no bytes");
  connections_.push_back(std::move(connection));
  return {};
}

Status ZmtpClients::Send(size_t index, std::string_view body) {
  Connection& connection = connections_[index];
  const uint32_t correlation = ++connection.correlation;
  AppendFrame(connection.out, kMore, {reinterpret_cast<const char*>(&correlation), sizeof correlation});
  AppendFrame(connection.out, kMore, {});
  AppendFrame(connection.out, 0, body);
  return Flush(index);
}

Status ZmtpClients::Ping(size_t first, size_t stride) {
  for (size_t i = first; i < connections_.size(); i += stride) {
    AppendFrame(connections_[i].out, kCommand, kPing);
    MR_RETURN_IF_ERROR(Flush(i));
  }
  return {};
}

Status ZmtpClients::Flush(size_t index) {
  Connection& connection = connections_[index];
  if (!connection.ready) return {};
  while (!connection.out.empty()) {
    const ssize_t count = ::send(connection.descriptor, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno != EAGAIN) return FailErrno(errno, "a connection broke");
    if (count < 0) break;
    connection.out.erase(0, static_cast<size_t>(count));
  }
  const bool wanted = !connection.out.empty();
  if (wanted == connection.writable_wanted) return {};
  connection.writable_wanted = wanted;
  epoll_event event{};
  event.events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u64 = index;
  if (::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.descriptor, &event) != 0) return FailErrno(errno, "epoll_ctl");
  return {};
}

Status ZmtpClients::Wait(Duration patience, const std::function<void(size_t, std::string_view)>& take) {
  std::array<epoll_event, 256> events;
  const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
  const int ready = ::epoll_wait(epoll_, events.data(), events.size(), static_cast<int>(timeout));
  if (ready < 0 && errno != EINTR) return FailErrno(errno, "epoll_wait");
  for (int i = 0; i < ready; ++i) {
    const auto index = static_cast<size_t>(events[static_cast<size_t>(i)].data.u64);
    if ((events[static_cast<size_t>(i)].events & EPOLLOUT) != 0) MR_RETURN_IF_ERROR(Flush(index));
    if ((events[static_cast<size_t>(i)].events & ~EPOLLOUT) != 0) MR_RETURN_IF_ERROR(Read(index, take));
  }
  return {};
}

Status ZmtpClients::Read(size_t index, const std::function<void(size_t, std::string_view)>& take) {
  Connection& connection = connections_[index];
  const ssize_t count = ::recv(connection.descriptor, read_buffer_.data(), read_buffer_.size(), 0);
  if (count < 0) return errno == EAGAIN || errno == EINTR ? Status{} : FailErrno(errno, "a connection broke");
  if (count == 0) return Fail(ErrorCode::kUnavailable, "the server closed a connection");
  connection.in.append(read_buffer_.data(), static_cast<size_t>(count));
  return Parse(index, take);
}

Status ZmtpClients::Parse(size_t index, const std::function<void(size_t, std::string_view)>& take) {
  Connection& connection = connections_[index];
  const std::string in = std::exchange(connection.in, {});
  std::string_view rest = in;
  if (!connection.greeted) {
    if (rest.size() < kGreetingBytes) {
      connection.in = rest;
      return {};
    }
    if (rest[0] != '\xff' || rest[10] < 3) return Fail(ErrorCode::kUnsupported, "the server does not speak ZMTP 3");
    connection.greeted = true;
    rest.remove_prefix(kGreetingBytes);
  }
  while (rest.size() >= 2) {
    const auto flags = static_cast<uint8_t>(rest[0]);
    const size_t header = (flags & kLong) != 0 ? 9 : 2;
    if (rest.size() < header) break;
    uint64_t size = 0;
    for (size_t i = 1; i < header; ++i) size = size << 8 | static_cast<uint8_t>(rest[i]);
    if (rest.size() - header < size) break;
    const std::string_view body = rest.substr(header, size);
    rest.remove_prefix(header + size);
    if ((flags & kCommand) != 0) {
      if (body.starts_with(kPing.substr(0, 5)) && body.size() >= kPingHeaderBytes) {
        AppendFrame(connection.out, kCommand, StrCat(kPong, body.substr(kPingHeaderBytes)));
        MR_RETURN_IF_ERROR(Flush(index));
      } else if (body.starts_with(kReady)) {
        connection.ready = true;
        MR_RETURN_IF_ERROR(Flush(index));
      } else if (body.starts_with("\x05" "ERROR")) {
        return Fail(ErrorCode::kPermission, "the server refuses the connection");
      }
    } else if ((flags & kMore) == 0) {
      take(index, body);  // may send on this connection
    }
  }
  connections_[index].in = rest;
  return {};
}

}  // namespace mr::bench
