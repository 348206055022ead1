// What the agent's loop must not wait for, because its heartbeats would: reading inputs and
// plugins, deleting files. One helper thread does it, piece by piece.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <thread>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/net/waker.h"

namespace mr::worker {

// All methods are for the loop's thread. Signals should be blocked when it is made.
class Chores {
 public:
  // What is to be done in the loop when the work is done; may be empty.
  using Sequel = std::function<void()>;
  // Runs in the helper thread; must not touch what the loop uses.
  using Work = std::function<Sequel()>;

  static Result<std::unique_ptr<Chores>> Start();
  // Waits for the piece of work under way; the others are dropped.
  ~Chores();
  Chores(const Chores&) = delete;
  Chores& operator=(const Chores&) = delete;

  // In the order of the calls, and before all unhurried work.
  void Add(Work work);
  void AddUnhurried(Work work);

  int descriptor() const { return waker_->descriptor(); }  // readable when there are sequels
  void RunSequels();

 private:
  explicit Chores(std::unique_ptr<net::Waker> waker);
  Work Next();  // waits; empty at the end
  void Run();

  std::unique_ptr<net::Waker> waker_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<Work> hurried_ MR_GUARDED_BY(mutex_);
  std::deque<Work> unhurried_ MR_GUARDED_BY(mutex_);
  std::deque<Sequel> sequels_ MR_GUARDED_BY(mutex_);
  bool stopping_ MR_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace mr::worker
