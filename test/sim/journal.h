// The simulated coordinator's records on the real log storage: what a group of one writes, with the write and its sync
// as two steps, so that a crash may come between them. Each start is a new term.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/io/env.h"
#include "coordinator/raft/log_storage.h"

namespace mr::sim {

// What earlier lives left.
struct JournalContents {
  std::string snapshot;              // as SaveSnapshot was given it; empty: none
  std::vector<std::string> records;  // after it, in order
  std::vector<std::string> warnings;
};

class Journal {
 public:
  // Errors: those of raft::LogStorage::Open.
  static Result<std::unique_ptr<Journal>> Open(Env& env, const std::string& directory,
                                               const raft::StorageOptions& options, JournalContents& contents);

  uint64_t epoch() const { return term_.value; }
  Status Append(std::span<const std::string> records);
  Status Sync() { return storage_->Sync(); }
  Status Idle() { return storage_->Fence(); }
  bool WantsSnapshot() const;
  Status SaveSnapshot(std::string_view state);

 private:
  std::unique_ptr<raft::LogStorage> storage_;
  raft::Term term_;
  uint64_t snapshot_log_bytes_ = 0;
};

}  // namespace mr::sim
