// Where the coordinator's records are made durable. The server appends the records of a batch,
// syncs once, and only then lets replies leave.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace mr::coordinator {

// One thread. After an error of Append or Sync nothing may be answered any more: the process must
// end.
class RecordLog {
 public:
  virtual ~RecordLog() = default;
  // Encoded records, in order.
  virtual Status Append(std::span<const std::string> records) = 0;
  // Returns when everything that was appended survives a crash as far as this log can make it.
  virtual Status Sync() = 0;
  // Nothing has been appended for a while: time for what may wait.
  virtual Status Idle() { return {}; }
  // The records since the last snapshot are so many that a new one saves time at the next start.
  virtual bool WantsSnapshot() const { return false; }
  // `state` stands for every record appended so far, all of them synced. Durable when it returns.
  virtual Status SaveSnapshot([[maybe_unused]] std::string_view state) { return {}; }
  // One sentence for the log at start-up: what survives what.
  virtual std::string_view description() const = 0;
};

// Keeps nothing: a coordinator that is restarted has forgotten its jobs, and its workers start
// anew. For local and development runs; Journal is the durable one.
class VolatileLog final : public RecordLog {
 public:
  Status Append(std::span<const std::string> records) override;
  Status Sync() override { return {}; }
  std::string_view description() const override;
  uint64_t record_count() const { return record_count_; }
  uint64_t byte_count() const { return byte_count_; }

 private:
  uint64_t record_count_ = 0;
  uint64_t byte_count_ = 0;
};

}  // namespace mr::coordinator
