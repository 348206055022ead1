// Wakes a thread that waits in a Poller.
#pragma once

#include <memory>

#include "common/base/result.h"

namespace mr::net {

// Add descriptor() to the poller; Wake from any thread or signal handler.
class Waker {
 public:
  static Result<std::unique_ptr<Waker>> Create();
  explicit Waker(int descriptor) : descriptor_(descriptor) {}  // owns it; for Create
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  int descriptor() const { return descriptor_; }
  void Wake();
  void Drain();  // by the waiting thread: not ready any more

 private:
  const int descriptor_;
};

}  // namespace mr::net
