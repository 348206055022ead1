// The data plane's transport: bulk bytes from a DataServer (ROUTER) to DataChannels (DEALER), one
// frame per message. Nothing here limits how much a peer may be sent before it reads: flow control
// is the user's (the shuffle gives credits), because a ROUTER drops what does not fit into its
// queue.
//
// One thread each. Nothing blocks; wait with Poller.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/net/channel.h"

namespace mr::net {

inline constexpr uint64_t kMaxDataBytes = 4u << 20;     // of one message to a DataChannel
inline constexpr uint64_t kMaxDataAskBytes = 1u << 20;  // of one message to a DataServer
inline constexpr int kMaxQueuedData =
    48;  // messages waiting for one slow peer; above: kUnavailable

// Bytes of one message to come: room that is not zeroed, taken from a pool and given back to it when the message has
// been sent, by whatever thread that is. Filled from the front. Moves.
class DataPiece {
 public:
  DataPiece(DataPiece&& other) noexcept;
  DataPiece& operator=(DataPiece&&) = delete;
  ~DataPiece();

  char* data() { return room_.get(); }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  void set_size(size_t bytes) { size_ = bytes; }  // at most capacity()
  void Append(std::string_view bytes);            // must fit

  class Pool;
  DataPiece(std::shared_ptr<Pool> pool, std::unique_ptr<char[]> room, size_t capacity);  // for DataServer

 private:
  std::shared_ptr<Pool> pool_;
  std::unique_ptr<char[]> room_;
  size_t capacity_;
  size_t size_ = 0;
};

class DataServer {
 public:
  // Errors: as RequestServer::Bind.
  // `max_ask_bytes`: of one message to it; peers that send larger ones are cut off.
  static Result<std::unique_ptr<DataServer>> Bind(NetContext& context, const std::string& endpoint,
                                                  uint64_t max_ask_bytes = kMaxDataAskBytes);
  ~DataServer();

  struct Incoming {
    std::string peer;  // names the connection; a peer that reconnects is another one
    std::string bytes;
  };
  std::optional<Incoming> Receive();
  // Takes the bytes without copying them. kUnavailable: the peer's queue is full, it may be tried
  // again later. kNotFound: the connection is gone.
  Status Send(const std::string& peer, std::string bytes);
  Status Send(const std::string& peer, DataPiece piece);
  // At most kMaxDataBytes.
  DataPiece MakePiece(size_t capacity);
  // With the port that was chosen, and "#KEY" behind it when the context encrypts: what Connect
  // takes.
  const std::string& endpoint() const;
  // From now on endpoint() names `host`, which may be HOST:PORT: for a server that listens on all interfaces, or behind a
  // port that is forwarded. Nothing for ipc.
  void AdvertiseAs(const std::string& host);

  struct Impl;
  Impl& impl() { return *impl_; }

  explicit DataServer(std::unique_ptr<Impl> impl);  // for the factory above

 private:
  std::unique_ptr<Impl> impl_;
};

class DataChannel {
 public:
  // Returns at once, like RequestChannel::Connect. "tcp://host:port#KEY" names the server's public
  // key; without it the context's server_key is taken. Errors: kInvalidArgument.
  // `max_ask_bytes`: as the server's.
  static Result<std::unique_ptr<DataChannel>> Connect(NetContext& context, const std::string& endpoint,
                                                      uint64_t max_ask_bytes = kMaxDataAskBytes);
  ~DataChannel();

  // kUnavailable: no connection at the moment.
  Status Send(std::string_view bytes);
  // Calls `take` with the next message, if there is one; the view ends with the call.
  bool Receive(const std::function<void(std::string_view)>& take);
  const std::string& endpoint() const;

  struct Impl;
  Impl& impl() { return *impl_; }

  explicit DataChannel(std::unique_ptr<Impl> impl);  // for the factory above

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace mr::net
