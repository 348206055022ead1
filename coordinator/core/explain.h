// Why does a task not run? The answer to `mrsubmit explain`. Pure.
//
// Each waiting task gets the first of these that holds:
//   any      the job is paused
//   reduces  the maps are not all completed; or, after a restart, not all outputs have a holder yet
//   maps     the holder of its output from an earlier job (--resume) is waited for
//   any      its last attempt was stopped by an error that is not the job's own: it pauses
//   any      after a restart: its publishing attempt, or for a moment everybody, may still come back
//   maps     a worker could not read its input: another one is waited for
//   any      no worker is connected; or none takes tasks (taken out, quarantined, in trouble, being stopped); or none is
//            large enough
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
