// Virtual time and what is due when: the only thing that moves in a simulation. Events of the same instant happen in
// the order in which they were scheduled, so that a seed always gives the same run.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"

namespace mr::sim {

// One life of a process: from its start to its crash or exit. What was scheduled for a life that is over never
// happens; what is due while it stands still (SIGSTOP) happens in one burst when it goes on.
struct Life {
  bool over = false;
  bool paused = false;
  std::deque<std::function<void()>> backlog;
};
using LifePtr = std::shared_ptr<Life>;

class World {
 public:
  World(uint64_t seed, bool trace) : random_(seed), trace_(trace) {}

  Duration elapsed() const { return elapsed_; }
  Now now() const {
    return {Time(std::chrono::hours(1)) + elapsed_,
            1'700'000'000'000 + std::chrono::duration_cast<std::chrono::milliseconds>(elapsed_).count()};
  }
  Random& random() { return random_; }
  uint64_t events() const { return events_; }
  // Of everything that happened, in order: two runs of a seed must agree.
  uint64_t trace_hash() const { return trace_hash_; }

  // `life` null: the world itself (the network, the person who starts and kills things).
  void After(Duration delay, const LifePtr& life, std::function<void()> what);
  // The next event; false when nothing is due any more.
  bool Step();
  void Resume(const LifePtr& life);

  // One line of what happened, for people; counted in trace_hash.
  void Note(const std::string& line);
  bool tracing() const { return trace_; }

  // A rule was broken. The first ones are kept.
  void Blame(const std::string& problem);
  const std::vector<std::string>& problems() const { return problems_; }

  Duration Uniform(Duration from, Duration to) {
    return from + Duration(static_cast<int64_t>(random_.Below(static_cast<uint64_t>((to - from).count()) + 1)));
  }

 private:
  struct Due {
    Duration at;
    uint64_t number;
    LifePtr life;
    std::function<void()> what;
    bool operator<(const Due& other) const {  // the earliest on top
      return at != other.at ? at > other.at : number > other.number;
    }
  };

  Random random_;
  bool trace_;
  Duration elapsed_{};
  uint64_t scheduled_ = 0;
  uint64_t events_ = 0;
  uint64_t trace_hash_ = 0;
  std::priority_queue<Due> due_;
  std::vector<std::string> problems_;
};

}  // namespace mr::sim
