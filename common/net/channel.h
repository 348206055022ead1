// The control plane's transport: REQ clients and a ROUTER server that speaks REP to them. ZeroMQ is
// included by the .cc files of this folder (and their private zmq_socket.h) and nowhere else.
//
// All classes here: one thread each, except NetContext::Shutdown. Nothing blocks but Poller::Wait.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace mr::net {

// Keys for CURVE (Z85 text, 40 characters each). Empty: no encryption, loopback and ipc only by
// default.
struct KeyPair {
  std::string public_key;
  std::string secret_key;
};
struct Security {
  std::optional<KeyPair> own;        // of this process
  std::string server_key;            // clients: the coordinator's public key
  std::vector<std::string> allowed;  // servers: public keys that may connect
};

// The version of the libzmq that is loaded: "4.3.4".
std::string ZmqVersion();

// One per process. Make it after all forks; signals should be blocked already. Must outlive
// everything that was made from it. With Security::own every connection is encrypted, and servers
// accept the keys in Security::allowed (and their own) only.
class NetContext {
 public:
  explicit NetContext(Security security = {});
  ~NetContext();
  NetContext(const NetContext&) = delete;
  NetContext& operator=(const NetContext&) = delete;
  void Shutdown();  // from any thread: every Wait returns kCancelled from now on

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// One REQ socket (RELAXED + CORRELATE + IMMEDIATE) to one endpoint; at most one request in flight.
class RequestChannel {
 public:
  // Returns at once; the connection is made (and re-made for ever) in the background. The server's
  // public key may stand behind the endpoint ("tcp://host:port#KEY"); else it is
  // Security::server_key. Errors: kInvalidArgument for a malformed endpoint, kPermission when the
  // server encrypts and this process has no keys, or the two keys of the server differ.
  static Result<std::unique_ptr<RequestChannel>> Connect(NetContext& context,
                                                         const std::string& endpoint);
  ~RequestChannel();

  // Sends without waiting; a request still in flight is abandoned, its late reply will be dropped.
  // kUnavailable: no connection at the moment, try again.
  Status Send(std::string_view bytes);
  // The reply to the newest request, if it is here.
  std::optional<std::string> Receive();
  // Whether a connection has broken since the last call: the reply to what was sent over it will not come. The poller
  // reports it like a reply. From the first request on that another has overtaken it tells nothing more: to abandon a
  // request is to break its connection.
  bool TakeLost();
  const std::string& endpoint() const;  // without a key

  struct Impl;
  Impl& impl() { return *impl_; }

  explicit RequestChannel(std::unique_ptr<Impl> impl);  // for the factory above

 private:
  void HearMonitor();

  std::unique_ptr<Impl> impl_;
};

// Names one waiting client; opaque. Keeping it without answering is a held request.
struct ReplyToken {
  std::string envelope;
  friend bool operator==(const ReplyToken&, const ReplyToken&) = default;
};

// A ROUTER that accepts REQ clients on one or more endpoints.
class RequestServer {
 public:
  // Endpoints like tcp://127.0.0.1:4610 (port 0 = any), ipc:///path. Errors: kAlreadyExists when
  // the address is in use (naming it), kInvalidArgument.
  static Result<std::unique_ptr<RequestServer>> Bind(NetContext& context,
                                                     const std::vector<std::string>& endpoints);
  ~RequestServer();

  struct Incoming {
    ReplyToken token;
    std::string bytes;
  };
  // The next well-formed request, if any. Oversized, many-framed and malformed ones are dropped
  // here, whole.
  std::optional<Incoming> Receive();
  // kUnavailable: the client is gone or does not read; the answer is dropped (it will ask again).
  Status Reply(const ReplyToken& token, std::string_view bytes);
  // Real endpoints, with the ports that were chosen.
  const std::vector<std::string>& endpoints() const;

  struct Impl;
  Impl& impl() { return *impl_; }

  explicit RequestServer(std::unique_ptr<Impl> impl);  // for the factory above

 private:
  std::unique_ptr<Impl> impl_;
};

class DataServer;  // data_channel.h
class DataChannel;

// Waits for any of several channels, servers and file descriptors. Level-triggered: drain what is
// reported (call Receive until it gives nothing). A channel whose last Send was kUnavailable is
// also reported, once, when it can send again. Remove what dies before the Poller.
class Poller {
 public:
  Poller();
  ~Poller();
  void Add(RequestChannel& channel, int key);
  void Add(RequestServer& server, int key);
  void Add(DataServer& server, int key);
  void Add(DataChannel& channel, int key);
  void AddFd(int descriptor, int key);
  void Remove(int key);
  // Keys that are ready; none after the time-out. EINTR counts as time-out. kCancelled after
  // Shutdown.
  Result<std::vector<int>> Wait(Duration timeout);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A new CURVE key pair.
Result<KeyPair> MakeKeyPair();

}  // namespace mr::net
