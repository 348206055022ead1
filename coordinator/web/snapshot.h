// What the web pages show: an immutable picture that the coordinator's loop makes now and then. The
// web server's threads only ever read it, so a slow browser cannot slow a job.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "common/wire/control.h"

namespace mr::coordinator {

using TaskList = std::vector<wire::TaskView>;

struct Snapshot {
  int64_t unix_ms = 0;
  wire::ClusterResponse cluster;
  std::vector<wire::JobView> jobs;  // newest first
  // Active jobs and the newest ended ones; long lists are cut.
  std::map<JobId, std::shared_ptr<const TaskList>> tasks;
  uint64_t steps_total = 0;
  uint64_t records_total = 0;
  uint64_t replies_total = 0;
};

}  // namespace mr::coordinator
