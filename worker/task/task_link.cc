#include "worker/task/task_link.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/strings.h"
#include "common/wire/control.h"

namespace mr::worker {
namespace {

constexpr size_t kHeaderBytes = 4;

std::string Header(size_t size) {
  std::string header(kHeaderBytes, '\0');
  for (size_t i = 0; i < kHeaderBytes; ++i) header[i] = static_cast<char>((size >> (8 * i)) & 0xff);
  return header;
}

uint32_t HeaderValue(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < kHeaderBytes; ++i)
    value |= uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return value;
}

void WaitFor(int descriptor, short events) {
  pollfd waiting{descriptor, events, 0};
  ::poll(&waiting, 1, -1);  // EINTR: the caller tries again anyway
}

}  // namespace

FrameSocket::~FrameSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status FrameSocket::Send(std::string_view message) {
  MR_RETURN_IF_ERROR(Queue(message));
  while (has_pending()) {
    WaitFor(descriptor_, POLLOUT);
    MR_RETURN_IF_ERROR(Flush());
  }
  return {};
}

Status FrameSocket::Queue(std::string_view message) {
  if (message.size() > wire::kMaxMessageBytes) {
    return Fail(ErrorCode::kInvalidArgument, StrCat("a message of ", FormatSize(message.size()),
                                                    " to or from a task is over the limit of ",
                                                    FormatSize(wire::kMaxMessageBytes)));
  }
  pending_ += Header(message.size());
  pending_ += message;
  return Flush();
}

Status FrameSocket::Flush() {
  while (has_pending()) {
    const ssize_t put = ::send(descriptor_, pending_.data() + sent_, pending_.size() - sent_,
                               MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put >= 0) {
      sent_ += static_cast<size_t>(put);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return {};
    } else if (errno != EINTR) {
      return Fail(ErrorCode::kUnavailable, "the other end of the task link has closed");
    }
  }
  pending_.clear();
  sent_ = 0;
  return {};
}

Result<std::optional<std::string>> FrameSocket::Extract() {
  const std::string_view rest = std::string_view(input_).substr(taken_);
  if (rest.size() < kHeaderBytes) return std::nullopt;
  const uint32_t size = HeaderValue(rest);
  if (size > wire::kMaxMessageBytes) {
    return Fail(ErrorCode::kDataLoss, StrCat("a message on the task link claims ", size, " bytes"));
  }
  if (rest.size() - kHeaderBytes < size) return std::nullopt;
  std::string message(rest.substr(kHeaderBytes, size));
  taken_ += kHeaderBytes + size;
  if (taken_ == input_.size()) {
    input_.clear();
    taken_ = 0;
  }
  return message;
}

Result<bool> FrameSocket::Fill(bool wait) {
  char buffer[64 << 10];
  for (;;) {
    const ssize_t got = ::recv(descriptor_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got > 0) {
      if (taken_ > 0) {
        input_.erase(0, taken_);
        taken_ = 0;
      }
      input_.append(buffer, static_cast<size_t>(got));
      return true;
    }
    if (got == 0 || (got < 0 && errno == ECONNRESET)) {
      closed_ = true;
      return false;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
      return FailErrno(errno, "cannot read the task link");
    if (!wait) return false;
    WaitFor(descriptor_, POLLIN);
  }
}

Result<std::optional<std::string>> FrameSocket::Receive() {
  for (;;) {
    MR_ASSIGN_OR_RETURN(std::optional<std::string> message, Extract());
    if (message) return message;
    MR_ASSIGN_OR_RETURN(const bool more, Fill(true));
    if (more) continue;
    if (input_.size() > taken_)
      return Fail(ErrorCode::kDataLoss, "the task link closed inside a message");
    return std::nullopt;
  }
}

Result<std::optional<std::string>> FrameSocket::Next() {
  for (;;) {
    MR_ASSIGN_OR_RETURN(std::optional<std::string> message, Extract());
    if (message) return message;
    if (closed_) return Fail(ErrorCode::kUnavailable, "the task has closed its link");
    MR_ASSIGN_OR_RETURN(const bool more, Fill(false));
    if (!more && !closed_) return std::nullopt;
  }
}

}  // namespace mr::worker
