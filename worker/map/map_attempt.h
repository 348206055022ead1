// One attempt of a map task, from splits to the published run file (or, map only, to published output).
#pragma once

#include "common/abi/mr_abi.h"
#include "worker/userjob/attempt_context.h"

namespace mr::worker {

// Runs in the calling thread, start to end. Counters: mr.map_input_records (that map() was given),
// mr.skipped_records (left out: context.assignment.skip), mr.map_input_bytes,
// mr.map_output_records, mr.map_output_bytes (keys and values as emitted), mr.combine_input_records,
// mr.combine_output_records, mr.combiner_off (1: it did not pay and was switched off), mr.spills, mr.spilled_records, mr.extra_merges (scratch runs, because spills were too many to be merged at once), mr.map_materialized_bytes; map only:
// mr.output_records, mr.output_bytes; and the user's.
//
// Failures: the user code's own; kBadInput (an input file missing, unreadable, damaged or changed);
// kBadParameter (the job and its configuration do not fit); kBadOutput; kDiskFull, kIo, kCancelled.
// Memory: within context.assignment.config.task_memory_bytes (MapMemory), but for records of more than a MiB, which
// are held whole.
Attempted<wire::MapResult> RunMapAttempt(AttemptContext& context, const mr_job_def& job,
                                         const wire::MapWork& work);

}  // namespace mr::worker
