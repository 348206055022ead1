// A window over a ByteSource that grows until a record fits. Records point into it; only the
// unfinished tail is ever moved.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "worker/input/byte_source.h"

namespace mr::worker {

constexpr uint64_t kRecordBytesMax = 1u << 30;  // a longer record is refused
constexpr size_t kReadBytes = 1u << 20;         // of one read within a split
constexpr size_t kOverreadBytes = 64u << 10;    // of one read beyond the end of a split
constexpr size_t kAheadBytes = 4u << 20;        // that the kernel is asked to fetch meanwhile
constexpr size_t kBatchBytes = 256u << 10;      // a batch is handed out when it has reached this

// One thread.
class InputBuffer {
 public:
  // `offset`: of the source's first byte in the (decompressed) file. `split_end`: where reads get
  // smaller, as only one record's rest is wanted beyond it.
  InputBuffer(std::unique_ptr<ByteSource> source, uint64_t offset, uint64_t split_end);

  const char* data() const { return bytes_.get() + begin_; }
  size_t size() const { return end_ - begin_; }
  uint64_t offset() const { return offset_; }  // of data() in the (decompressed) file
  void Consume(size_t count) {
    begin_ += count;
    offset_ += count;
  }

  // Reads more behind what is there; this moves data(). False at the end of the file.
  // Errors: those of ByteSource::Read; kInvalidArgument when more than kRecordBytesMax are held
  // already.
  Result<bool> Fill();

  ByteSource& source() { return *source_; }

 private:
  void MakeRoom();
  void AskAhead(uint64_t read_to);

  const std::unique_ptr<ByteSource> source_;
  const uint64_t split_end_;
  uint64_t offset_;
  std::unique_ptr<char[]> bytes_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
  uint64_t asked_to_ = 0;  // in the file: what the kernel knows of
};

}  // namespace mr::worker
