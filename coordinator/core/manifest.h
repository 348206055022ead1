// The body of _SUCCESS: a receipt of what a job read, ran and wrote. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/base/clock.h"
#include "coordinator/core/state.h"

namespace mr::coordinator {

// Every published part of the job so far, by name.
std::vector<wire::OutputFile> PublishedFiles(const JobEntry& job);

// JSON, indented by two. Checksums are 16 hex digits. Call when every task is completed.
std::string MakeManifest(const JobEntry& job, const wire::Counters& counters,
                         const std::string& version, int64_t now_unix_ms);

}  // namespace mr::coordinator
