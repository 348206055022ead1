// --scratch A,B: which directories it names, and which of them takes an attempt.
#include "worker/agent/scratch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mr::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kMega = 1 << 20;

TEST(Scratch, Parse_GivesAbsolutePaths) {
  EXPECT_THAT(*ParseScratch("/a"), ElementsAre("/a"));
  EXPECT_THAT(*ParseScratch("/b/../a,/b/./c/"), ElementsAre("/a", "/b/c"));
  EXPECT_THAT(*ParseScratch("/a,/ab"), ElementsAre("/a", "/ab")) << "a longer name is not inside";
  EXPECT_TRUE(ParseScratch("here")->front().starts_with('/'));
}

TEST(Scratch, Parse_RefusesWhatCannotBeMeant) {
  const auto text = [](const std::string& given) { return ParseScratch(given).error().text; };
  EXPECT_THAT(text("/a,,/b"), HasSubstr("between the commas is missing"));
  EXPECT_THAT(text("/a,"), HasSubstr("between the commas is missing"));
  EXPECT_THAT(text("/a,/b/../a"), HasSubstr("/b/../a is named twice"));
  EXPECT_THAT(text("/a,/a/b"), HasSubstr("/a/b lies inside of /a"));
  EXPECT_THAT(text("/a/b,/a"), HasSubstr("/a/b lies inside of /a"));
  EXPECT_THAT(text("/,/b"), HasSubstr("/b lies inside of /"));
}

TEST(Scratch, Next_TakesTurnsAmongThoseWithRoom) {
  ScratchDisks disks({{"/a", kMega}, {"/b", kMega}, {"/c", kMega}});
  EXPECT_EQ(disks.Next(), 0u);
  EXPECT_EQ(disks.Next(), 1u);
  EXPECT_EQ(disks.Next(), 2u);
  EXPECT_TRUE(disks.Observe(1, kMega)) << "what is reserved is no room";
  EXPECT_FALSE(disks.Observe(1, kMega - 1)) << "nothing new";
  EXPECT_FALSE(disks.Observe(0, 2 * kMega));
  EXPECT_FALSE(disks.Observe(2, 5 * kMega));
  EXPECT_EQ(disks.room_bytes(), 5 * kMega);
  EXPECT_EQ(disks.Next(), 0u);
  EXPECT_EQ(disks.Next(), 2u);
  EXPECT_EQ(disks.Next(), 0u);
  EXPECT_TRUE(disks.Observe(1, kMega + 1));
  EXPECT_EQ(disks.Next(), 1u);
}

TEST(Scratch, Next_GoesOnWithoutRoomAnywhere) {
  ScratchDisks disks({{"/a", 0}, {"/b", 0}});
  EXPECT_TRUE(disks.Observe(0, std::nullopt)) << "a disk that does not answer is as good as full";
  EXPECT_TRUE(disks.Observe(1, 0));
  EXPECT_EQ(disks.room_bytes(), 0u);
  EXPECT_EQ(disks.Next() + disks.Next(), 1u);
}

}  // namespace
}  // namespace mr::worker
