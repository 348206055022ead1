// The JSON API's bodies and the Prometheus text: pure functions of a snapshot.
#pragma once

#include <optional>
#include <string>

#include "coordinator/web/snapshot.h"

namespace mr::coordinator {

std::string ClusterJson(const Snapshot& snapshot);
std::string JobsJson(const Snapshot& snapshot);
std::string WorkersJson(const Snapshot& snapshot);
// None: no such job.
std::optional<std::string> JobJson(const Snapshot& snapshot, JobId job);
std::optional<std::string> TasksJson(const Snapshot& snapshot, JobId job);
std::string ErrorJson(const std::string& code, const std::string& message);
std::string MetricsText(const Snapshot& snapshot);

}  // namespace mr::coordinator
