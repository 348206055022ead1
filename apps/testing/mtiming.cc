// Map parallelism. Each map task (whole files: one input file, one call) leaves a marker in the job's directory,
// sleeps `wait_ms`, and counts the markers of living tasks. Output, one line per worker process:
//   parallel-WORKER.PID TAB counts      the largest says how many maps ran at once
//   times-WORKER.PID TAB start times    in seconds; the number of such lines is the number of task processes
#include "job_dir.h"

struct MTiming : mr::Job<mr::View, mr::View> {
  using Input = mr::WholeFile;
  mr::Param<uint64_t> wait_ms{"wait_ms", "how long each map takes", 1000};

  void map(View, Emit& emit) {
    const std::string me = testing_apps::MarkerName(task(), "").substr(1);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const uint64_t count = testing_apps::CountParallel(task(), "mtiming", *wait_ms);
    emit("times-" + me, std::to_string(std::chrono::duration<double>(now).count()));
    emit("parallel-" + me, std::to_string(count));
  }
  void reduce(View key, Values& values, Out& out) { out.kv(key, testing_apps::SortedJoin(values)); }
};
MR_JOB(MTiming);
