// What people and programs are shown: pure functions from the state to the views of the wire.
#pragma once

#include <string>

#include "common/wire/control.h"
#include "coordinator/core/job_run.h"
#include "coordinator/core/state.h"
#include "coordinator/core/worker_table.h"

namespace mr::coordinator {

wire::JobState StateOf(const JobEntry& job, const JobRun& run);
// `full`: with durations_ms and files, for one job; lists leave them out.
wire::JobView MakeJobView(const JobEntry& job, const JobRun& run, const WorkerTable& workers,
                          bool full);
wire::TaskView MakeTaskView(const JobEntry& job, const JobRun& run, const TaskId& task);
wire::WorkerView MakeWorkerView(const Worker& worker);

// The tasks that match, by phase and index; the finish task is left out.
wire::ListTasksResponse ListTasks(const JobEntry& job, const JobRun& run,
                                  const wire::ListTasksRequest& request);

// "std::invalid_argument: not a number: 'n/a'"; for an attempt's line in a table.
std::string DescribeFailure(const wire::Failure& failure);

}  // namespace mr::coordinator
