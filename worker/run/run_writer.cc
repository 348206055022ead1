#include "worker/run/run_writer.h"

#include <algorithm>
#include <utility>

#include "common/base/hash.h"
#include "common/base/logging.h"
#include "worker/run/run_index.h"

namespace mr::worker {

RunWriter::RunWriter(const RunOptions& options, BlockEncoder encoder, std::unique_ptr<WritableFile> file)
    : options_(options), encoder_(std::move(encoder)), file_(std::move(file)), extents_(options.partitions) {
  block_.Reserve(kBlockHeaderBytes + kBlockTargetBytes);
  block_capacity_ = kBlockTargetBytes;
}

Result<std::unique_ptr<RunWriter>> RunWriter::Create(Env& env, const std::string& path,
                                                     const RunOptions& options) {
  CHECK(options.partitions > 0 && options.partitions <= kMaxPartitions);
  MR_ASSIGN_OR_RETURN(BlockEncoder encoder, BlockEncoder::Create(options.compression));
  MR_ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file, env.CreateNew(path));
  return std::unique_ptr<RunWriter>(new RunWriter(options, std::move(encoder), std::move(file)));
}

bool RunWriter::StartPartition(uint32_t partition) {
  CHECK(partition < options_.partitions && (!in_partition_ || partition > partition_));
  if (!EndPartition()) return false;
  partition_ = partition;
  in_partition_ = true;
  sequence_ = 0;
  extents_[partition].offset = offset_;
  return true;
}

// A block holds whole records: one that does not fit begins a new block, a huge one has a block of its own.
char* RunWriter::Room(size_t bytes) {
  if (block_bytes_ + bytes > block_capacity_) {
    if (!FlushBlock(false)) return nullptr;
    CHECK_LE(bytes, kMaxFrameBytes);
    size_t capacity = std::max(bytes, kBlockTargetBytes);
    if (capacity != block_capacity_) {
      block_ = ByteBuffer();  // frees a huge one before the next is made
      block_.Reserve(kBlockHeaderBytes + capacity);
      block_capacity_ = capacity;
    }
  }
  return block_.data() + kBlockHeaderBytes + block_bytes_;
}

inline void RunWriter::Note(std::string_view frame) {
  block_bytes_ += frame.size();
  ++block_records_;
  PartitionExtent& extent = extents_[partition_];
  ++extent.records;
  if (options_.digests) extent.digest += Hash64(frame);
}

bool RunWriter::Append(std::string_view key, std::string_view value) {
  size_t size = kFrameHeaderBytes + key.size() + value.size();
  char* to = Room(size);
  if (to == nullptr) return false;
  WriteFrameHeader(to, key.size(), value.size());
  std::copy(key.begin(), key.end(), to + kFrameHeaderBytes);
  std::copy(value.begin(), value.end(), to + kFrameHeaderBytes + key.size());
  Note({to, size});
  return true;
}

bool RunWriter::Append(const Frame& frame) {
  std::string_view bytes = frame.bytes();
  char* to = Room(bytes.size());
  if (to == nullptr) return false;
  std::copy(bytes.begin(), bytes.end(), to);
  Note({to, bytes.size()});
  return true;
}

bool RunWriter::FlushBlock(bool last) {
  if (!status_) return false;
  if (block_records_ == 0) return true;
  CHECK(in_partition_);
  BlockHeader header;
  header.last = last;
  header.partition = partition_;
  header.sequence = sequence_++;
  header.record_count = block_records_;
  bool written = Write(encoder_.Encode(header, {block_.data(), kBlockHeaderBytes + block_bytes_}));
  total_records_ += block_records_;
  block_bytes_ = 0;
  block_records_ = 0;
  if (!written) block_capacity_ = 0;  // every later record asks for room, and hears of the error
  return written;
}

bool RunWriter::EndPartition() {
  if (!status_) return false;
  if (!in_partition_) return true;
  // A block goes out when the next record does not fit, so the last one is always still here.
  if (!FlushBlock(true)) return false;
  extents_[partition_].bytes = offset_ - extents_[partition_].offset;
  in_partition_ = false;
  return true;
}

bool RunWriter::Write(std::string_view bytes) {
  status_ = file_->Append(bytes);
  if (status_) offset_ += bytes.size();
  return status_.has_value();
}

Status RunWriter::Finish() {
  if (EndPartition()) {
    // Empty partitions lie where the next one begins: extents are contiguous.
    uint64_t next = offset_;
    for (auto extent = extents_.rbegin(); extent != extents_.rend(); ++extent) {
      if (extent->records == 0) extent->offset = next;
      next = extent->offset;
    }
    if (Write(EncodeRunIndex(extents_, offset_))) status_ = file_->Close();
  }
  return status_;
}

}  // namespace mr::worker
