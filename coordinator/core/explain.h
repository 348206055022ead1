// Why does a task not run? The answer to `mrsubmit explain`. Pure.
//
// Each waiting task gets the first of these that holds:
//   reduces  the maps are not all completed
//   any      its last attempt was stopped by an error that is not the job's own: it pauses
//   any      no worker is connected; or every one is draining; or none is large enough
//   any      as many of the job's tasks run as --max-running allows
//   any      free slots are only on workers that the job is kept from, or there are none
#pragma once

#include <optional>

#include "common/wire/control.h"
#include "coordinator/core/job_run.h"
#include "coordinator/core/state.h"
#include "coordinator/core/worker_table.h"

namespace mr::coordinator {

// Tasks that wait for the same reason are one entry; at most 50 entries. `only`: this task of the job,
// which must exist.
wire::ExplainResponse Explain(const JobEntry& job, const JobRun& run, const WorkerTable& workers,
                              const std::optional<TaskId>& only);

}  // namespace mr::coordinator
