// Where a member keeps what it must not forget. The replica hands over what is due before any message of it leaves.
//
// One thread. After an error nothing may be answered any more: the process must end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/io/env.h"
#include "coordinator/raft/core/raft_core.h"
#include "coordinator/raft/log_storage.h"

namespace mr::coordinator {

class MemberStore {
 public:
  virtual ~MemberStore() = default;
  // Hard state, snapshot and entries of `ready`, in this order. Durable when it returns.
  virtual Status Persist(const raft::Ready& ready) = 0;
  // The log since the last snapshot is so long that a new one saves time at the next start.
  virtual bool WantsSnapshot() const = 0;
  // `bytes` stand for every entry up to meta.index. Durable when it returns.
  virtual Status SaveSnapshot(const raft::SnapshotMeta& meta, std::string_view bytes) = 0;
  // Nothing has been written for a while: time for what may wait.
  virtual Status Idle() = 0;
};

// In a directory: raft::LogStorage.
class DiskStore final : public MemberStore {
 public:
  struct Opened {
    std::unique_ptr<DiskStore> store;
    raft::Restored restored;
    std::vector<std::string> warnings;  // sentences for the log
  };
  // Errors: those of raft::LogStorage::Open.
  static Result<Opened> Open(Env& env, const std::string& directory, const raft::StorageOptions& options);

  Status Persist(const raft::Ready& ready) override;
  bool WantsSnapshot() const override;
  Status SaveSnapshot(const raft::SnapshotMeta& meta, std::string_view bytes) override;
  Status Idle() override { return storage_->Fence(); }
  const raft::Identity& identity() const { return storage_->identity(); }

 private:
  std::unique_ptr<raft::LogStorage> storage_;
  uint64_t snapshot_log_bytes_ = 0;
};

// Keeps nothing: for a coordinator alone whose jobs end with it.
class VolatileStore final : public MemberStore {
 public:
  Status Persist(const raft::Ready& ready) override;
  bool WantsSnapshot() const override;
  Status SaveSnapshot(const raft::SnapshotMeta& meta, std::string_view bytes) override;
  Status Idle() override { return {}; }

 private:
  uint64_t bytes_ = 0;  // since the last snapshot
};

}  // namespace mr::coordinator
