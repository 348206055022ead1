// The map outputs of one worker, opened: for the segment server, and for reducers on the same
// worker.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/io/env.h"
#include "worker/run/segment.h"

namespace mr::worker {

// "j42-m107.2@5": names everything that an attempt has on its worker's disk. The epoch is part of it, since another life
// of the coordinator may have given the same number away.
std::string AttemptFileName(const AttemptId& attempt);
// <output_dir>/<AttemptFileName>.run
std::string RunFilePath(const std::string& output_dir, const AttemptId& attempt);
// The one of `output_dirs` (at least one: a worker has one per scratch directory) that has it; if none does, the path it
// would have in the first.
std::string FindRunFile(Env& env, const std::vector<std::string>& output_dirs, const AttemptId& attempt);

struct OpenRun {
  std::unique_ptr<ReadableFile> file;
  std::vector<PartitionExtent> extents;  // by partition; all inside of the file
};

// Opens a run file and reads its index. Errors: kNotFound, kDataLoss, kIo.
Result<OpenRun> OpenRunFile(Env& env, const std::vector<std::string>& output_dirs, const AttemptId& attempt);
// kDataLoss if the run has no such partition.
Result<PartitionExtent> ExtentOf(const OpenRun& run, uint32_t partition);

// Keeps the runs that are asked for most open. A removed file is forgotten with the next Sweep, so
// that its disk space comes back. One thread.
class RunFileCache {
 public:
  RunFileCache(Env& env, std::vector<std::string> output_dirs, size_t max_open)
      : env_(env), output_dirs_(std::move(output_dirs)), max_open_(max_open) {}

  // What it gives stays good while it is held.
  Result<std::shared_ptr<const OpenRun>> Open(const AttemptId& attempt, Time now);
  // Forgets runs whose file is gone, and those not used for `idle`.
  void Sweep(Time now, Duration idle);
  size_t open_count() const { return entries_.size(); }

 private:
  struct Entry {
    AttemptId attempt;
    std::shared_ptr<const OpenRun> run;
    Time used;
  };
  Env& env_;
  const std::vector<std::string> output_dirs_;
  const size_t max_open_;
  std::list<Entry> entries_;  // most recently used first
  std::map<AttemptId, std::list<Entry>::iterator> by_attempt_;
};

}  // namespace mr::worker
