// One output file of an attempt: buffered, compressed if asked for, hashed while it is written.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/base/hash.h"
#include "common/base/result.h"
#include "common/io/env.h"
#include "common/wire/job.h"
#include "worker/output/compressor.h"
#include "worker/output/output_writer.h"

namespace mr::worker {

// One thread.
class PartFile final : public OutputWriter::File {
 public:
  // Creates DIRECTORY/name. Errors: those of Env::CreateNew and MakeCompressor.
  static Result<std::unique_ptr<PartFile>> Create(Env& env, const std::string& directory,
                                                  std::string name, wire::Compression compression,
                                                  size_t buffer_bytes);

  // For Create.
  PartFile(std::string path, std::string name, size_t buffer_bytes,
           std::unique_ptr<WritableFile> file, std::unique_ptr<Compressor> compressor);

  // After an error the file is lost: every later call gives the same error.
  Status Append(std::string_view bytes) override;
  void CountRecords(uint64_t count) override { info_.record_count += count; }

  // Flushes, fsyncs and closes. Once.
  Status Finish();

  // Size and checksum are final after Finish.
  const wire::OutputFile& info() const { return info_; }
  const std::string& path() const { return path_; }

 private:
  Status Write(std::string_view bytes, bool last);  // past the buffer
  Status Put(std::string_view bytes);               // past the compressor

  const std::string path_;
  const size_t buffer_bytes_;
  const std::unique_ptr<WritableFile> file_;
  const std::unique_ptr<Compressor> compressor_;  // null = none
  std::string buffer_;
  StreamHash64 hash_;
  wire::OutputFile info_;
  uint64_t handed_on_ = 0;  // bytes that the disk has begun with
  Status status_;
};

}  // namespace mr::worker
