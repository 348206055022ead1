// The reducer's side of the shuffle: brings the segments of one partition together.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/net/channel.h"
#include "worker/run/segment.h"
#include "worker/userjob/attempt_context.h"

namespace mr::worker {

struct FetchOptions {
  std::string own_endpoint;                  // sources with this endpoint are opened as files …
  std::vector<std::string> own_output_dirs;  // … <attempt>.run in one of these
  uint64_t memory_bytes =
      0;  // fetched segments stay in memory up to this, then go to context.scratch_dir
  net::NetContext* net =
      nullptr;            // null: one without encryption is made when there are remote sources
  uint32_t parallel = 4;  // endpoints fetched from at the same time
  uint32_t window = 8;    // pieces of 512 KiB under way per endpoint; 1 … 16
  Duration connect_timeout =
      std::chrono::seconds(5);  // without a connection: the sources there cannot be had
  Duration stall_timeout =
      std::chrono::seconds(10);  // without any sign of life from a connected server
};

// The non-empty segments of `work.partition`, in the order of the maps. If not all maps are done, waits for the others' outputs
// (context.next_sources); one that is lost meanwhile is awaited again. Checks that each arrived whole. Counts progress in the black box (shuffle_bytes_done, beat). Fails with kFetch and
// failed_source when a map output cannot be had after retries, kDiskFull, kIo.
Attempted<std::vector<Segment>> FetchSegments(AttemptContext& context, const wire::ReduceWork& work,
                                              const FetchOptions& options);

}  // namespace mr::worker
