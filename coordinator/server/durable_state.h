// Where the coordinator's records are kept, and what earlier lives left there.
#pragma once

#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/io/env.h"
#include "coordinator/core/state.h"
#include "coordinator/raft/record_log.h"
#include "coordinator/server/blob_store.h"

namespace mr::coordinator {

struct DurableState {
  std::unique_ptr<RecordLog> log;
  uint64_t epoch = 0;  // of this life
  State state;         // of the lives before
};

// The journal in `state_directory`/coord. Errors: kUnavailable when another process has it, kDataLoss and kUnsupported
// naming what cannot be read and what to do, kNoSpace, kIo.
Result<DurableState> OpenDurableState(Env& env, const std::string& state_directory);
// Nothing is kept, and nothing is paid for it.
Result<DurableState> OpenVolatileState(Now now);
// A job that goes on needs its plugin; workers may have it, but new ones cannot get it.
void WarnOfMissingPlugins(const State& state, const BlobStore& blobs);

}  // namespace mr::coordinator
