#include "worker/shuffle/protocol.h"

#include <gtest/gtest.h>

#include "common/base/random.h"
#include "common/base/strings.h"

namespace mr::worker {
namespace {

FetchMessage SampleFetch() {
  FetchMessage message;
  message.kind = ShuffleKind::kFetch;
  message.fetch_id = 0x1122334455667788u;
  message.credits = 8;
  message.partition = 3;
  message.sources = {{AttemptId{TaskId{JobId{42}, Phase::kMap, 107}, 2, 9}, 0},
                     {AttemptId{TaskId{JobId{42}, Phase::kMap, 108}, 1, 9}, 1u << 20}};
  return message;
}

ServerMessage SamplePiece() {
  ServerMessage message;
  message.kind = ShuffleKind::kPiece;
  message.fetch_id = 5;
  message.parts = {{0, PartStatus::kBytes, 100, 95, 5},
                   {1, PartStatus::kBytes, 0, 0, 0},
                   {2, PartStatus::kNotHere, 0, 0, 4}};
  return message;
}

TEST(ShuffleProtocol, Fetch_RoundTrip) {
  const auto decoded = DecodeFetchMessage(Encode(SampleFetch()));
  ASSERT_TRUE(decoded.has_value()) << decoded.error().text;
  EXPECT_EQ(*decoded, SampleFetch());
}

// As FORMAT.md says: workers of two releases may meet.
TEST(ShuffleProtocol, Fetch_GoldenBytes) {
  EXPECT_EQ(ToHex(Encode(SampleFetch())),
            "4d525346"
            "01"
            "01"
            "8877665544332211"
            "03000000"
            "08000000"
            "02000000"
            "2a00000000000000"
            "6b000000"
            "02000000"
            "0900000000000000"
            "0000000000000000"
            "2a00000000000000"
            "6c000000"
            "01000000"
            "0900000000000000"
            "0000100000000000");
}

TEST(ShuffleProtocol, Piece_GoldenBytes) {
  EXPECT_EQ(ToHex(EncodeHeader(SamplePiece())),
            "4d525346"
            "01"
            "04"
            "0500000000000000"
            "03000000"
            "00000000"
            "00000000"
            "6400000000000000"
            "5f00000000000000"
            "05000000"
            "01000000"
            "00000000"
            "0000000000000000"
            "0000000000000000"
            "00000000"
            "02000000"
            "01000000"
            "0000000000000000"
            "0000000000000000"
            "04000000");
}

TEST(ShuffleProtocol, CreditAndPing_RoundTrip) {
  FetchMessage message;
  message.kind = ShuffleKind::kCredit;
  message.fetch_id = 1;
  message.credits = 2;
  EXPECT_EQ(*DecodeFetchMessage(Encode(message)), message);
  message.kind = ShuffleKind::kPing;
  message.credits = 0;
  EXPECT_EQ(*DecodeFetchMessage(Encode(message)), message);
}

TEST(ShuffleProtocol, Piece_RoundTrip) {
  const std::string bytes = EncodeHeader(SamplePiece()) + "tail" + "sgone";
  const auto decoded = DecodeServerMessage(bytes);
  ASSERT_TRUE(decoded.has_value()) << decoded.error().text;
  EXPECT_EQ(decoded->fetch_id, 5u);
  EXPECT_EQ(decoded->parts, SamplePiece().parts);
  EXPECT_EQ(decoded->payload, "tailsgone");
}

TEST(ShuffleProtocol, Pong_RoundTrip) {
  for (const bool known : {false, true}) {
    ServerMessage message;
    message.kind = ShuffleKind::kPong;
    message.fetch_id = 77;
    message.known = known;
    const auto decoded = DecodeServerMessage(EncodeHeader(message));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->known, known);
    EXPECT_EQ(decoded->fetch_id, 77u);
  }
}

TEST(ShuffleProtocol, Decode_RefusesEveryTruncationAndTail) {
  const std::string fetch = Encode(SampleFetch());
  for (size_t size = 0; size < fetch.size(); ++size)
    EXPECT_FALSE(DecodeFetchMessage(fetch.substr(0, size))) << size;
  EXPECT_FALSE(DecodeFetchMessage(fetch + "x"));
  const std::string piece = EncodeHeader(SamplePiece()) + "tailsgone";
  for (size_t size = 0; size < piece.size(); ++size)
    EXPECT_FALSE(DecodeServerMessage(piece.substr(0, size))) << size;
  EXPECT_FALSE(DecodeServerMessage(piece + "x"));
}

TEST(ShuffleProtocol, Decode_RefusesWhatIsOutOfRange) {
  FetchMessage fetch = SampleFetch();
  fetch.credits = kMaxCredits + 1;
  EXPECT_FALSE(DecodeFetchMessage(Encode(fetch)));
  fetch.credits = 0;
  EXPECT_FALSE(DecodeFetchMessage(Encode(fetch)));
  fetch = SampleFetch();
  fetch.sources.clear();
  EXPECT_FALSE(DecodeFetchMessage(Encode(fetch)));
  std::string many = Encode(SampleFetch());
  many.replace(22, 4, "\xff\xff\xff\xff");  // count
  EXPECT_FALSE(DecodeFetchMessage(many));
  ServerMessage piece = SamplePiece();
  piece.parts = {{0, PartStatus::kBytes, 4, 2, 4}};  // behind the segment's end
  EXPECT_FALSE(DecodeServerMessage(EncodeHeader(piece) + "aaaa"));
  piece.parts = {{0, PartStatus::kBytes, ~uint64_t{0}, ~uint64_t{0}, 4}};
  EXPECT_FALSE(DecodeServerMessage(EncodeHeader(piece) + "aaaa"));
}

TEST(ShuffleProtocol, Decode_OtherVersionIsUnsupported) {
  std::string bytes = Encode(SampleFetch());
  bytes[4] = 9;
  EXPECT_EQ(DecodeFetchMessage(bytes).error().code, ErrorCode::kUnsupported);
}

TEST(ShuffleProtocol, Decode_SurvivesDamage) {
  Random random(1);
  const std::string fetch = Encode(SampleFetch());
  const std::string piece = EncodeHeader(SamplePiece()) + "tailsgone";
  for (int round = 0; round < 20000; ++round) {
    std::string damaged = round % 2 == 0 ? fetch : piece;
    for (uint64_t flips = 1 + random.Below(4); flips > 0; --flips) {
      damaged[random.Below(damaged.size())] = static_cast<char>(random.Next());
    }
    (void)DecodeFetchMessage(damaged);
    (void)DecodeServerMessage(damaged);
  }
}

}  // namespace
}  // namespace mr::worker
