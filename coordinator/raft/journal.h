// The coordinator's records on disk: a replicated log with one member. Each start is a new term, so whatever is
// numbered by the epoch is never numbered so again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/io/env.h"
#include "coordinator/raft/log_storage.h"
#include "coordinator/raft/record_log.h"

namespace mr::coordinator {

// What earlier lives left.
struct JournalContents {
  std::string snapshot;              // as SaveSnapshot was given it; empty: none
  std::vector<std::string> records;  // after it, in order
  std::vector<std::string> warnings;
};

// One thread.
class Journal final : public RecordLog {
 public:
  // Errors: those of raft::LogStorage::Open.
  static Result<std::unique_ptr<Journal>> Open(Env& env, const std::string& directory,
                                               const raft::StorageOptions& options, JournalContents& contents);

  // Grows with every start in this directory.
  uint64_t epoch() const { return term_.value; }

  Status Append(std::span<const std::string> records) override;
  Status Sync() override { return storage_->Sync(); }
  Status Idle() override { return storage_->Fence(); }
  bool WantsSnapshot() const override;
  Status SaveSnapshot(std::string_view state) override;
  std::string_view description() const override { return description_; }

 private:
  Journal() = default;

  std::unique_ptr<raft::LogStorage> storage_;
  raft::Term term_;
  uint64_t snapshot_log_bytes_ = 0;
  std::string description_;
};

}  // namespace mr::coordinator
