// The socketpair between mrworker and one mrtask: messages with a 4-byte little-endian length
// before each (common/wire/task_link.h).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace mr::worker {

// Owns its descriptor. One thread. The worker's end is non-blocking and uses Queue, Flush and Next;
// the task's end uses Send and Receive.
class FrameSocket {
 public:
  explicit FrameSocket(int descriptor) : descriptor_(descriptor) {}
  ~FrameSocket();
  FrameSocket(const FrameSocket&) = delete;
  FrameSocket& operator=(const FrameSocket&) = delete;

  int descriptor() const { return descriptor_; }

  // Waits until the other side has taken everything. kUnavailable: it has gone.
  Status Send(std::string_view message);
  // Waits for a message; nothing when the other side has closed in order. kDataLoss: closed inside
  // a message or an impossible length.
  Result<std::optional<std::string>> Receive();

  // Appends to what waits to be sent, and sends what the socket takes at once.
  Status Queue(std::string_view message);
  Status Flush();
  bool has_pending() const { return sent_ < pending_.size(); }
  // The next whole message that is here, without waiting; nothing if there is none yet.
  // kUnavailable: the other side has closed and everything has been read.
  Result<std::optional<std::string>> Next();

 private:
  Result<std::optional<std::string>> Extract();
  Result<bool> Fill(bool wait);  // false: nothing more now

  int descriptor_;
  std::string input_;
  size_t taken_ = 0;
  std::string pending_;
  size_t sent_ = 0;
  bool closed_ = false;
};

}  // namespace mr::worker
