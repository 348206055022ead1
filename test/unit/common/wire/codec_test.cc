#include "common/wire/codec.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "test/support/one_of_each.h"
#include "test/support/paths.h"

namespace mr::wire {
namespace {

using mr::test::Filler;
using mr::test::OneOfEach;

template <class M>
class Codec : public testing::Test {};
using Messages = testing::Types<Request, Response, ToTaskMessage, FromTaskMessage, Record>;
TYPED_TEST_SUITE(Codec, Messages);

TYPED_TEST(Codec, Lesson02_EveryFieldOfEveryKindSurvives) {
  for (const TypeParam& message : OneOfEach<TypeParam>()) {
    const auto decoded = Decode<TypeParam>(Encode(message));
    ASSERT_TRUE(decoded) << decoded.error().text;
    EXPECT_TRUE(*decoded == message) << Describe(message) << "\n" << Describe(*decoded);
  }
}

TYPED_TEST(Codec, Lesson02_TruncationAtEveryByteIsAnError) {
  for (const TypeParam& message : OneOfEach<TypeParam>()) {
    const std::string bytes = Encode(message);
    for (size_t length = 0; length < bytes.size(); ++length) {
      EXPECT_FALSE(Decode<TypeParam>(std::string_view(bytes).substr(0, length))) << length;
    }
    EXPECT_FALSE(Decode<TypeParam>(bytes + "x")) << "bytes behind the end";
  }
}

TYPED_TEST(Codec, Decode_SurvivesFlippedBytes) {
  Random random(7);
  for (const TypeParam& message : OneOfEach<TypeParam>()) {
    const std::string good = Encode(message);
    for (int round = 0; round < 300; ++round) {
      std::string bytes = good;
      for (uint64_t flips = 1 + random.Below(4); flips > 0; --flips) {
        bytes[random.Below(bytes.size())] = static_cast<char>(random.Next());
      }
      if (const auto decoded = Decode<TypeParam>(bytes)) {
        EXPECT_TRUE(Decode<TypeParam>(Encode(*decoded))) << "what was accepted can be sent on";
      }
    }
  }
}

TYPED_TEST(Codec, Decode_SurvivesRandomBytes) {
  Random random(11);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes(random.Below(200), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.Next());
    [[maybe_unused]] const auto decoded = Decode<TypeParam>(bytes);
  }
}

// Decoding builds a fresh object: nothing of an earlier one can shine through (its result is a new value, and an
// optional or a list that is absent in the bytes is absent in the object).
TEST(Codec15, Lesson15_ASecondDecodeKeepsNothingOfTheFirst) {
  const auto full = OneOfEach<Request>();
  for (int round = 0; round < 2; ++round) {
    for (const Request& message : full) {
      const auto decoded = Decode<Request>(Encode(message));
      ASSERT_TRUE(decoded) << decoded.error().text;
      EXPECT_TRUE(*decoded == message);
    }
  }
  const auto empty = Decode<Request>(Encode(Request{}));
  ASSERT_TRUE(empty);
  EXPECT_TRUE(*empty == Request{});
}

TEST(CodecLimits, UnknownTag_IsRefusedAsNewer) {
  // Request: [1, protocol, cluster, client, request_id, epoch, [99, [1]]]
  const std::string bytes("\x97\x01\x01\xa0\x00\x00\x00\x92\x63\x91\x01", 11);
  const auto decoded = Decode<Request>(bytes);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(decoded.error().text.find("unknown kind 99"), std::string::npos) << decoded.error().text;
}

TEST(CodecLimits, UnknownVersion_IsRefusedAsNewer) {
  std::string bytes = Encode(Request{});
  bytes[1] = 2;
  const auto decoded = Decode<Request>(bytes);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(decoded.error().text.find("version 2"), std::string::npos) << decoded.error().text;
}

TEST(CodecLimits, HugeArrayHeader_AllocatesNothing) {
  const auto decoded = Decode<Request>(std::string("\xdd\xff\xff\xff\xff", 5));
  ASSERT_FALSE(decoded);
  EXPECT_NE(decoded.error().text.find("array size overflow"), std::string::npos) << decoded.error().text;
}

TEST(CodecLimits, DeepNesting_IsRefused) {
  EXPECT_FALSE(Decode<Request>(std::string(100'000, '\x91')));
}

TEST(CodecLimits, UnknownEnumerator_IsRefused) {
  Response response;
  ErrorResponse body;
  body.code = static_cast<ErrorCode>(200);
  response.body = body;
  const auto decoded = Decode<Response>(Encode(response));
  ASSERT_FALSE(decoded);
  EXPECT_NE(decoded.error().text.find("unknown value 200"), std::string::npos) << decoded.error().text;
}

// The bytes of version 1, for ever. `MR_REWRITE=1` writes them anew: only for a new kind of message.
TEST(CodecGolden, Lesson02_BytesOfEveryKindAreAsInTheGoldenFile) {
  std::ostringstream now;
  const auto dump = [&](const auto& messages) {
    for (const auto& message : messages) {
      std::visit([&](const auto& body) { now << MrName(message) << "." << MrName(body); }, message.body);
      now << " " << ToHex(Encode(message)) << "\n";
    }
  };
  dump(OneOfEach<Request>());
  dump(OneOfEach<Response>());
  dump(OneOfEach<ToTaskMessage>());
  dump(OneOfEach<FromTaskMessage>());
  dump(OneOfEach<Record>());
  const std::string path = std::string(MR_SOURCE_DIR) + "/test/golden/wire_v1.txt";
  if (std::getenv("MR_REWRITE") != nullptr) std::ofstream(path) << now.str();
  std::ostringstream golden;
  golden << std::ifstream(path).rdbuf();
  EXPECT_TRUE(golden.str() == now.str()) << "the bytes of a message changed; see " << path;
}

TEST(CodecDescribe, NamesFieldsAndCutsLongLists) {
  Request request;
  KillRequest kill;
  kill.job = JobId{42};
  kill.reason = "why not";
  request.body = kill;
  EXPECT_NE(Describe(request).find("body=KillRequest{job=42 task=none reason=\"why not\"}"), std::string::npos)
      << Describe(request);
}

}  // namespace
}  // namespace mr::wire
