// Allocates and touches memory on the record with the needle until the process is killed or operator new throws;
// at most `limit` (2 GiB), then it throws std::bad_alloc itself, to be kind to machines without a memory limit.
#include <vector>

#include "needle_job.h"

struct Oom : testing_apps::NeedleJob<Oom> {
  mr::Param<mr::Size> limit{"limit", "stop and throw std::bad_alloc at this size", mr::Size{uint64_t{2} << 30}};
  std::vector<std::vector<char>> hoard;
  void Strike(View) {
    constexpr std::size_t kStep = std::size_t{16} << 20;
    for (uint64_t used = 0; used < limit->bytes; used += kStep) hoard.emplace_back(kStep, 'x');
    throw std::bad_alloc();
  }
};
MR_JOB(Oom);
