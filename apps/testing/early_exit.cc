// Does anybody leave while a reduce still runs? Counts records per input file (file TAB records); the reduce of
// the files whose name contains `slow_key` (empty: the first group of reduce task 0) takes `sleep_ms`.
#include "job_dir.h"

struct EarlyExit : mr::Job<mr::View, uint64_t> {
  mr::Param<std::string> slow_key{"slow_key", "whose reduce is slow", ""};
  mr::Param<uint64_t> sleep_ms{"sleep_ms", "how slow", 3000};
  bool slept = false;

  void map(View, Emit& emit) { emit(mr::base_name(task().input_name), 1); }
  using Combine = mr::Sum;
  void reduce(View file, Values& counts, Out& out) {
    const bool slow = slow_key->empty() ? task().task_index == 0 && !slept : file.find(*slow_key) != View::npos;
    if (slow) testing_apps::SleepMs(*sleep_ms);
    slept = slept || slow;
    uint64_t sum = 0;
    for (uint64_t n : counts) sum += n;
    out.kv(file, sum);
  }
};
MR_JOB(EarlyExit);
