// Input files as a stream of plain bytes, whatever they are compressed with.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "common/base/result.h"
#include "common/io/env.h"
#include "common/wire/job.h"

namespace mr::worker {

// Front to back, one thread.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // The next bytes, at least one unless the end is reached (0).
  // Errors: kIo, kDataLoss (damaged compressed data), kInvalidArgument (the file shrank since it
  // was opened).
  virtual Result<size_t> Read(std::span<char> buffer) = 0;
  // Bytes of the file itself read so far: compressed ones, if it is compressed.
  virtual uint64_t raw_bytes() const = 0;
  // Of the file itself, when it was opened.
  virtual uint64_t raw_size() const = 0;
  virtual const std::string& path() const = 0;
  // That so many bytes behind those read so far are wanted soon. A hint.
  virtual void WillNeed(uint64_t /*bytes*/) {}
};

enum class CheckInput : bool { kNo = false, kYes = true };

// Opens `file`, decompressing as file.compression says; `offset` is where a plain file is started,
// and 0 for a compressed one. With kYes and file.mtime_ns != 0, size and time must be those of
// `file`. Errors: those of Env::OpenForRead; kInvalidArgument: not a regular file, or not the one
// that was submitted; kUnsupported: a compression that is not read (lz4).
Result<std::unique_ptr<ByteSource>> OpenByteSource(Env& env, const wire::InputFile& file,
                                                   uint64_t offset, CheckInput check);

// After reading: whether the file was written to meanwhile, so that what was read may be torn. A file that has been
// removed since was read whole. Errors: kInvalidArgument; kIo.
Status CheckStillUnchanged(Env& env, const wire::InputFile& file);

// What a decoder reads at once.
inline constexpr size_t kRawBufferBytes = 256u << 10;

// Decoders over a plain source. Several members or frames behind one another are one stream; an
// empty file is damaged, as it is for gzip(1).
std::unique_ptr<ByteSource> MakeGzipSource(std::unique_ptr<ByteSource> raw);
std::unique_ptr<ByteSource> MakeZstdSource(std::unique_ptr<ByteSource> raw);

}  // namespace mr::worker
