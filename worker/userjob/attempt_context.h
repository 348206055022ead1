// What every attempt, map or reduce, is given by mrtask. One thread owns an attempt from start to end.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/io/env.h"
#include "common/wire/job.h"
#include "worker/userjob/black_box.h"

namespace mr::worker {

class Arena;

// How an attempt's steps fail: with the whole story for the user.
template <class T>
using Attempted = tl::expected<T, wire::Failure>;

struct AttemptContext {
  const wire::Assignment& assignment;
  Env& env;
  BlackBox& black_box;
  std::string worker_name;
  std::string scratch_dir;      // private to the attempt; exists; removed by mrtask afterwards
  std::string map_output_path;  // where a map's run file goes (published there by rename when complete)
  wire::Counters counters;      // filled by the engine ("mr.…") and by user code
  // Output is written and synced: asks the coordinator, waits for its word. Only then may output be published.
  std::function<Status()> wait_for_commit;
  std::function<void(int level, std::string_view message)> log;  // mr::log of the user's code; MR_LOG_*
  Arena* kept_memory = nullptr;  // of the task's last map attempt, for the next one; null: nothing is kept
  // Of a reduce: the next news of map outputs, waiting for it so long; and that no more are needed. Empty: there are none.
  std::function<Result<std::optional<wire::SourceUpdate>>(Duration wait)> next_sources = {};
  std::function<Status()> sources_fetched = {};
};

// A failure of ours (I/O, no space): cause from the error's code.
wire::Failure FailureOf(const Error& error);

}  // namespace mr::worker
