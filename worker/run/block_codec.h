// One block of a run, to and from its stored form. Compression libraries are used here only. Format: FORMAT.md.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "common/base/result.h"
#include "common/wire/job.h"

namespace mr::worker {

inline constexpr size_t kBlockHeaderBytes = 40;
inline constexpr size_t kBlockTargetBytes = 128u << 10;  // of records, before compression
inline constexpr size_t kMaxBlockBytes = 1u << 30;       // a block of one huge record

// What a job's codec means for runs that stay on their task's disk: with kAuto they are not compressed, as that costs
// more time than their bytes do.
inline wire::Compression ScratchCodec(wire::Compression codec) {
  return codec == wire::Compression::kAuto ? wire::Compression::kNone : codec;
}
// … and for map outputs. The coordinator says kNone instead of kAuto when they stay on one host.
inline wire::Compression MapOutputCodec(wire::Compression codec) {
  return codec == wire::Compression::kAuto ? wire::Compression::kLz4 : codec;
}

struct BlockHeader {
  uint8_t codec = 0;  // BlockCodec
  bool last = false;  // of its partition
  uint32_t partition = 0;
  uint32_t sequence = 0;  // within its partition, from 0
  uint32_t raw_bytes = 0;
  uint32_t stored_bytes = 0;
  uint32_t record_count = 0;
  uint64_t checksum = 0;  // of the header before it and of the stored bytes
};

enum BlockCodec : uint8_t { kStoredRaw = 0, kStoredLz4 = 1, kStoredZstd = 2 };

// A buffer that grows and is never zeroed.
class ByteBuffer {
 public:
  char* Reserve(size_t bytes);  // contents are lost if it has to grow, or is far too large
  char* data() { return data_.get(); }

 private:
  std::unique_ptr<char[]> data_;
  size_t capacity_ = 0;
};

// Makes the stored form of a block; `header` names partition, sequence, last and record_count. One thread.
class BlockEncoder {
 public:
  // Errors: kInvalidArgument for a compression that runs do not have.
  static Result<BlockEncoder> Create(wire::Compression compression);
  BlockEncoder(BlockEncoder&&) noexcept;
  ~BlockEncoder();

  // `block` holds kBlockHeaderBytes of room and then the records. Answers header and stored form: `block` itself, with
  // its header filled in, or a buffer that is valid until the next call. A block that hardly shrinks is stored raw;
  // when many do so, most are not even tried.
  std::string_view Encode(BlockHeader header, std::span<char> block);

 private:
  struct Zstd;
  explicit BlockEncoder(wire::Compression compression);
  bool WorthTrying();
  size_t Compress(std::string_view raw, char* to, size_t room);  // 0: it did not shrink enough

  wire::Compression compression_;
  std::unique_ptr<Zstd> zstd_;
  ByteBuffer buffer_;
  uint32_t in_vain_ = 0;  // blocks stored raw since the last one that shrank
};

// Reads a header's kBlockHeaderBytes. Bounds every field; the checksum is checked by DecodeBlock.
// Error (kDataLoss): a phrase without subject ("has no block there …").
Result<BlockHeader> ReadBlockHeader(const char* bytes);

// Verifies the checksum, then gives the records: a view of `stored` itself if it is raw, else of `buffer`.
Result<std::string_view> DecodeBlock(const BlockHeader& header, const char* header_bytes,
                                     std::string_view stored, ByteBuffer& buffer);

}  // namespace mr::worker
