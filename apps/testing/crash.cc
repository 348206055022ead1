// A word count whose attempts crash: at its first call, a third of the attempts exit(1), a third sleep up to
// `max_sleep_ms`, the rest just run; map and reduce alike. Each attempt draws anew, so a retry succeeds sooner or
// later: give the job many attempts (--max-attempts 50). With -P seed=N the draws follow from (N, task, attempt).
#include <cstdlib>

#include "job_dir.h"

struct Crash : mr::Job<mr::View, uint64_t> {
  mr::Param<uint64_t> max_sleep_ms{"max_sleep_ms", "longest sleep", 10000};
  mr::Param<uint32_t> crash_percent{"crash_percent", "attempts that exit(1)", 33};
  mr::Param<uint32_t> sleep_percent{"sleep_percent", "attempts that sleep", 33};
  mr::Param<uint64_t> seed{"seed", "0: from clock and process id", 0};
  bool drawn = false;

  void MaybeCrash() {
    if (drawn) return;
    drawn = true;
    // Not std::random_device: it throws when the processor's generator has nothing to give, as happens under load.
    mr::Rng rng(*seed == 0 ? static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) ^
                                 static_cast<uint64_t>(getpid()) << 32
                           : *seed * 1000003 + task().task_index * 2003u + task().attempt * 17u + task().is_map);
    const uint64_t draw = rng.below(100);
    if (draw < *crash_percent) std::_Exit(1);
    if (draw < *crash_percent + *sleep_percent) testing_apps::SleepMs(rng.below(*max_sleep_ms + 1));
  }
  void map(View line, Emit& emit) {
    MaybeCrash();
    for (View word : mr::words(line)) emit(word, 1);
  }
  using Combine = mr::Sum;
  void reduce(View word, Values& counts, Out& out) {
    MaybeCrash();
    uint64_t sum = 0;
    for (uint64_t n : counts) sum += n;
    out.kv(word, sum);
  }
};
MR_JOB(Crash);
