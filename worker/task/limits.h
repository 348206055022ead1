// What mrtask does to itself before any user code runs in it.
#pragma once

#include <cstdint>
#include <string>

namespace mr::worker {

// No core files, default SIGPIPE and SIGCHLD, first in line for the out-of-memory killer, and death
// with the parent process. Returns false if the parent (`expected_parent`, 0 = not checked) is
// already gone.
bool IsolateProcess(int expected_parent);

// A cap on this process's heap and other private memory, so that user code gets std::bad_alloc
// instead of taking the machine down. 0 = none. Does nothing in sanitizer builds, whose shadow
// memory counts too.
void LimitMemory(uint64_t bytes);
uint64_t MemoryLimit();  // as set by LimitMemory; 0 = none

// "256.0 MiB (the job's --memory)": a limit and where it comes from. `asked_bytes`: JobConfig::memory_limit_bytes.
std::string DescribeMemoryLimit(uint64_t limit_bytes, uint64_t asked_bytes);

// From getrusage: of this process until now.
int64_t CpuMilliseconds();
uint64_t PeakMemoryBytes();

}  // namespace mr::worker
