#include "worker/task/limits.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "common/base/strings.h"

namespace mr::worker {

bool IsolateProcess(int expected_parent) {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  std::signal(SIGPIPE, SIG_DFL);
  std::signal(SIGCHLD, SIG_DFL);
  std::ofstream("/proc/self/oom_score_adj")
      << 500;  // raising needs no privilege; failing does no harm
  if (expected_parent == 0) return true;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  return ::getppid() == expected_parent;  // it may have died before the prctl
}

void LimitMemory([[maybe_unused]] uint64_t bytes) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  if (bytes == 0) return;
  const rlimit limit{bytes, bytes};
  ::setrlimit(RLIMIT_DATA, &limit);
#endif
}

uint64_t MemoryLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 0;
  return limit.rlim_cur;
}

std::string DescribeMemoryLimit(uint64_t limit_bytes, uint64_t asked_bytes) {
  if (limit_bytes == 0) return "the machine's memory (no limit is set; the job's --memory sets one)";
  return StrCat(FormatSize(limit_bytes), asked_bytes != 0 ? " (the job's --memory)"
                                                          : " (this worker's default, its --memory shared among its "
                                                            "--slots; the job's --memory sets another)");
}

int64_t CpuMilliseconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto ms = [](const timeval& time) {
    return int64_t{time.tv_sec} * 1000 + time.tv_usec / 1000;
  };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

uint64_t PeakMemoryBytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace mr::worker
