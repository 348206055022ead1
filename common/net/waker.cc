#include "common/net/waker.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

namespace mr::net {

Result<std::unique_ptr<Waker>> Waker::Create() {
  const int descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor < 0) return FailErrno(errno, "cannot make an event descriptor");
  return std::make_unique<Waker>(descriptor);
}

Waker::~Waker() { ::close(descriptor_); }

void Waker::Wake() {
  const uint64_t one = 1;
  // A full counter is as awake as it gets.
  [[maybe_unused]] const ssize_t written = ::write(descriptor_, &one, sizeof one);
}

void Waker::Drain() {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(descriptor_, &count, sizeof count);
}

}  // namespace mr::net
