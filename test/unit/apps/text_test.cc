#include <gtest/gtest.h>

#include <mr/mr.hpp>

namespace {

using mr::View;

std::vector<std::string> Words(View text) {
  std::vector<std::string> all;
  for (View w : mr::words(text)) all.emplace_back(w);
  return all;
}

std::vector<std::string> SlowWords(View text) {
  std::vector<std::string> all(1);
  for (char c : text) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      all.back() += c;
    } else if (!all.back().empty()) {
      all.emplace_back();
    }
  }
  if (all.back().empty()) all.pop_back();
  return all;
}

TEST(Words, AreRunsOfAsciiLetters) {
  EXPECT_EQ(Words("to be, or not"), (std::vector<std::string>{"to", "be", "or", "not"}));
  EXPECT_EQ(Words("don't x2y The"), (std::vector<std::string>{"don", "t", "x", "y", "The"}));
  EXPECT_EQ(Words("na\xc3\xafve @[`{AZaz"), (std::vector<std::string>{"na", "ve", "AZaz"}));
  EXPECT_TRUE(Words("").empty());
  EXPECT_TRUE(Words(View()).empty());
  EXPECT_TRUE(Words(" 12 \xff\x80").empty());
}

TEST(Words, OfAnyBytes_EqualTheSlowWay) {
  mr::Rng rng(1);
  for (int round = 0; round < 400; ++round) {
    std::string text(rng.below(400), ' ');
    const std::uint64_t letters = rng.below(101);  // percent: also very long words over several blocks
    for (char& c : text) c = rng.below(100) < letters ? static_cast<char>('a' + rng.below(26)) : static_cast<char>(rng());
    ASSERT_EQ(Words(text), SlowWords(text)) << "round " << round;
  }
  for (std::size_t n : {63u, 64u, 65u, 127u, 128u, 129u, 1000u}) {
    EXPECT_EQ(Words(std::string(n, 'x')), std::vector<std::string>{std::string(n, 'x')});
    EXPECT_EQ(Words(std::string(n, 'x') + " y").size(), 2u);
  }
}

TEST(Text, Fields_KeepEmptyOnes) {
  EXPECT_EQ(mr::fields("a,,b,", ','), (std::vector<View>{"a", "", "b", ""}));
  EXPECT_EQ(mr::fields("", ','), std::vector<View>{""});
}

TEST(Text, EachLine_TakesEitherLineEnd) {
  std::vector<std::string> lines;
  mr::each_line("a\nb\r\n\nc", [&](View line) { lines.emplace_back(line); });
  EXPECT_EQ(lines, (std::vector<std::string>{"a", "b", "", "c"}));
}

TEST(Text, To_ReadsTheWholeText) {
  EXPECT_EQ(mr::to<int64_t>("-42"), -42);
  EXPECT_EQ(mr::to<uint8_t>("255"), 255);
  EXPECT_DOUBLE_EQ(mr::to<double>("2.5e3"), 2500);
  EXPECT_TRUE(mr::to<bool>("yes"));
  for (View bad : {"", "x", "1x", " 1", "1.5", "99999999999999999999"}) EXPECT_THROW(mr::to<int>(bad), mr::BadRecord) << bad;
  EXPECT_THROW(mr::to<uint8_t>("256"), mr::BadRecord);
  EXPECT_THROW(mr::to<uint32_t>("-1"), mr::BadRecord);
  EXPECT_THROW(mr::to<bool>("maybe"), mr::BadRecord);
}

TEST(Text, To_SizesAndDurations) {
  EXPECT_EQ(mr::to<mr::Size>("512").bytes, 512u);
  EXPECT_EQ(mr::to<mr::Size>("64k").bytes, 64000u);
  EXPECT_EQ(mr::to<mr::Size>("64Ki").bytes, 65536u);
  EXPECT_EQ(mr::to<mr::Size>("1.5GiB").bytes, uint64_t{3} << 29);
  EXPECT_EQ(mr::to<mr::Size>("2T").bytes, 2000000000000u);
  for (View bad : {"", "k", "5x", "5kk", "-1k", "5i", "1e30"}) EXPECT_THROW(mr::to<mr::Size>(bad), mr::BadRecord) << bad;
  EXPECT_EQ(mr::to<mr::Duration>("250ms").ms, 250);
  EXPECT_EQ(mr::to<mr::Duration>("1.5s").ms, 1500);
  EXPECT_EQ(mr::to<mr::Duration>("7d").ms, 604800000);
  EXPECT_EQ(mr::to<mr::Duration>("0").ms, 0);
  for (View bad : {"", "5", "5y", "s", "-1s"}) EXPECT_THROW(mr::to<mr::Duration>(bad), mr::BadRecord) << bad;
}

TEST(Text, BaseName) {
  EXPECT_EQ(mr::base_name("/a/b.txt"), "b.txt");
  EXPECT_EQ(mr::base_name("b.txt"), "b.txt");
}

TEST(Rng, IsTheSameForTheSameSeed) {
  mr::Rng a(5), b(5), c(6);
  EXPECT_EQ(a(), b());
  EXPECT_NE(a(), c());
  EXPECT_LT(a.uniform(), 1.0);
  EXPECT_EQ(a.below(0), 0u);
}

}  // namespace
