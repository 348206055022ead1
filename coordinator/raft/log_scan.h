// Reading the log's segments at start: what was acknowledged must be there, whole; what was being written when the
// machine stopped may be cut off. Changes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/io/env.h"
#include "coordinator/raft/log_format.h"

namespace mr::raft {

struct SegmentFile {
  uint64_t sequence = 0;
  Index base_index;
};

// Where writing goes on, in the newest segment.
struct LogTail {
  SegmentHeader header;
  uint64_t offset = 0;      // of the next record
  uint64_t file_bytes = 0;
  uint64_t written_until = 0;  // bytes from `offset` to here are remains of a write that was cut off
  uint32_t chain = 0;          // header checksum of the last record
  uint64_t batch = 0;          // of the last record
};

struct ScannedLog {
  std::vector<SegmentFile> segments;  // oldest first; never empty
  Index base_index;                   // of the entry before entries[0]
  Term base_term;
  std::vector<Entry> entries;
  LogTail tail;

  Index last_index() const { return {base_index.value + entries.size()}; }
  Term last_term() const { return entries.empty() ? base_term : entries.back().term; }
};

std::string SegmentPath(const std::string& log_directory, uint64_t sequence);

// Reads all segments in `log_directory`. `watermark`: the advisory file's word, if it is whole.
// Errors: kDataLoss naming file, byte, entries and remedy when something is damaged that was acknowledged; kIo.
Result<ScannedLog> ScanLog(Env& env, const std::string& log_directory, const Identity& identity,
                           const std::optional<Watermark>& watermark);

}  // namespace mr::raft
