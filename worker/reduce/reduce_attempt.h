// One attempt of a reduce task, from the map outputs to the published part file.
#pragma once

#include "common/abi/mr_abi.h"
#include "worker/shuffle/segment_fetcher.h"
#include "worker/userjob/attempt_context.h"

namespace mr::worker {

// Runs in the calling thread, start to end: fetch, merge, reduce group by group, write, wait for the commit,
// publish. Counters: mr.shuffle_bytes, mr.reduce_input_groups, mr.reduce_input_records, mr.output_records,
// mr.output_bytes, and the user's.
//
// Failures: the user code's own; kFetch with failed_source (a map output cannot be fetched, or is damaged);
// kBadOutput (bad name of an output), kDiskFull, kIo, kCancelled.
// Memory: options.memory_bytes of fetched segments and two blocks for each of up to 128 segments.
Attempted<wire::ReduceResult> RunReduceAttempt(AttemptContext& context, const mr_job_def& job,
                                               const wire::ReduceWork& work, const FetchOptions& options);

// The part after the fetch.
Attempted<wire::ReduceResult> ReduceSegments(AttemptContext& context, const mr_job_def& job,
                                             const std::vector<Segment>& segments);

}  // namespace mr::worker
