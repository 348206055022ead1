// A word count that takes its time, so that something can be killed in the middle: map sleeps `map_ms` per record
// (line), reduce `reduce_ms` per word.
#include "job_dir.h"

struct Slow : mr::Job<mr::View, uint64_t> {
  mr::Param<uint64_t> map_ms{"map_ms", "sleep per record", 0};
  mr::Param<uint64_t> reduce_ms{"reduce_ms", "sleep per group", 0};

  void map(View line, Emit& emit) {
    if (*map_ms > 0) testing_apps::SleepMs(*map_ms);
    for (View word : mr::words(line)) emit(word, 1);
  }
  using Combine = mr::Sum;
  void reduce(View word, Values& counts, Out& out) {
    if (*reduce_ms > 0) testing_apps::SleepMs(*reduce_ms);
    uint64_t sum = 0;
    for (uint64_t n : counts) sum += n;
    out.kv(word, sum);
  }
};
MR_JOB(Slow);
