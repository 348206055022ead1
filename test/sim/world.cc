#include "test/sim/world.h"

#include <cstdio>
#include <utility>

#include "common/base/hash.h"
#include "common/base/strings.h"

namespace mr::sim {
namespace {

constexpr size_t kProblemsKept = 20;

}  // namespace

void World::After(Duration delay, const LifePtr& life, std::function<void()> what) {
  due_.push({elapsed_ + delay, scheduled_++, life, std::move(what)});
}

bool World::Step() {
  if (due_.empty()) return false;
  Due due = due_.top();
  due_.pop();
  elapsed_ = due.at;
  ++events_;
  if (due.life == nullptr) {
    due.what();
  } else if (due.life->paused) {
    due.life->backlog.push_back(std::move(due.what));
  } else if (!due.life->over) {
    due.what();
  }
  return true;
}

void World::Resume(const LifePtr& life) {
  life->paused = false;
  while (!life->backlog.empty() && !life->paused && !life->over) {
    const auto what = std::move(life->backlog.front());
    life->backlog.pop_front();
    what();
  }
}

void World::Note(const std::string& line) {
  trace_hash_ = (trace_hash_ ^ Hash64(line) ^ static_cast<uint64_t>(elapsed_.count())) * 0x9e3779b97f4a7c15u;
  if (trace_) std::printf("%10.4f  %s\n", std::chrono::duration<double>(elapsed_).count(), line.c_str());
}

void World::Blame(const std::string& problem) {
  Note(StrCat("!!! ", problem));
  if (problems_.size() < kProblemsKept) problems_.push_back(problem);
}

}  // namespace mr::sim
