// A mutex whose rules clang checks at compile time: what it guards says so, and touching that
// without the lock, or leaving a function with it, is an error of -Wthread-safety.
// (std::mutex of libstdc++ carries no annotations: https://clang.llvm.org/docs/ThreadSafetyAnalysis.html)
#pragma once

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define MR_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define MR_THREAD_ANNOTATION(x)
#endif

// On a member: only with this mutex held.
#define MR_GUARDED_BY(mutex) MR_THREAD_ANNOTATION(guarded_by(mutex))
// On a function: the caller holds this mutex.
#define MR_REQUIRES(...) MR_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))

namespace mr {

class MR_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

 private:
  friend class MutexLock;
  friend class CondVar;
  std::mutex mutex_;
};

// The only way to hold a Mutex: until the end of the scope, whichever way that is left.
class MR_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) MR_THREAD_ANNOTATION(acquire_capability(mutex))
      : guard_(mutex.mutex_) {}
  ~MutexLock() MR_THREAD_ANNOTATION(release_capability()) = default;
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  const std::lock_guard<std::mutex> guard_;
};

class CondVar {
 public:
  // Gives the mutex up while it waits. May return without a notification: call it in a loop.
  void Wait(Mutex& mutex) MR_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();  // NOLINT(bugprone-unused-return-value): the caller's guard goes on holding it
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace mr
