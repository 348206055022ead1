// Finds the records of a batch that an attempt is to leave out (Assignment::skip).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/wire/job.h"
#include "worker/input/record_reader.h"

namespace mr::worker {

// One thread; `bad` must outlive it. A record is known by its file and its offset there.
class SkipRecords {
 public:
  explicit SkipRecords(const std::vector<wire::BadRecord>& bad) : bad_(bad) {}

  // From here on batches are of this file, in order.
  void EnterSplit(std::string_view path);
  // Index in the batch of the first such record at or behind `begin`; the batch's size if there is none.
  size_t Next(const RecordReader::Batch& batch, size_t begin);
  // The record that Next() found is left out. `number`: its own in the split.
  void Take(const mr_bytes& record, uint64_t number);

  const std::vector<wire::BadRecord>& taken() const { return taken_; }

 private:
  const std::vector<wire::BadRecord>& bad_;
  std::vector<const wire::BadRecord*> here_;  // in this split's file, by offset
  size_t next_ = 0;                           // of here_: those before it lie behind us
  std::vector<wire::BadRecord> taken_;
};

}  // namespace mr::worker
