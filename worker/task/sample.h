// Samples the keys that a job's map makes of some spots of its input; total order needs them to
// place its range bounds.
#pragma once

#include <string>
#include <vector>

#include "common/io/env.h"
#include "common/wire/job.h"
#include "worker/task/app_library.h"
#include "worker/userjob/attempt_context.h"

namespace mr::worker {

struct SampleLimits {
  uint64_t records_per_split = 1000;
  size_t keys_max = 100'000;          // beyond it every other key is dropped, again and again
  size_t key_bytes_max = 256u << 20;  // of all kept keys together
};

// Runs map over the first records of each split of `assignment` (a MapWork) and gives the emitted
// keys, sorted. Deterministic. Fails as a map attempt would.
Attempted<std::vector<std::string>> SampleKeys(Env& env, const mr_job_def& job,
                                               const wire::Assignment& assignment,
                                               const std::string& scratch_dir,
                                               const SampleLimits& limits);

}  // namespace mr::worker
