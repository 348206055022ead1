#include "worker/run/block_codec.h"

#include <lz4.h>
#include <zstd.h>

#include <algorithm>
#include <utility>

#include "common/base/hash.h"
#include "common/base/strings.h"
#include "worker/run/frame.h"

namespace mr::worker {
namespace {

constexpr uint32_t kBlockMagic = 0x3142524d;  // "MRB1"
constexpr size_t kChecksumAt = 32;
constexpr uint8_t kLastFlag = 1;
constexpr size_t kOversizedBytes = 4 * kBlockTargetBytes;
constexpr int kZstdLevel = 1;  // shuffled once and thrown away: speed matters more than size

// What a stored byte can at most become: a length byte of 255 (lz4); a block of 128 KiB for four bytes (zstd). With it
// a few stored bytes cannot make the reader allocate the most that a block may have.
constexpr uint64_t kLz4RatioMax = 255;
constexpr uint64_t kZstdRatioMax = 128u << 10;

// Blocks that shrink by less than this part are stored raw: to decompress them costs more than to move their bytes. Who
// asks for zstd has a slower network. After kGiveUpAfter of them in a row only every kTryEvery-th is tried, which all
// but ends the cost of trying.
constexpr size_t kLeastGainLz4 = 4;
constexpr size_t kLeastGainZstd = 16;
constexpr uint32_t kGiveUpAfter = 4;
constexpr uint32_t kTryEvery = 16;

uint64_t RatioMax(uint8_t codec) {
  return codec == kStoredRaw ? 1 : codec == kStoredLz4 ? kLz4RatioMax : kZstdRatioMax;
}

void StoreHeader(const BlockHeader& header, char* to) {
  StoreLittle<uint32_t>(to, kBlockMagic);
  to[4] = static_cast<char>(header.codec);
  to[5] = static_cast<char>(header.last ? kLastFlag : 0);
  StoreLittle<uint16_t>(to + 6, 0);
  StoreLittle<uint32_t>(to + 8, header.partition);
  StoreLittle<uint32_t>(to + 12, header.sequence);
  StoreLittle<uint32_t>(to + 16, header.raw_bytes);
  StoreLittle<uint32_t>(to + 20, header.stored_bytes);
  StoreLittle<uint32_t>(to + 24, header.record_count);
  StoreLittle<uint32_t>(to + 28, 0);
}

uint64_t Checksum(const char* header, std::string_view stored) {
  return Hash64(stored, Hash64(std::string_view(header, kChecksumAt)));
}

tl::unexpected<Error> Damaged(std::string text) { return Fail(ErrorCode::kDataLoss, std::move(text)); }

}  // namespace

char* ByteBuffer::Reserve(size_t bytes) {
  // One huge block must not cost its memory for the rest of the segment.
  const bool oversized = capacity_ > kOversizedBytes && bytes <= kBlockTargetBytes + kBlockHeaderBytes;
  if (bytes > capacity_ || oversized) {
    data_.reset();
    capacity_ = std::max(bytes, kBlockTargetBytes + kBlockHeaderBytes);
    data_ = std::make_unique_for_overwrite<char[]>(capacity_);
  }
  return data_.get();
}

struct BlockEncoder::Zstd {
  std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context{ZSTD_createCCtx(), ZSTD_freeCCtx};
};

BlockEncoder::BlockEncoder(wire::Compression compression) : compression_(compression) {
  if (compression == wire::Compression::kZstd) zstd_ = std::make_unique<Zstd>();
}
BlockEncoder::BlockEncoder(BlockEncoder&&) noexcept = default;
BlockEncoder::~BlockEncoder() = default;

Result<BlockEncoder> BlockEncoder::Create(wire::Compression compression) {
  if (compression == wire::Compression::kNone || compression == wire::Compression::kLz4 ||
      compression == wire::Compression::kZstd) {
    return BlockEncoder(compression);
  }
  return Fail(ErrorCode::kInvalidArgument,
              "the shuffle cannot be compressed with gzip: choose none, lz4 or zstd");
}

bool BlockEncoder::WorthTrying() {
  if (compression_ == wire::Compression::kNone) return false;
  return in_vain_ < kGiveUpAfter || (in_vain_ - kGiveUpAfter) % kTryEvery == kTryEvery - 1;
}

size_t BlockEncoder::Compress(std::string_view raw, char* to, size_t room) {
  if (compression_ == wire::Compression::kLz4) {
    int size = LZ4_compress_default(raw.data(), to, static_cast<int>(raw.size()), static_cast<int>(room));
    return size > 0 ? static_cast<size_t>(size) : 0;
  }
  if (compression_ == wire::Compression::kZstd) {
    size_t size = ZSTD_compressCCtx(zstd_->context.get(), to, room, raw.data(), raw.size(), kZstdLevel);
    return ZSTD_isError(size) ? 0 : size;
  }
  return 0;
}

std::string_view BlockEncoder::Encode(BlockHeader header, std::span<char> block) {
  char* out = block.data();
  const std::string_view raw(out + kBlockHeaderBytes, block.size() - kBlockHeaderBytes);
  size_t stored = 0;
  if (!raw.empty() && WorthTrying()) {
    char* other = buffer_.Reserve(block.size());
    // Less room than the records take: what does not fit there has not shrunk enough.
    const size_t gain = raw.size() / (compression_ == wire::Compression::kLz4 ? kLeastGainLz4 : kLeastGainZstd);
    stored = Compress(raw, other + kBlockHeaderBytes, raw.size() - 1 - gain);
    if (stored > 0) out = other;
  }
  in_vain_ = stored == 0 ? in_vain_ + 1 : 0;
  header.raw_bytes = static_cast<uint32_t>(raw.size());
  header.codec = stored == 0 ? kStoredRaw : compression_ == wire::Compression::kLz4 ? kStoredLz4 : kStoredZstd;
  if (stored == 0) stored = raw.size();
  header.stored_bytes = static_cast<uint32_t>(stored);
  StoreHeader(header, out);
  StoreLittle<uint64_t>(out + kChecksumAt, Checksum(out, {out + kBlockHeaderBytes, stored}));
  return {out, kBlockHeaderBytes + stored};
}

Result<BlockHeader> ReadBlockHeader(const char* bytes) {
  BlockHeader header;
  if (LoadLittle<uint32_t>(bytes) != kBlockMagic) return Damaged("no block begins there");
  header.codec = static_cast<uint8_t>(bytes[4]);
  auto flags = static_cast<uint8_t>(bytes[5]);
  header.last = (flags & kLastFlag) != 0;
  header.partition = LoadLittle<uint32_t>(bytes + 8);
  header.sequence = LoadLittle<uint32_t>(bytes + 12);
  header.raw_bytes = LoadLittle<uint32_t>(bytes + 16);
  header.stored_bytes = LoadLittle<uint32_t>(bytes + 20);
  header.record_count = LoadLittle<uint32_t>(bytes + 24);
  header.checksum = LoadLittle<uint64_t>(bytes + kChecksumAt);
  bool reserved_set = (flags & ~kLastFlag) != 0 || LoadLittle<uint16_t>(bytes + 6) != 0 ||
                      LoadLittle<uint32_t>(bytes + 28) != 0;
  if (header.codec > kStoredZstd || reserved_set) return Damaged("its block header has unknown flags");
  bool sizes_fit = header.raw_bytes <= kMaxBlockBytes && header.stored_bytes <= header.raw_bytes &&
                   header.raw_bytes <= header.stored_bytes * RatioMax(header.codec) &&
                   header.record_count <= header.raw_bytes / kFrameHeaderBytes;
  if (!sizes_fit) return Damaged("its block header has impossible sizes");
  return header;
}

Result<std::string_view> DecodeBlock(const BlockHeader& header, const char* header_bytes,
                                     std::string_view stored, ByteBuffer& buffer) {
  // First the checksum: nothing is allocated or decompressed on the word of damaged bytes.
  if (Checksum(header_bytes, stored) != header.checksum) return Damaged("its checksum does not match");
  if (header.codec == kStoredRaw) return stored;
  char* raw = buffer.Reserve(header.raw_bytes);
  bool whole = false;
  if (header.codec == kStoredLz4) {
    int size = LZ4_decompress_safe(stored.data(), raw, static_cast<int>(stored.size()),
                                   static_cast<int>(header.raw_bytes));
    whole = size >= 0 && static_cast<uint32_t>(size) == header.raw_bytes;
  } else {
    // Kept for the thread: making one costs more than a block.
    static thread_local const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context{
        ZSTD_createDCtx(), ZSTD_freeDCtx};
    whole = ZSTD_decompressDCtx(context.get(), raw, header.raw_bytes, stored.data(), stored.size()) ==
            header.raw_bytes;
  }
  if (!whole) return Damaged("its block does not decompress");
  return std::string_view(raw, header.raw_bytes);
}

}  // namespace mr::worker
