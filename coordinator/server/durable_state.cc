#include "coordinator/server/durable_state.h"

#include <algorithm>
#include <utility>

#include "common/base/logging.h"
#include "common/base/strings.h"
#include "coordinator/core/replay.h"
#include "coordinator/raft/journal.h"

namespace mr::coordinator {
Result<DurableState> OpenDurableState(Env& env, const std::string& state_directory) {
  const std::string directory = JoinPath(state_directory, "coord");
  const SystemClock clock;
  const Time begin = clock.Read().mono;
  JournalContents contents;
  MR_ASSIGN_OR_RETURN(auto journal, Journal::Open(env, directory, {}, contents));
  for (const std::string& warning : contents.warnings) LOG(WARNING) << warning;
  DurableState durable;
  durable.epoch = journal->epoch();
  MR_ASSIGN_OR_RETURN(durable.state, ReplayRecords(contents.snapshot, contents.records, directory));
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock.Read().mono - begin);
  LOG(INFO) << "recovered " << durable.state.jobs.size() << " jobs from "
            << (contents.snapshot.empty() ? "" : "a snapshot and ") << contents.records.size() << " records in "
            << took.count() << " ms";
  durable.log = std::move(journal);
  return durable;
}

Result<DurableState> OpenVolatileState(Now now) {
  DurableState durable;
  durable.log = std::make_unique<VolatileLog>();
  durable.epoch = static_cast<uint64_t>(now.unix_ms);  // grows from life to life
  return durable;
}

void WarnOfMissingPlugins(const State& state, const BlobStore& blobs) {
  const auto stored = [&](const std::string& sha256) {
    return std::any_of(blobs.found().begin(), blobs.found().end(),
                       [&](const BlobStored& blob) { return blob.sha256 == sha256; });
  };
  for (const auto& [id, job] : state.jobs) {
    if (job.stage == JobStage::kEnded || stored(job.spec.config.plugin_sha256)) continue;
    LOG(WARNING) << "the plugin " << job.spec.config.plugin_name << " of " << ToString(id)
                 << " is missing or damaged in the state directory: workers that do not have it cannot run its tasks. "
                    "Submit a job with the same plugin to store it again";
  }
}

}  // namespace mr::coordinator
