#include "common/base/hash.h"

#include <gtest/gtest.h>

namespace mr {
namespace {

// Partitioning and the checksums on disk depend on these values for ever.
TEST(Hash, Hash64_IsXxh3) {
  EXPECT_EQ(Hash64(""), 0x2d06800538d394c2u);
  EXPECT_EQ(Hash64("a"), 0xe6c632b61e964e1fu);
}

TEST(Hash, StreamHash64_EqualsTheWholeForAnyPieces) {
  const std::string text(1000, 'x');
  for (const size_t piece : {1u, 7u, 256u, 1000u}) {
    StreamHash64 stream;
    for (size_t at = 0; at < text.size(); at += piece) stream.Update(std::string_view(text).substr(at, piece));
    EXPECT_EQ(stream.Digest(), Hash64(text));
  }
}

TEST(Hash, Sha256Hex_MatchesTheStandardsExample) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace mr
