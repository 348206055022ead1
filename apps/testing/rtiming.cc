// Reduce parallelism. map emits the keys a…j; each reduce call leaves a marker in the job's directory, sleeps
// `wait_ms`, and writes: key TAB number of reduces seen at work. With several workers some line says 2 or more.
#include "job_dir.h"

struct RTiming : mr::Job<mr::View, mr::View> {
  using Input = mr::WholeFile;
  mr::Param<uint64_t> wait_ms{"wait_ms", "how long each reduce call takes", 1000};

  void map(View, Emit& emit) {
    for (View key : {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}) emit(key, "1");
  }
  using Combine = mr::FirstValue;
  // Letter by letter round the partitions, so that several reduces have work.
  uint32_t partition(View key, uint32_t count) const { return static_cast<uint32_t>(key[0] - 'a') % count; }
  void reduce(View key, Values&, Out& out) {
    out.kv(key, testing_apps::CountParallel(task(), "rtiming", *wait_ms));
  }
};
MR_JOB(RTiming);
