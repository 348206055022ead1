#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/hash.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "test/support/fault_env.h"
#include "test/support/memory_env.h"
#include "test/support/paths.h"
#include "test/unit/worker/run/run_test_util.h"

namespace mr::worker::test {
namespace {

using mr::test::FaultEnv;
using mr::test::MemoryEnv;

constexpr wire::Compression kCompressions[] = {wire::Compression::kNone, wire::Compression::kLz4,
                                               wire::Compression::kZstd};

// Partition 1 of 4 is empty, and so is the last.
Partitions SmallRun() {
  Partitions partitions;
  partitions[0] = {{"", "empty key"}, {"a", ""}, {"apple", "1"}, {std::string("nul\0key", 7), "2"}};
  partitions[2] = {{"apple", "3"}, {"apple", "4"}, {std::string(60, 'x'), std::string(60, 'y')}};
  return partitions;
}

std::string Bytes(Env& env, const std::string& path) { return *ReadWholeFile(env, path); }

TEST(RunFile, WriteRead_GivesBackEveryPartitionWithEveryCodec) {
  for (auto compression : kCompressions) {
    MemoryEnv env;
    auto extents = WriteRun(env, "/run", 4, SmallRun(), compression);

    auto file = env.OpenForRead("/run");
    auto index = ReadRunIndex(**file);

    ASSERT_TRUE(index.has_value()) << index.error().text;
    EXPECT_EQ(*index, extents);
    ASSERT_EQ(index->size(), 4u);
    EXPECT_EQ((*index)[1].bytes, 0u);
    for (const auto& [partition, records] : SmallRun()) {
      Step end;
      EXPECT_EQ(ReadSegment(env, FileSegment("/run", (*index)[partition]), end), records);
      EXPECT_EQ(end, Step::kEnd);
      EXPECT_EQ((*index)[partition].records, records.size());
    }
  }
}

TEST(RunFile, WriteRead_ManyBlocksFromMemoryAndFile) {
  Random random(7);
  Records records;
  for (int i = 0; i < 20'000; ++i) {
    std::string key(random.Below(40), static_cast<char>('a' + random.Below(3)));
    records.emplace_back(key, std::string(random.Below(100), 'v'));
  }
  records.emplace_back(std::string(300'000, 'z'), std::string(400'000, 'z'));  // more than a block
  records.emplace_back(std::string(300'001, 'z'), std::string(200'000, 'z'));  // huge, but less so
  records.emplace_back("zz", "after the huge one");
  std::sort(records.begin(), records.end());
  for (auto compression : kCompressions) {
    MemoryEnv env;
    auto extents = WriteRun(env, "/run", 1, {{0, records}}, compression);
    Step end;
    EXPECT_EQ(ReadSegment(env, FileSegment("/run", extents[0]), end), records);
    EXPECT_EQ(end, Step::kEnd);
    Segment memory;
    memory.memory = SegmentBytes(Bytes(env, "/run").substr(0, extents[0].bytes));
    memory.bytes = extents[0].bytes;
    EXPECT_EQ(ReadSegment(env, memory, end), records);
    EXPECT_EQ(end, Step::kEnd);
  }
}

TEST(RunFile, Create_StoresIncompressibleBlocksRaw) {
  Random random(1);
  std::string noise(100'000, '\0');
  for (char& c : noise) c = static_cast<char>(random.Next());
  for (auto compression : kCompressions) {
    MemoryEnv env;
    auto extents = WriteRun(env, "/run", 1, {{0, {{"k", noise}}}}, compression);
    EXPECT_EQ(extents[0].bytes, kBlockHeaderBytes + kFrameHeaderBytes + 1 + noise.size());
    Step end;
    EXPECT_EQ(ReadSegment(env, FileSegment("/run", extents[0]), end), (Records{{"k", noise}}));
  }
}

// What Encode makes of `records`.
std::string Encoded(BlockEncoder& encoder, std::string_view records) {
  std::string block(kBlockHeaderBytes, '\0');
  block += records;
  return std::string(encoder.Encode({.record_count = 1}, block));
}

TEST(BlockEncoder, Encode_StoresRawWhatLz4ShrinksByLessThanAQuarter) {
  Random random(3);
  std::string records(kBlockTargetBytes, '\0');
  for (size_t i = 0; i < records.size(); ++i) records[i] = static_cast<char>(i % 100 < 80 ? random.Next() : 0);
  auto lz4 = BlockEncoder::Create(wire::Compression::kLz4).value();
  auto zstd = BlockEncoder::Create(wire::Compression::kZstd).value();
  EXPECT_EQ(ReadBlockHeader(Encoded(lz4, records).data())->codec, kStoredRaw);
  EXPECT_EQ(ReadBlockHeader(Encoded(zstd, records).data())->codec, kStoredZstd);
}

TEST(BlockEncoder, Encode_HardlyTriesWhatDoesNotCompress_AndFindsWhenItDoesAgain) {
  Random random(2);
  std::string noise(kBlockTargetBytes, '\0');
  for (char& c : noise) c = static_cast<char>(random.Next());
  const std::string text(kBlockTargetBytes, 't');
  for (auto compression : {wire::Compression::kLz4, wire::Compression::kZstd}) {
    auto encoder = BlockEncoder::Create(compression).value();
    const auto is_raw = [&](const std::string& block) {
      return ReadBlockHeader(Encoded(encoder, block).data())->codec == kStoredRaw;
    };
    EXPECT_FALSE(is_raw(text));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(is_raw(noise));
    EXPECT_FALSE(is_raw(text)) << "three in vain are no reason to give up";
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(is_raw(noise));
    int raw = 0;
    while (is_raw(text)) ASSERT_LT(++raw, 16);
    EXPECT_GT(raw, 0);
    EXPECT_FALSE(is_raw(text));
  }
}

TEST(BlockHeader, Read_RefusesAFewBytesThatWouldBecomeAGigabyte) {
  auto encoder = BlockEncoder::Create(wire::Compression::kLz4).value();
  std::string encoded = Encoded(encoder, std::string(1000, 't'));
  ASSERT_TRUE(ReadBlockHeader(encoded.data()).has_value());
  const auto stored = LoadLittle<uint32_t>(encoded.data() + 20);
  StoreLittle<uint32_t>(encoded.data() + 16, stored * 255 + 1);
  EXPECT_FALSE(ReadBlockHeader(encoded.data()).has_value());
}

TEST(RunFile, Digest_DoesNotDependOnOrderOrCodec) {
  MemoryEnv env;
  Records records = {{"a", "1"}, {"a", "2"}, {"b", "3"}};
  Records shuffled = {{"a", "2"}, {"a", "1"}, {"b", "3"}};
  Records moved = {{"a", "12"}, {"a", ""}, {"b", "3"}};
  auto digest = [&](const char* path, const Records& r, wire::Compression c) {
    return WriteRun(env, path, 1, {{0, r}}, c)[0].digest;
  };
  uint64_t plain = digest("/1", records, wire::Compression::kNone);
  EXPECT_EQ(plain, digest("/2", shuffled, wire::Compression::kLz4));
  EXPECT_NE(plain, digest("/3", moved, wire::Compression::kNone));
}

// The format is written down: a change of a single byte needs a new version. Regenerate (after changing the
// version) by running this test with MR_REWRITE_GOLDEN=1.
TEST(RunFile, Format_MatchesTheGoldenBytes) {
  MemoryEnv env;
  WriteRun(env, "/run", 4, SmallRun());
  std::string path = std::string(MR_SOURCE_DIR) + "/test/golden/run_v1.bin";
  if (std::getenv("MR_REWRITE_GOLDEN") != nullptr) {
    ASSERT_TRUE(WriteFileAtomically(PosixEnv(), path, Bytes(env, "/run")).has_value());
  }
  auto golden = ReadWholeFile(PosixEnv(), path);
  ASSERT_TRUE(golden.has_value()) << golden.error().text;
  EXPECT_EQ(ToHex(*golden), ToHex(Bytes(env, "/run")));
}

// Reads index and all partitions; empty text if all of it was accepted, with the records in `seen`.
std::string ReadAll(Env& env, const std::string& path, Partitions& seen) {
  auto file = env.OpenForRead(path);
  auto index = ReadRunIndex(**file);
  if (!index) return index.error().code == ErrorCode::kDataLoss ? "refused" : "wrong code";
  for (uint32_t p = 0; p < index->size(); ++p) {
    Step end;
    Merger merger(env, {SegmentInput::From(FileSegment(path, (*index)[p]))}, {});
    Records records = Drain(merger, end);
    if (end != Step::kEnd) return merger.error().code == ErrorCode::kDataLoss ? "refused" : "wrong code";
    if (!records.empty()) seen[p] = records;
  }
  return "";
}

TEST(RunFile, Damage_AFlippedBitAtAnyByteIsFound) {
  for (auto compression : kCompressions) {
    MemoryEnv env;
    WriteRun(env, "/run", 4, SmallRun(), compression);
    std::string good = Bytes(env, "/run");
    for (size_t i = 0; i < good.size(); ++i) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
      ASSERT_TRUE(WriteFileAtomically(env, "/bad", bad).has_value());
      Partitions seen;
      EXPECT_EQ(ReadAll(env, "/bad", seen), "refused") << "byte " << i << " of " << good.size();
    }
  }
}

TEST(RunFile, Damage_TruncationAtAnyByteIsFound) {
  MemoryEnv env;
  auto extents = WriteRun(env, "/run", 4, SmallRun(), wire::Compression::kLz4);
  std::string good = Bytes(env, "/run");
  for (size_t size = 0; size < good.size(); ++size) {
    ASSERT_TRUE(WriteFileAtomically(env, "/bad", good.substr(0, size)).has_value());
    Partitions seen;
    EXPECT_EQ(ReadAll(env, "/bad", seen), "refused") << "cut to " << size;
  }
  // A segment alone, as it travels: every cut of it too.
  for (size_t size = 0; size < extents[0].bytes; ++size) {
    Segment segment;
    segment.memory = SegmentBytes(good.substr(0, size));
    segment.bytes = extents[0].bytes;
    Step end;
    ReadSegment(env, segment, end);
    EXPECT_EQ(end, Step::kError) << "cut to " << size;
  }
}

TEST(RunFile, Damage_AMissingOrSwappedBlockIsFound) {
  MemoryEnv env;
  Records records;
  for (int i = 0; i < 40; ++i) records.emplace_back(std::to_string(100 + i), std::string(20'000, 'v'));
  auto extents = WriteRun(env, "/run", 1, {{0, records}});
  std::string bytes = Bytes(env, "/run").substr(0, extents[0].bytes);
  std::vector<std::string> blocks;
  for (size_t at = 0; at < bytes.size(); at += blocks.back().size()) {
    auto header = ReadBlockHeader(bytes.data() + at);
    ASSERT_TRUE(header.has_value());
    blocks.push_back(bytes.substr(at, kBlockHeaderBytes + header->stored_bytes));
  }
  ASSERT_GE(blocks.size(), 4u);
  auto refused = [&](std::vector<std::string> order) {
    Segment segment;
    std::string joined;
    for (const std::string& block : order) joined += block;
    segment.memory = SegmentBytes(joined);
    segment.bytes = segment.memory.size();
    Step end;
    ReadSegment(env, segment, end);
    return end == Step::kError;
  };
  EXPECT_FALSE(refused(blocks));
  auto without_last = blocks, without_second = blocks, swapped = blocks, doubled = blocks;
  without_last.pop_back();
  without_second.erase(without_second.begin() + 1);
  std::swap(swapped[0], swapped[1]);
  doubled.push_back(blocks.back());
  EXPECT_TRUE(refused(without_last));
  EXPECT_TRUE(refused(without_second));
  EXPECT_TRUE(refused(swapped));
  EXPECT_TRUE(refused(doubled));
}

TEST(RunFile, Damage_NamesTheMapAttempt) {
  MemoryEnv env;
  auto extents = WriteRun(env, "/run", 1, {{0, {{"a", "1"}}}});
  std::string bytes = Bytes(env, "/run");
  bytes[kBlockHeaderBytes + 8] ^= 1;
  ASSERT_TRUE(WriteFileAtomically(env, "/run", bytes).has_value());
  AttemptId source{TaskId{JobId{42}, Phase::kMap, 107}, 2, 5};

  Merger merger(env, {SegmentInput::From(FileSegment("/run", extents[0], source))}, {});

  EXPECT_EQ(merger.Next(), Step::kError);
  EXPECT_EQ(merger.error().code, ErrorCode::kDataLoss);
  EXPECT_NE(merger.error().text.find("j42-m107.2"), std::string::npos) << merger.error().text;
  EXPECT_EQ(merger.damaged_source(), source);
}

TEST(RunFile, ReadError_IsNotBlamedOnTheMap) {
  MemoryEnv memory;
  FaultEnv env(memory);
  auto extents = WriteRun(env, "/run", 1, {{0, {{"a", "1"}}}});
  AttemptId source{TaskId{JobId{42}, Phase::kMap, 1}, 0, 5};
  env.SetPlan([](const mr::test::FaultCall& call) {
    return call.op == "ReadAt" ? mr::test::Fault::kFail : mr::test::Fault::kNone;
  });

  Merger merger(env, {SegmentInput::From(FileSegment("/run", extents[0], source))}, {});

  EXPECT_EQ(merger.Next(), Step::kError);
  EXPECT_EQ(merger.error().code, ErrorCode::kIo);
  EXPECT_FALSE(merger.damaged_source().has_value());
}

TEST(RunWriter, Append_TellsAFullDiskOnceAndForAll) {
  MemoryEnv memory;
  FaultEnv env(memory);
  env.LimitSpace(100'000);
  auto run = RunWriter::Create(env, "/run", {.partitions = 1, .compression = wire::Compression::kNone});
  ASSERT_TRUE(run.has_value());
  ASSERT_TRUE((*run)->StartPartition(0));
  bool ok = true;
  for (int i = 0; i < 10'000 && ok; ++i) ok = (*run)->Append("key", std::string(100, 'v'));
  EXPECT_FALSE(ok);
  EXPECT_FALSE((*run)->Append("key", "value"));
  auto finished = (*run)->Finish();
  ASSERT_FALSE(finished.has_value());
  EXPECT_EQ(finished.error().code, ErrorCode::kNoSpace);
}

TEST(RunWriter, Create_RefusesGzipAndAnExistingFile) {
  MemoryEnv env;
  auto gzip = RunWriter::Create(env, "/run", {.compression = wire::Compression::kGzip});
  ASSERT_FALSE(gzip.has_value());
  EXPECT_EQ(gzip.error().code, ErrorCode::kInvalidArgument);
  WriteRun(env, "/run", 1, {});
  auto again = RunWriter::Create(env, "/run", {});
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
}

}  // namespace
}  // namespace mr::worker::test
