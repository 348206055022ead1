#include "worker/input/record_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "common/base/random.h"
#include "test/support/fault_env.h"
#include "test/unit/worker/input/input_test_util.h"
#include "worker/input/input_buffer.h"

namespace mr::worker::test {
namespace {

using mr::test::FaultEnv;
using mr::test::MemoryEnv;
using testing::ElementsAre;
using testing::HasSubstr;
using wire::InputFormat;

// ---- oracles: a file read from front to back, the naive way
// -------------------------------------------

std::vector<ReadRecord> OracleLines(const std::string& text) {
  std::vector<ReadRecord> out;
  size_t start = 0;
  while (start < text.size()) {
    const size_t newline = text.find('\n', start);
    if (newline == std::string::npos) {
      out.push_back({start, text.substr(start)});
      break;
    }
    const size_t end = newline > start && text[newline - 1] == '\r' ? newline - 1 : newline;
    out.push_back({start, text.substr(start, end - start)});
    start = newline + 1;
  }
  return out;
}

std::vector<ReadRecord> OracleFixed(const std::string& bytes, size_t width) {
  std::vector<ReadRecord> out;
  for (size_t at = 0; at + width <= bytes.size(); at += width)
    out.push_back({at, bytes.substr(at, width)});
  return out;
}

// Blocks may be cut anywhere between lines: what counts is that they join to the file and end with
// lines.
void ExpectBlocksOf(const std::string& text, const std::vector<ReadRecord>& blocks) {
  std::string joined;
  for (const ReadRecord& block : blocks) {
    EXPECT_EQ(block.offset, joined.size());
    EXPECT_FALSE(block.bytes.empty());
    joined += block.bytes;
    EXPECT_TRUE(joined.ends_with('\n') || joined.size() == text.size());
  }
  EXPECT_EQ(joined, text);
}

std::string RandomText(Random& random, size_t size) {
  std::string text;
  while (text.size() < size) {
    switch (random.Below(8)) {
      case 0:
        text += "\n";
        break;
      case 1:
        text += "\r\n";
        break;
      case 2:
        text += '\r';
        break;
      case 3:
        text += '\0';
        break;
      case 4:
        text.append(random.Below(40), 'x');
        break;
      default:
        text += static_cast<char>('a' + random.Below(26));
        break;
    }
  }
  return text;
}

// ---- splits
// ------------------------------------------------------------------------------------------------

TEST(RecordReader, Next_AnySplitSize_EveryRecordExactlyOnce) {
  MemoryEnv env;
  Random random(7);
  for (int round = 0; round < 30; ++round) {
    const std::string text = RandomText(random, 1 + random.Below(120));
    const wire::InputFile file = AddInput(env, "text", text);
    for (uint64_t split_bytes = 1; split_bytes <= text.size() + 1; ++split_bytes) {
      const auto lines = ReadInSplits(env, file, split_bytes, InputFormat::kLines);
      ASSERT_EQ(lines, OracleLines(text)) << "round " << round << ", splits of " << split_bytes;
      const auto blocks = ReadInSplits(env, file, split_bytes, InputFormat::kBlocks);
      ASSERT_TRUE(blocks.has_value());
      ExpectBlocksOf(text, *blocks);
      const auto whole = ReadInSplits(env, file, split_bytes, InputFormat::kWhole);
      ASSERT_EQ(whole, (std::vector<ReadRecord>{{0, text}}));
    }
  }
}

TEST(RecordReader, Next_FixedInAnySplitSize_EveryRecordExactlyOnce) {
  MemoryEnv env;
  Random random(8);
  for (const size_t width : {1u, 2u, 7u, 10u, 33u}) {
    const std::string bytes = RandomText(random, 140).substr(0, 132 / width * width);
    const wire::InputFile file = AddInput(env, "fixed", bytes);
    for (uint64_t split_bytes = 1; split_bytes <= bytes.size() + 1; ++split_bytes) {
      ASSERT_EQ(ReadInSplits(env, file, split_bytes, InputFormat::kFixed, width),
                OracleFixed(bytes, width))
          << "width " << width << ", splits of " << split_bytes;
    }
  }
}

// Larger than all buffers, with lines around their sizes, cut at awkward places.
TEST(RecordReader, Next_TextLargerThanTheBuffers_EveryRecordExactlyOnce) {
  MemoryEnv env;
  Random random(9);
  std::string text;
  while (text.size() < 3'500'000) {
    const uint64_t kind = random.Below(400);
    const size_t length = kind == 0 ? kBatchBytes - 2 + random.Below(5) : random.Below(90);
    text.append(length, static_cast<char>('a' + random.Below(26)));
    text += kind % 5 == 0 ? "\r\n" : "\n";
  }
  text += std::string(kReadBytes + 17, 'z') + "\nend";
  const wire::InputFile file = AddInput(env, "large", text);
  const auto oracle = OracleLines(text);
  for (const uint64_t split_bytes :
       {uint64_t{65'537}, uint64_t{kBatchBytes}, uint64_t{kReadBytes - 1}, uint64_t{kReadBytes},
        uint64_t{text.size()}}) {
    const auto lines = ReadInSplits(env, file, split_bytes, InputFormat::kLines);
    ASSERT_TRUE(lines == oracle) << "splits of " << split_bytes;
    const auto blocks = ReadInSplits(env, file, split_bytes, InputFormat::kBlocks);
    ASSERT_TRUE(blocks.has_value());
    ExpectBlocksOf(text, *blocks);
  }
}

TEST(RecordReader, Next_Lines_ComeInBatchesOfBoundedSize) {
  MemoryEnv env;
  std::string text;
  while (text.size() < (3u << 20)) text += "0123456789012345678901234567890123456789\n";
  const wire::InputFile file = AddInput(env, "lines", text);
  const auto reader = RecordReader::Open(env, WholeSplit(file), InputFormat::kLines, 0);
  ASSERT_TRUE(reader.has_value());
  RecordReader::Batch batch;
  int batches = 0;
  while (*(*reader)->Next(batch)) {
    ++batches;
    EXPECT_LE(batch.records->size() * 41, kBatchBytes + 41);
  }
  EXPECT_GE(batches, 12);
  EXPECT_LE(batches, 20);
  EXPECT_EQ(batch.input_bytes, text.size());
}

TEST(RecordReader, Next_Blocks_AreAboutABatchLong) {
  MemoryEnv env;
  std::string text;
  while (text.size() < (3u << 20)) text += "0123456789\n";
  const wire::InputFile file = AddInput(env, "blocks", text);
  const auto blocks = ReadSplit(env, WholeSplit(file), InputFormat::kBlocks);
  ASSERT_TRUE(blocks.has_value());
  EXPECT_GE(blocks->size(), 12u);
  EXPECT_LE(blocks->size(), 14u);
}

TEST(RecordReader, Next_LineOf100MB_IsOneRecordOfTheSplitItStartsIn) {
  MemoryEnv env;
  constexpr size_t kLong = 100'000'000;
  std::string text = "first\n";
  text.append(kLong, 'x');
  text += "\nlast\n";
  const wire::InputFile file = AddInput(env, "long", std::move(text));
  const uint64_t middle = 40'000'000;
  const auto front = ReadSplit(env, {file, 0, middle}, InputFormat::kLines);
  const auto back = ReadSplit(env, {file, middle, file.size_bytes}, InputFormat::kLines);
  ASSERT_TRUE(front.has_value() && back.has_value());
  ASSERT_EQ(front->size(), 2u);
  EXPECT_EQ((*front)[1].bytes.size(), kLong);
  EXPECT_THAT(*back, ElementsAre(ReadRecord{kLong + 7, "last"}));
}

// ---- what is a record
// -----------------------------------------------------------------------------------------

TEST(RecordReader, Next_CarriageReturns_AreTakenOffOnlyBeforeANewline) {
  MemoryEnv env;
  const wire::InputFile file = AddInput(env, "crlf", "a\r\n\r\nb\rc\n\r\r\nd\r");
  EXPECT_THAT(*ReadSplit(env, WholeSplit(file), InputFormat::kLines),
              ElementsAre(ReadRecord{0, "a"}, ReadRecord{3, ""}, ReadRecord{5, "b\rc"},
                          ReadRecord{9, "\r"}, ReadRecord{12, "d\r"}));
}

TEST(RecordReader, Next_EmptyFile_HasNoLineButOneWholeRecord) {
  MemoryEnv env;
  const wire::InputFile file = AddInput(env, "empty", "");
  EXPECT_TRUE(ReadSplit(env, WholeSplit(file), InputFormat::kLines)->empty());
  EXPECT_TRUE(ReadSplit(env, WholeSplit(file), InputFormat::kBlocks)->empty());
  EXPECT_TRUE(ReadSplit(env, WholeSplit(file), InputFormat::kFixed, 8)->empty());
  EXPECT_THAT(*ReadSplit(env, WholeSplit(file), InputFormat::kWhole),
              ElementsAre(ReadRecord{0, ""}));
}

// ---- refusals
// --------------------------------------------------------------------------------------------------

TEST(RecordReader, Open_MissingFile_IsNotFound) {
  MemoryEnv env;
  wire::InputFile file;
  file.path = "/in/none";
  const auto reader = RecordReader::Open(env, {file, 0, 10}, InputFormat::kLines, 0);
  ASSERT_FALSE(reader.has_value());
  EXPECT_EQ(reader.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(reader.error().text, HasSubstr("/in/none"));
}

TEST(RecordReader, Open_ADirectory_IsRefused) {
  MemoryEnv env;
  AddInput(env, "dir/file", "x");
  wire::InputFile file;
  file.path = "/in/dir";
  const auto reader = RecordReader::Open(env, {file, 0, 10}, InputFormat::kLines, 0);
  ASSERT_FALSE(reader.has_value());
  EXPECT_EQ(reader.error().code, ErrorCode::kInvalidArgument);
}

TEST(RecordReader, Open_ChangedFile_IsRefusedNamingBothSides) {
  MemoryEnv env;
  const wire::InputFile before = AddInput(env, "file", "four");
  const wire::InputFile after = AddInput(env, "file", "five!");
  const auto reader = RecordReader::Open(env, WholeSplit(before), InputFormat::kLines, 0);
  ASSERT_FALSE(reader.has_value());
  EXPECT_EQ(reader.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(reader.error().text, HasSubstr("4 bytes"));
  EXPECT_THAT(reader.error().text, HasSubstr("5 bytes"));

  wire::InputFile same_size = after;
  same_size.mtime_ns += 1;
  EXPECT_FALSE(RecordReader::Open(env, WholeSplit(same_size), InputFormat::kLines, 0).has_value());
  same_size.mtime_ns = 0;  // do not check
  EXPECT_TRUE(RecordReader::Open(env, WholeSplit(same_size), InputFormat::kLines, 0).has_value());
}

TEST(RecordReader, Open_TornFixedFile_NamesFileSizeAndWidth) {
  MemoryEnv env;
  const wire::InputFile file = AddInput(env, "torn", "0123456789abc");
  const auto reader = RecordReader::Open(env, WholeSplit(file), InputFormat::kFixed, 5);
  ASSERT_FALSE(reader.has_value());
  EXPECT_EQ(reader.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(reader.error().text, HasSubstr("/in/torn"));
  EXPECT_THAT(reader.error().text, HasSubstr("13"));
  EXPECT_THAT(reader.error().text, HasSubstr("5"));
  EXPECT_FALSE(RecordReader::Open(env, WholeSplit(file), InputFormat::kFixed, 0).has_value());
}

TEST(RecordReader, Next_TornFixedCompressedFile_IsRefusedAtItsEnd) {
  MemoryEnv env;
  const wire::InputFile file = AddInput(env, "torn.gz", Gzip("0123456789abc"));
  const auto records = ReadSplit(env, WholeSplit(file), InputFormat::kFixed, 5);
  ASSERT_FALSE(records.has_value());
  EXPECT_EQ(records.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(records.error().text, HasSubstr("13"));
}

TEST(RecordReader, Next_ReadFailsAtAnyCall_IsReported) {
  MemoryEnv memory;
  const wire::InputFile file = AddInput(memory, "file", std::string(2u << 20, 'x') + "\nlast\n");
  FaultEnv counting(memory);
  ASSERT_TRUE(ReadSplit(counting, WholeSplit(file), InputFormat::kLines).has_value());
  for (uint64_t call = 1; call <= counting.call_count(); ++call) {
    FaultEnv env(memory);
    env.FailOnce(call);
    const auto records = ReadSplit(env, WholeSplit(file), InputFormat::kLines);
    ASSERT_FALSE(records.has_value()) << "call " << call;
    EXPECT_EQ(records.error().code, ErrorCode::kIo);
  }
}

// ---- for messages
// ------------------------------------------------------------------------------------------------

TEST(LineNumberAt, CountsFromOne_AlsoInCompressedFiles) {
  MemoryEnv env;
  const std::string text = "a\nbb\r\n\nccc";
  for (const wire::InputFile& file : {AddInput(env, "t", text), AddInput(env, "t.gz", Gzip(text)),
                                      AddInput(env, "t.zst", Zstd(text))}) {
    EXPECT_EQ(LineNumberAt(env, file, 0), 1u);
    EXPECT_EQ(LineNumberAt(env, file, 1), 1u);
    EXPECT_EQ(LineNumberAt(env, file, 2), 2u);
    EXPECT_EQ(LineNumberAt(env, file, 7), 4u);
    EXPECT_EQ(LineNumberAt(env, file, 9), 4u);
  }
  EXPECT_EQ(LineNumberAt(env, UncheckedInput("/in/none"), 5), 0u);
}

TEST(ExcerptAt, GivesTheRestOfTheLine_AlsoInCompressedFiles) {
  MemoryEnv env;
  const std::string text = "a\nbb\r\n\nccc";
  for (const wire::InputFile& file : {AddInput(env, "t", text), AddInput(env, "t.gz", Gzip(text)),
                                      AddInput(env, "t.zst", Zstd(text))}) {
    EXPECT_EQ(ExcerptAt(env, file, 2, 100), "bb");
    EXPECT_EQ(ExcerptAt(env, file, 6, 100), "");
    EXPECT_EQ(ExcerptAt(env, file, 7, 2), "cc");
    EXPECT_EQ(ExcerptAt(env, file, 1000, 2), "");
  }
  EXPECT_EQ(ExcerptAt(env, UncheckedInput("/in/none"), 5, 9), "");
}

}  // namespace
}  // namespace mr::worker::test
