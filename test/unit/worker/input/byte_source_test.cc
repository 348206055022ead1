#include "worker/input/byte_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/random.h"
#include "test/unit/worker/input/input_test_util.h"

namespace mr::worker::test {
namespace {

using mr::test::MemoryEnv;
using testing::HasSubstr;
using wire::InputFormat;

Result<std::string> ReadAll(Env& env, const wire::InputFile& file, size_t step = 64u << 10) {
  MR_ASSIGN_OR_RETURN(const auto source, OpenByteSource(env, file, 0, CheckInput::kYes));
  std::string out;
  std::string buffer(step, '\0');
  for (;;) {
    MR_ASSIGN_OR_RETURN(const size_t got, source->Read(buffer));
    if (got == 0) break;
    out.append(buffer, 0, got);
  }
  EXPECT_EQ(source->raw_bytes(), file.size_bytes);
  return out;
}

// Poorly compressible, with lines.
std::string SampleText(size_t size) {
  Random random(3);
  std::string text;
  while (text.size() < size) {
    text += static_cast<char>('a' + random.Below(26));
    if (random.Below(30) == 0) text += '\n';
  }
  return text;
}

struct Codec {
  const char* end;
  std::string (*compress)(std::string_view);
};
const Codec kCodecs[] = {{".gz", Gzip},
                         {".zst", [](std::string_view bytes) { return Zstd(bytes); }}};

TEST(ByteSource, Read_Compressed_GivesThePlainBytesForAnyBuffer) {
  MemoryEnv env;
  const std::string text = SampleText(900'000);
  for (const Codec& codec : kCodecs) {
    const wire::InputFile file = AddInput(env, std::string("t") + codec.end, codec.compress(text));
    for (const size_t step : {size_t{4097}, size_t{1} << 20})
      EXPECT_TRUE(ReadAll(env, file, step) == text);
  }
}

TEST(ByteSource, Read_ConcatenatedMembers_AreOneStream) {
  MemoryEnv env;
  for (const Codec& codec : kCodecs) {
    const std::string members =
        codec.compress("one\ntw") + codec.compress("") + codec.compress("o\nthree");
    const wire::InputFile file = AddInput(env, std::string("m") + codec.end, members);
    EXPECT_EQ(ReadAll(env, file), "one\ntwo\nthree");
    EXPECT_EQ(ReadAll(env, file, 1), "one\ntwo\nthree");
    EXPECT_EQ(ReadSplit(env, WholeSplit(file), InputFormat::kLines)->size(), 3u);
  }
}

TEST(ByteSource, Read_TruncatedAnywhere_IsDataLoss) {
  MemoryEnv env;
  for (const Codec& codec : kCodecs) {
    const std::string good = codec.compress("some text that is long enough\n");
    for (size_t size = 0; size < good.size(); ++size) {
      const wire::InputFile file =
          AddInput(env, std::string("cut") + codec.end, good.substr(0, size));
      const auto read = ReadAll(env, file);
      ASSERT_FALSE(read.has_value()) << codec.end << " cut to " << size;
      EXPECT_EQ(read.error().code, ErrorCode::kDataLoss);
      EXPECT_THAT(read.error().text, HasSubstr(file.path));
    }
  }
}

TEST(ByteSource, Read_TruncatedSecondMember_IsDataLoss) {
  MemoryEnv env;
  for (const Codec& codec : kCodecs) {
    const std::string members = codec.compress("first\n") + codec.compress("second\n");
    const wire::InputFile file =
        AddInput(env, std::string("cut") + codec.end, members.substr(0, members.size() - 3));
    EXPECT_EQ(ReadAll(env, file).error().code, ErrorCode::kDataLoss);
  }
}

TEST(ByteSource, Read_FlippedByte_IsDataLoss) {
  MemoryEnv env;
  for (const Codec& codec : kCodecs) {
    std::string bytes = codec.compress(SampleText(5000));
    bytes[bytes.size() / 2] ^= 0x20;
    const auto read = ReadAll(env, AddInput(env, std::string("bad") + codec.end, bytes));
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().code, ErrorCode::kDataLoss);
  }
}

TEST(ByteSource, Read_GarbageBehindGzip_IsDataLossButZeroPaddingIsFine) {
  MemoryEnv env;
  EXPECT_EQ(ReadAll(env, AddInput(env, "pad.gz", Gzip("x\n") + std::string(600, '\0'))), "x\n");
  EXPECT_EQ(ReadAll(env, AddInput(env, "bad.gz", Gzip("x\n") + "garbage")).error().code,
            ErrorCode::kDataLoss);
}

TEST(ByteSource, Read_ZstdWindowAboveTheLimit_SaysHowToCompress) {
  MemoryEnv env;
  const auto read = ReadAll(env, AddInput(env, "long.zst", Zstd("some text", 28)));
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(read.error().text, HasSubstr("--long"));
}

TEST(ByteSource, Open_CompressedFromTheMiddle_IsRefused) {
  MemoryEnv env;
  const wire::InputFile file = AddInput(env, "t.gz", Gzip("text"));
  EXPECT_EQ(OpenByteSource(env, file, 3, CheckInput::kYes).error().code,
            ErrorCode::kInvalidArgument);
}

TEST(ByteSource, Open_Lz4_IsUnsupported) {
  MemoryEnv env;
  wire::InputFile file = AddInput(env, "t", "text");
  file.compression = wire::Compression::kLz4;
  EXPECT_EQ(OpenByteSource(env, file, 0, CheckInput::kYes).error().code, ErrorCode::kUnsupported);
}

TEST(ByteSource, Read_FileThatGrows_GivesWhatWasThereAtOpening) {
  MemoryEnv env;
  ASSERT_TRUE(env.CreateDirectories("/in").has_value());
  const auto writer = env.CreateNew("/in/log");
  ASSERT_TRUE((*writer)->Append("first\n").has_value());
  const auto source = OpenByteSource(env, UncheckedInput("/in/log"), 0, CheckInput::kYes);
  ASSERT_TRUE((*writer)->Append("second\n").has_value());
  std::string buffer(100, '\0');
  EXPECT_EQ((*source)->Read(buffer), 6u);
  EXPECT_EQ((*source)->Read(buffer), 0u);
}

}  // namespace
}  // namespace mr::worker::test
