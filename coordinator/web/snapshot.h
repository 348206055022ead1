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

// This process as a member of the replicated log; a coordinator alone is the only one.
struct ReplicaView {
  bool replicated = false;
  uint64_t node = 0;
  uint64_t leader = 0;  // 0: not known
  bool leads = false;
  uint64_t term = 0;
  uint64_t commit_index = 0;
  uint64_t applied_index = 0;
  uint64_t elections = 0;
  uint64_t leader_changes = 0;
  uint64_t proposals = 0;
  uint64_t snapshots_saved = 0;
  uint64_t snapshots_loaded = 0;
  uint64_t syncs = 0;
  int64_t sync_us = 0;
  int64_t longest_sync_us = 0;
  uint64_t dropped_messages = 0;
};

struct Snapshot {
  int64_t unix_ms = 0;
  wire::ClusterResponse cluster;
  std::vector<wire::JobView> jobs;  // newest first
  // Active jobs and the newest ended ones; long lists are cut.
  std::map<JobId, std::shared_ptr<const TaskList>> tasks;
  ReplicaView replica;
  uint64_t steps_total = 0;
  uint64_t records_total = 0;
  uint64_t replies_total = 0;
};

}  // namespace mr::coordinator
