// From splits to batches of records.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/abi/mr_abi.h"
#include "common/base/result.h"
#include "common/io/env.h"
#include "common/wire/job.h"

namespace mr::worker {

// Reads the records of one split, a batch at a time. A record belongs to the split in which its
// first byte lies; none is lost or doubled, wherever the file is cut. What a record is:
//   kLines   a line without "\n" or "\r\n"; empty lines count, and a last line needs no end; NUL is
//   a byte kBlocks  about 256 KiB of whole lines, ends included (where blocks are cut depends on
//   the splits) kWhole   the file; also an empty file is one (empty) record; it belongs to the
//   split that begins at 0 kFixed   record_bytes bytes, counted from the front of the file
// Files named .gz and .zst are decompressed on the way and are one split; offsets are of
// decompressed bytes. A record is at most 1 GiB. One thread.
class RecordReader {
 public:
  virtual ~RecordReader() = default;

  // kNotFound, kPermission, kIo: the file cannot be opened. kInvalidArgument: it is not what was
  // submitted (size or time differ; not checked if mtime_ns is 0), its size is no multiple of
  // record_bytes, or it is no regular file. kUnsupported: compressed with lz4.
  static Result<std::unique_ptr<RecordReader>> Open(Env& env, const wire::Split& split,
                                                    wire::InputFormat format,
                                                    uint64_t record_bytes);

  struct Batch {
    const std::vector<mr_bytes>* records = nullptr;  // contiguous in memory, in input order
    uint64_t first_offset = 0;  // of the first record in the (decompressed) file
    uint64_t input_bytes = 0;   // raw bytes of the split consumed so far
  };
  // The next batch, valid until the next call; false at the end of the split.
  // Errors: kIo, kDataLoss (damaged .gz or .zst), kInvalidArgument (torn fixed record, record too
  // long, file shrank meanwhile), kUnsupported (a .zst window above 128 MiB).
  virtual Result<bool> Next(Batch& batch) = 0;
};

// Number of the line (from 1) that starts at or contains `offset` of a text file, by counting; 0 if
// the file cannot be read. For messages only: reads the file up to there.
uint64_t LineNumberAt(Env& env, const wire::InputFile& file, uint64_t offset);

// Up to max_bytes of the (decompressed) file from `offset`, cut at the end of the line; empty if
// unreadable.
std::string ExcerptAt(Env& env, const wire::InputFile& file, uint64_t offset, size_t max_bytes);

}  // namespace mr::worker
