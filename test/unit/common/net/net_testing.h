// Helpers of the transport's tests: a served echo, a raw TCP peer that speaks just enough ZMTP 3.0
// to misbehave.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "common/io/env.h"
#include "common/net/channel.h"
#include "common/net/endpoint.h"
#include "common/net/waker.h"

namespace mr::net {

inline constexpr std::chrono::seconds kPatience{20};
inline constexpr const char* kAnyPort = "tcp://127.0.0.1:0";

inline Time SteadyNow() { return SystemClock().Read().mono; }

// Waits on `poller` and calls `done` until it is true. False after kPatience.
inline bool Await(Poller& poller, const std::function<bool()>& done) {
  for (const Time deadline = SteadyNow() + kPatience; SteadyNow() < deadline;) {
    if (done()) return true;
    (void)poller.Wait(std::chrono::milliseconds(20));
  }
  return done();
}

inline Status SendWhenConnected(RequestChannel& channel, std::string_view bytes) {
  Poller poller;
  poller.Add(channel, 0);
  Status sent;
  Await(poller, [&] { return (sent = channel.Send(bytes)).has_value(); });
  return sent;
}

inline std::optional<std::string> AwaitReply(RequestChannel& channel) {
  Poller poller;
  poller.Add(channel, 0);
  std::optional<std::string> reply;
  Await(poller, [&] { return (reply = channel.Receive()).has_value(); });
  return reply;
}

inline std::optional<RequestServer::Incoming> AwaitRequest(RequestServer& server) {
  Poller poller;
  poller.Add(server, 0);
  std::optional<RequestServer::Incoming> incoming;
  Await(poller, [&] { return (incoming = server.Receive()).has_value(); });
  return incoming;
}

// A server in a thread of its own: `answer` gives the reply to a request, or nothing to stay
// silent.
class ServerThread {
 public:
  using Answer = std::function<std::optional<std::string>(const std::string& request)>;

  ServerThread(NetContext& context, const std::string& endpoint, Answer answer) {
    Time deadline = SteadyNow() + kPatience;
    auto server = RequestServer::Bind(context, {endpoint});
    // The address of a server that just died may still be held by the IO thread.
    while (!server && SteadyNow() < deadline) server = RequestServer::Bind(context, {endpoint});
    if (!server) ADD_FAILURE() << server.error().text;
    waker_ = std::move(*Waker::Create());
    endpoint_ = (*server)->endpoints().front();
    thread_ =
        std::thread([this, server = std::move(*server), answer = std::move(answer)]() mutable {
          Poller poller;
          poller.Add(*server, 0);
          poller.AddFd(waker_->descriptor(), 1);
          while (!stop_) {
            (void)poller.Wait(std::chrono::seconds(1));
            while (auto incoming = server->Receive()) {
              if (auto reply = answer(incoming->bytes))
                (void)server->Reply(incoming->token, *reply);
            }
          }
        });
  }
  ~ServerThread() {
    stop_ = true;
    waker_->Wake();
    thread_.join();
  }
  const std::string& endpoint() const { return endpoint_; }

 private:
  std::atomic<bool> stop_{false};
  std::unique_ptr<Waker> waker_;
  std::string endpoint_;
  std::thread thread_;
};

// A TCP connection that sends whatever it is told.
class RawPeer {
 public:
  explicit RawPeer(const std::string& endpoint)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(ParseEndpoint(endpoint)->port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  explicit RawPeer(int connected) : socket_(connected) {}  // takes it over
  ~RawPeer() { ::close(socket_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  // False when the other side has closed the connection.
  bool Write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (written <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return true;
  }

  // Greeting and READY command with the NULL mechanism.
  void Handshake(const std::string& type = "DEALER") {
    std::string greeting("\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL", 16);
    greeting.resize(64, '\0');
    const std::string property =
        std::string("\x0bSocket-Type", 12) + std::string("\0\0\0", 3) + static_cast<char>(type.size()) + type;
    const std::string body = std::string("\x05READY", 6) + property;
    ASSERT_TRUE(Write(greeting + '\x04' + static_cast<char>(body.size()) + body));
    // Messages before the other side's READY would end the connection.
    Read(64);
    ReadShortFrame();
  }

  std::string Read(size_t bytes) {
    std::string out(bytes, '\0');
    size_t done = 0;
    for (ssize_t got = 1; done < bytes && got > 0;
         done += static_cast<size_t>(std::max<ssize_t>(got, 0))) {
      got = ::recv(socket_, out.data() + done, bytes - done, 0);
    }
    out.resize(done);
    return out;
  }

  // One frame; `claimed_bytes` may differ from what follows.
  static std::string Frame(std::string_view body, bool more,
                           std::optional<uint64_t> claimed_bytes = {}) {
    const uint64_t size = claimed_bytes.value_or(body.size());
    std::string frame(1, static_cast<char>(2 | (more ? 1 : 0)));
    for (int shift = 56; shift >= 0; shift -= 8) frame.push_back(static_cast<char>(size >> shift));
    return frame.append(body);
  }

  // The body of the next frame of less than 256 bytes.
  std::string ReadShortFrame() {
    const std::string header = Read(2);
    return header.size() < 2 ? "" : Read(static_cast<uint8_t>(header[1]));
  }

  // Until the other side closes.
  void ReadToEnd() {
    char buffer[4096];
    while (::recv(socket_, buffer, sizeof buffer, 0) > 0) {
    }
  }

 private:
  const int socket_;
};

// An address where nobody listens, as long as it lives or until Accept.
class DeadEndpoint {
 public:
  DeadEndpoint() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    text_ = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~DeadEndpoint() { ::close(socket_); }
  DeadEndpoint(const DeadEndpoint&) = delete;
  DeadEndpoint& operator=(const DeadEndpoint&) = delete;
  const std::string& text() const { return text_; }
  // Listens after all; the first connection that comes, for a RawPeer.
  int Accept() {
    EXPECT_EQ(::listen(socket_, 1), 0);
    return ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
  }

 private:
  const int socket_;
  std::string text_;
};

// Removed with all its content at the end.
struct TemporaryDirectory {
  TemporaryDirectory() : path(*CreateTemporaryDirectory("/tmp/mr-net-test-")) {}
  ~TemporaryDirectory() { (void)PosixEnv().RemoveTree(path); }
  const std::string path;
};

// An honest client gets its answer.
inline void ExpectServes(NetContext& context, RequestServer& server) {
  auto channel = RequestChannel::Connect(context, server.endpoints().front());
  ASSERT_TRUE(channel.has_value());
  Poller poller;
  poller.Add(server, 0);
  poller.Add(**channel, 1);
  bool sent = false;
  std::optional<std::string> reply;
  const bool served = Await(poller, [&] {
    if (!sent) sent = (*channel)->Send("honest").has_value();
    while (auto incoming = server.Receive()) {
      if (incoming->bytes != "honest") continue;
      EXPECT_TRUE(server.Reply(incoming->token, "served").has_value());
    }
    return (reply = (*channel)->Receive()).has_value();
  });
  EXPECT_TRUE(served);
  EXPECT_EQ(reply, "served");
}

}  // namespace mr::net
