// One attempt of a reduce task, from the map outputs to the published part file.
#pragma once

#include "common/abi/mr_abi.h"
#include "worker/shuffle/segment_fetcher.h"
#include "worker/userjob/attempt_context.h"

namespace mr::worker {

// Runs in the calling thread, start to end: fetch, merge, reduce group by group, write, wait for the commit,
// publish. Counters: mr.shuffle_bytes, mr.extra_merges (scratch runs, because segments were too many), mr.reduce_input_groups, mr.reduce_input_records, mr.output_records,
// mr.output_bytes, and the user's.
//
// Failures: the user code's own; kFetch with failed_source (a map output cannot be fetched, or is damaged);
// kBadOutput (bad name of an output), kDiskFull, kIo, kCancelled.
// Memory: context.assignment.config.task_memory_bytes, divided by ReduceMemory; on top of it, records larger than
// a block (128 KiB), once for each segment that is at one. Of `options`, memory_bytes, parallel and window are not used.
Attempted<wire::ReduceResult> RunReduceAttempt(AttemptContext& context, const mr_job_def& job,
                                               const wire::ReduceWork& work, const FetchOptions& options);

// The part after the fetch.
Attempted<wire::ReduceResult> ReduceSegments(AttemptContext& context, const mr_job_def& job,
                                             const std::vector<Segment>& segments);

}  // namespace mr::worker
