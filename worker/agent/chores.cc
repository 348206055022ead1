#include "worker/agent/chores.h"

#include <utility>

namespace mr::worker {

Result<std::unique_ptr<Chores>> Chores::Start() {
  MR_ASSIGN_OR_RETURN(auto waker, net::Waker::Create());
  struct Access : Chores {
    explicit Access(std::unique_ptr<net::Waker> waker) : Chores(std::move(waker)) {}
  };
  return std::make_unique<Access>(std::move(waker));
}

Chores::Chores(std::unique_ptr<net::Waker> waker)
    : waker_(std::move(waker)), thread_([this] { Run(); }) {}

Chores::~Chores() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyOne();
  thread_.join();
}

void Chores::Add(Work work) {
  {
    const MutexLock lock(mutex_);
    hurried_.push_back(std::move(work));
  }
  changed_.NotifyOne();
}

void Chores::AddUnhurried(Work work) {
  {
    const MutexLock lock(mutex_);
    unhurried_.push_back(std::move(work));
  }
  changed_.NotifyOne();
}

Chores::Work Chores::Next() {
  const MutexLock lock(mutex_);
  while (!stopping_ && hurried_.empty() && unhurried_.empty()) changed_.Wait(mutex_);
  if (stopping_) return {};
  std::deque<Work>& queue = hurried_.empty() ? unhurried_ : hurried_;
  Work work = std::move(queue.front());
  queue.pop_front();
  return work;
}

void Chores::Run() {
  while (const Work work = Next()) {
    Sequel sequel = work();
    if (!sequel) continue;
    {
      const MutexLock lock(mutex_);
      sequels_.push_back(std::move(sequel));
    }
    waker_->Wake();
  }
}

void Chores::RunSequels() {
  waker_->Drain();
  std::deque<Sequel> ready;
  {
    const MutexLock lock(mutex_);
    ready.swap(sequels_);
  }
  for (const Sequel& sequel : ready) sequel();
}

}  // namespace mr::worker
