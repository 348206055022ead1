// The least that a program must do to be a REQ client of a ZeroMQ server over TCP: ZMTP 3.1 with the NULL mechanism
// (https://rfc.zeromq.org/spec/37). For load generators: thousands of connections in one thread cost the library a
// thread, a queue and a doorbell for each message, which would be measured as if the server had caused it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace mr::bench {

// Connections in a dense numbering from 0. One thread.
class ZmtpClients {
 public:
  ZmtpClients();
  ~ZmtpClients();
  ZmtpClients(const ZmtpClients&) = delete;
  ZmtpClients& operator=(const ZmtpClients&) = delete;

  // To tcp://HOST:PORT, HOST an IPv4 address. Errors: kInvalidArgument, kUnavailable, kIo.
  Status Connect(const std::string& endpoint);

  // A request of one part; goes out at once, or as the socket takes it.
  Status Send(size_t connection, std::string_view body);
  // Waits up to `patience`; `take` gets each answer's connection and body. An error ends the load: a server that
  // closes a connection is a finding, not something to hide by a reconnect.
  Status Wait(Duration patience, const std::function<void(size_t, std::string_view)>& take);
  // What libzmq does every two seconds on a connection of ours; now on every `stride`th one from `first` on.
  Status Ping(size_t first, size_t stride);

 private:
  struct Connection {
    int descriptor = -1;
    uint32_t correlation = 0;
    bool greeted = false;
    bool writable_wanted = false;
    bool ready = false;    // the server has said READY; before, it would take a message for a broken handshake
    std::string in, out;   // not taken, not sent yet
  };
  Status Flush(size_t index);
  Status Read(size_t index, const std::function<void(size_t, std::string_view)>& take);
  Status Parse(size_t index, const std::function<void(size_t, std::string_view)>& take);

  int epoll_;
  std::vector<Connection> connections_;
  std::string read_buffer_;
};

}  // namespace mr::bench
