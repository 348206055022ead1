#include "common/base/strings.h"

#include <gtest/gtest.h>

namespace mr {
namespace {

TEST(Strings, StrCat_JoinsTextNumbersAndBooleans) {
  EXPECT_EQ(StrCat("a", 1, std::string("b"), uint64_t{18446744073709551615u}, true, 1.5), "a1b18446744073709551615true1.5");
}

TEST(Strings, ParseSize_TakesDecimalAndBinaryUnits) {
  EXPECT_EQ(*ParseSize("64MiB"), 64u << 20);
  EXPECT_EQ(*ParseSize("64Mi"), 64u << 20);
  EXPECT_EQ(*ParseSize("1k"), 1000u);
  EXPECT_EQ(*ParseSize("1.5Ki"), 1536u);
  EXPECT_EQ(*ParseSize("7"), 7u);
  EXPECT_EQ(*ParseSize(" 2 GB "), 2'000'000'000u);
}

TEST(Strings, ParseSize_RefusesNonsense) {
  for (const char* text : {"", "x", "-1", "1X", "1MiX", "1.2.3", "99999999999999T", "1 2"}) {
    EXPECT_FALSE(ParseSize(text)) << text;
  }
  EXPECT_NE(ParseSize("12q").error().text.find("64MiB"), std::string::npos) << "an error shows the right form";
}

TEST(Strings, ParseDurationMs_TakesUnits) {
  EXPECT_EQ(*ParseDurationMs("250ms"), 250);
  EXPECT_EQ(*ParseDurationMs("10s"), 10'000);
  EXPECT_EQ(*ParseDurationMs("1.5m"), 90'000);
  EXPECT_EQ(*ParseDurationMs("2h"), 7'200'000);
  EXPECT_FALSE(ParseDurationMs("10"));
  EXPECT_FALSE(ParseDurationMs("s"));
}

TEST(Strings, FormatSize_PrintsBinaryWithOneDecimal) {
  EXPECT_EQ(FormatSize(0), "0 B");
  EXPECT_EQ(FormatSize(1023), "1023 B");
  EXPECT_EQ(FormatSize(1536), "1.5 KiB");
  EXPECT_EQ(FormatSize(27594326016), "25.7 GiB");
}

TEST(Strings, FormatElapsed_PrintsMinutesThenHours) {
  EXPECT_EQ(FormatElapsed(19'840), "0:19.8");
  EXPECT_EQ(FormatElapsed(3'723'000), "1:02:03");
}

TEST(Strings, FormatCount_GroupsThousands) {
  EXPECT_EQ(FormatCount(7), "7");
  EXPECT_EQ(FormatCount(1234), "1,234");
  EXPECT_EQ(FormatCount(4312998120), "4,312,998,120");
}

TEST(Strings, Nearest_FindsTyposAndSwapsOnly) {
  const std::vector<std::string> names = {"reducers", "output", "local"};
  EXPECT_EQ(Nearest("reducer", names), "reducers");
  EXPECT_EQ(Nearest("ouptut", names), "output");
  EXPECT_EQ(Nearest("zebra", names), "");
}

TEST(Strings, Printable_EscapesWhatATerminalCannotShow) {
  EXPECT_EQ(Printable("a\tb\n"), "a␉b␊");
  EXPECT_EQ(Printable(std::string("\0\x1b", 2)), "\\x00\\x1b");
  EXPECT_EQ(Printable("gr\xc3\xbc\xc3\x9f"), "grüß");
  EXPECT_EQ(Printable("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(Printable("abcdef", 3), "abc…");
}

TEST(Strings, IsValidUtf8_RefusesOverlongAndSurrogates) {
  EXPECT_TRUE(IsValidUtf8("plain, grüß, 😀"));
  EXPECT_FALSE(IsValidUtf8("\xc0\xaf"));
  EXPECT_FALSE(IsValidUtf8("\xed\xa0\x80"));
  EXPECT_FALSE(IsValidUtf8("\xf4\x90\x80\x80"));
}

TEST(Strings, Split_KeepsEmptyParts) {
  EXPECT_EQ(Split("a,,b,", ','), (std::vector<std::string_view>{"a", "", "b", ""}));
  EXPECT_EQ(Split("", ','), (std::vector<std::string_view>{""}));
}

}  // namespace
}  // namespace mr
