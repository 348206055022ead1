// How often did maps run? Each map call (whole files: one per input file) leaves a file of its own in the job's
// directory and sleeps a random time up to `max_sleep_ms`; the reduce writes: a TAB number of those files. Equal to
// the number of inputs if each map ran exactly once.
#include "job_dir.h"

struct JobCount : mr::Job<mr::View, mr::View> {
  using Input = mr::WholeFile;
  mr::Param<uint64_t> max_sleep_ms{"max_sleep_ms", "longest sleep of a map", 5000};

  void map(View, Emit& emit) {
    static int calls = 0;
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    mr::Rng random(static_cast<uint64_t>(now) ^ static_cast<uint64_t>(getpid()) << 32);
    const std::string name = "jobcount." + std::to_string(random()) + "-" + std::to_string(calls++) + "." +
                             std::to_string(getpid());
    testing_apps::Touch(testing_apps::JobDir(task()) / name);
    testing_apps::SleepMs(random.below(*max_sleep_ms + 1));
    emit("a", "x");
  }
  void reduce(View key, Values&, Out& out) {
    out.kv(key, testing_apps::CountFiles(testing_apps::JobDir(task()), "jobcount", false));
  }
};
MR_JOB(JobCount);
