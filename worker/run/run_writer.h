// Writes a run file: sorted records, one partition after another, then the index. Format: FORMAT.md.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/io/env.h"
#include "common/wire/job.h"
#include "worker/run/block_codec.h"
#include "worker/run/frame.h"
#include "worker/run/segment.h"

namespace mr::worker {

struct RunOptions {
  uint32_t partitions = 1;
  wire::Compression compression = wire::Compression::kLz4;
  bool digests = true;  // scratch runs do without
};

// Streams: holds one block. One thread. Errors stick: after the first, nothing more is written, Append and
// StartPartition answer false, and status() and Finish() tell it. The destructor leaves an unfinished file behind.
class RunWriter {
 public:
  // `path` must not exist. Errors: kAlreadyExists, kNoSpace, kIo, kInvalidArgument (compression).
  static Result<std::unique_ptr<RunWriter>> Create(Env& env, const std::string& path,
                                                   const RunOptions& options);

  // Partitions come in ascending order; the skipped ones are empty.
  bool StartPartition(uint32_t partition);
  // The caller sorts. Key and value together at most kMaxFrameBytes - kFrameHeaderBytes.
  bool Append(std::string_view key, std::string_view value);
  bool Append(const Frame& frame);

  // Writes the index and closes. Not synced: a map output that is lost is made again.
  Status Finish();
  const Status& status() const { return status_; }
  // After Finish: by partition number.
  const std::vector<PartitionExtent>& extents() const { return extents_; }
  uint64_t size_bytes() const { return offset_; }
  uint64_t records() const { return total_records_; }

 private:
  RunWriter(const RunOptions& options, BlockEncoder encoder, std::unique_ptr<WritableFile> file);
  char* Room(size_t bytes);  // nullptr after an error
  void Note(std::string_view frame);
  bool FlushBlock(bool last);
  bool EndPartition();
  bool Write(std::string_view bytes);

  RunOptions options_;
  BlockEncoder encoder_;
  std::unique_ptr<WritableFile> file_;
  Status status_;
  uint64_t offset_ = 0;
  uint64_t total_records_ = 0;
  std::vector<PartitionExtent> extents_;
  uint32_t partition_ = 0;
  bool in_partition_ = false;
  uint32_t sequence_ = 0;
  ByteBuffer block_;  // room for a header, then the records: a block that is stored raw is written from here
  size_t block_capacity_ = 0;
  size_t block_bytes_ = 0;
  uint32_t block_records_ = 0;
};

}  // namespace mr::worker
