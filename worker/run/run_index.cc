#include "worker/run/run_index.h"

#include <utility>

#include "common/base/hash.h"
#include "common/base/strings.h"
#include "worker/run/frame.h"
#include "worker/run/run_reader.h"

namespace mr::worker {
namespace {

constexpr uint32_t kFooterMagic = 0x3158524d;   // "MRX1"
constexpr uint32_t kTrailerMagic = 0x314e524d;  // "MRN1"
constexpr uint32_t kVersion = 1;
constexpr size_t kFooterHeadBytes = 8;
constexpr size_t kEntryBytes = 32;
constexpr size_t kTrailerBytes = 32;
constexpr size_t kTrailerChecksumAt = 24;

uint64_t FooterChecksum(std::string_view footer, const char* trailer) {
  return Hash64(footer, Hash64(std::string_view(trailer, kTrailerChecksumAt)));
}

tl::unexpected<Error> Damaged(const ReadableFile& file, std::string_view what) {
  return Fail(ErrorCode::kDataLoss,
              StrCat("run file ", file.path(), " is damaged: ", what, "; the task that wrote it has to run again"));
}

// All of `bytes` bytes at `offset`, or kDataLoss.
Result<std::string> ReadExactly(const ReadableFile& file, uint64_t offset, uint64_t bytes) {
  std::string result(bytes, '\0');
  MR_ASSIGN_OR_RETURN(size_t got, file.ReadAt(offset, result));
  if (got != bytes) return Damaged(file, "it is shorter than its size says");
  return result;
}

Result<std::vector<PartitionExtent>> DecodeFooter(const ReadableFile& file, std::string_view footer,
                                                  uint64_t footer_offset) {
  uint64_t count = LoadLittle<uint32_t>(footer.data() + 4);
  if (LoadLittle<uint32_t>(footer.data()) != kFooterMagic || count == 0 || count > kMaxPartitions ||
      footer.size() != kFooterHeadBytes + count * kEntryBytes) {
    return Damaged(file, "its index is not one");
  }
  std::vector<PartitionExtent> extents(count);
  uint64_t expected = 0;
  const char* at = footer.data() + kFooterHeadBytes;
  for (PartitionExtent& extent : extents) {
    extent = {LoadLittle<uint64_t>(at), LoadLittle<uint64_t>(at + 8), LoadLittle<uint64_t>(at + 16),
              LoadLittle<uint64_t>(at + 24)};
    at += kEntryBytes;
    if (extent.offset != expected || extent.bytes > footer_offset - expected) {
      return Damaged(file, "its partitions do not follow each other");
    }
    expected += extent.bytes;
  }
  if (expected != footer_offset) return Damaged(file, "its partitions do not fill it");
  return extents;
}

}  // namespace

std::string EncodeRunIndex(std::span<const PartitionExtent> extents, uint64_t footer_offset) {
  size_t footer_bytes = kFooterHeadBytes + extents.size() * kEntryBytes;
  std::string out(footer_bytes + kTrailerBytes, '\0');
  StoreLittle<uint32_t>(out.data(), kFooterMagic);
  StoreLittle<uint32_t>(out.data() + 4, static_cast<uint32_t>(extents.size()));
  char* at = out.data() + kFooterHeadBytes;
  for (const PartitionExtent& extent : extents) {
    StoreLittle(at, extent.offset);
    StoreLittle(at + 8, extent.bytes);
    StoreLittle(at + 16, extent.records);
    StoreLittle(at + 24, extent.digest);
    at += kEntryBytes;
  }
  StoreLittle<uint64_t>(at, footer_offset);
  StoreLittle<uint64_t>(at + 8, footer_bytes);
  StoreLittle<uint32_t>(at + 16, kVersion);
  StoreLittle<uint32_t>(at + 20, kTrailerMagic);
  StoreLittle<uint64_t>(at + kTrailerChecksumAt, FooterChecksum({out.data(), footer_bytes}, at));
  return out;
}

Result<std::vector<PartitionExtent>> ReadRunIndex(const ReadableFile& file) {
  MR_ASSIGN_OR_RETURN(FileStat stat, file.Stat());
  if (stat.size_bytes < kTrailerBytes + kFooterHeadBytes) return Damaged(file, "it is too short to be one");
  uint64_t trailer_offset = stat.size_bytes - kTrailerBytes;
  MR_ASSIGN_OR_RETURN(std::string trailer, ReadExactly(file, trailer_offset, kTrailerBytes));
  if (LoadLittle<uint32_t>(trailer.data() + 20) != kTrailerMagic) {
    return Damaged(file, "it does not end like one");
  }
  if (uint32_t version = LoadLittle<uint32_t>(trailer.data() + 16); version != kVersion) {
    return Damaged(file, StrCat("it has format version ", version, ", this program reads ", kVersion));
  }
  auto footer_offset = LoadLittle<uint64_t>(trailer.data());
  auto footer_bytes = LoadLittle<uint64_t>(trailer.data() + 8);
  if (footer_bytes < kFooterHeadBytes || footer_bytes > trailer_offset ||
      footer_bytes > kFooterHeadBytes + uint64_t{kMaxPartitions} * kEntryBytes ||
      footer_offset != trailer_offset - footer_bytes) {
    return Damaged(file, "its index is not where its end says");
  }
  MR_ASSIGN_OR_RETURN(std::string footer, ReadExactly(file, footer_offset, footer_bytes));
  if (FooterChecksum(footer, trailer.data()) != LoadLittle<uint64_t>(trailer.data() + kTrailerChecksumAt)) {
    return Damaged(file, "its index's checksum does not match");
  }
  return DecodeFooter(file, footer, footer_offset);
}

}  // namespace mr::worker
