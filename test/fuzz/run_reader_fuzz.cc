// A run file, or a segment as it arrives from the network. Whatever the bytes are: records inside
// their blocks, or kDataLoss, and nothing after it.
//
// The first byte is about the rest: bit 0 says that it is a whole run file (else a segment in
// memory), bit 1 that the checksums of its blocks are put right first, which lets damage come as
// far as the decoders.
#include <cstring>

#include "common/base/hash.h"
#include "common/base/logging.h"
#include "test/fuzz/fuzz.h"
#include "test/support/memory_env.h"
#include "worker/run/block_codec.h"
#include "worker/run/merger.h"
#include "worker/run/run_reader.h"
#include "worker/run/run_writer.h"

namespace mr::fuzz {
namespace {

using namespace mr::worker;

constexpr char kWholeFile = 1;
constexpr char kMend = 2;
constexpr const char* kPath = "/run";
constexpr size_t kChecksumAt = 32;
constexpr size_t kStoredBytesAt = 20;

// As FORMAT.md has it: the stored bytes' hash, seeded with the hash of the header before it.
void MendChecksums(std::string& bytes) {
  for (size_t at = 0; at + kBlockHeaderBytes <= bytes.size();) {
    const uint64_t stored = LoadLittle<uint32_t>(bytes.data() + at + kStoredBytesAt);
    if (stored > bytes.size() - at - kBlockHeaderBytes) return;
    const std::string_view payload(bytes.data() + at + kBlockHeaderBytes, stored);
    StoreLittle<uint64_t>(
        bytes.data() + at + kChecksumAt,
        Hash64(payload, Hash64(std::string_view(bytes.data() + at, kChecksumAt))));
    at += kBlockHeaderBytes + stored;
  }
}

void CheckDamage(const Error& error) {
  CHECK(error.code == ErrorCode::kDataLoss) << error.text;
  CHECK(!error.text.empty());
}

void ReadAll(Env& env, const SegmentInput& input) {
  SegmentCursor cursor(env, input);
  uint64_t sum = 0;  // touches every byte: a sanitizer sees a view that is too long
  while (cursor.Next()) sum += Hash64(cursor.key()) + Hash64(cursor.value()) + cursor.prefix();
  if (!cursor.status()) CheckDamage(cursor.status().error());
  CHECK(!cursor.Next());
  CHECK_LE(cursor.bytes_read(), input.bytes);
  // The same through a merge, where the prefix decides.
  Merger merger(env, {input, input}, {});
  Step step;
  while ((step = merger.Next()) == Step::kRecord) sum += merger.key().size();
  CHECK_EQ(step == Step::kError, !cursor.status().has_value());
  asm volatile("" : : "r"(sum));  // nothing of it is optimized away
}

std::string Run(wire::Compression codec, size_t records, size_t value_bytes) {
  test::MemoryEnv env;
  auto run = RunWriter::Create(env, kPath, {.partitions = 3, .compression = codec}).value();
  for (uint32_t partition : {0u, 2u}) {
    run->StartPartition(partition);
    for (size_t i = 0; i < records; ++i)
      run->Append("key " + std::to_string(i), std::string(value_bytes, 'v'));
  }
  CHECK(run->Finish().has_value());
  return env.Read(kPath);
}

}  // namespace

void OneInput(std::string_view bytes) {
  if (bytes.empty()) return;
  const char mode = bytes[0];
  std::string rest(bytes.substr(1));
  if ((mode & kMend) != 0) MendChecksums(rest);
  test::MemoryEnv env;
  if ((mode & kWholeFile) == 0) {
    Segment segment;
    segment.memory = SegmentBytes(rest);
    segment.bytes = segment.memory.size();
    return ReadAll(env, SegmentInput::From(segment));
  }
  env.Write(kPath, std::move(rest));
  const std::shared_ptr<const ReadableFile> file = env.OpenForRead(kPath).value();
  const auto extents = ReadRunIndex(*file);
  if (!extents) return CheckDamage(extents.error());
  size_t looked_at = 0;
  for (const PartitionExtent& extent : *extents) {
    ReadAll(env, SegmentInput::From(file, extent));
    if (++looked_at == 100) break;
  }
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const auto codec :
       {wire::Compression::kNone, wire::Compression::kLz4, wire::Compression::kZstd}) {
    const std::string run = Run(codec, 20, 10);
    seeds.push_back(kWholeFile + run);
    seeds.push_back(static_cast<char>(kWholeFile | kMend) + run);
    // One segment: the first partition's, which is a half of the blocks.
    test::MemoryEnv env;
    env.Write(kPath, run);
    const auto extent = ReadRunIndex(*env.OpenForRead(kPath).value()).value().front();
    seeds.push_back(kMend + run.substr(extent.offset, extent.bytes));
  }
  seeds.push_back(kWholeFile + Run(wire::Compression::kLz4, 200, 2000));  // several blocks
  return seeds;
}

}  // namespace mr::fuzz
