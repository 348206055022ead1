#include "submit/log_filter.h"

#include <gtest/gtest.h>

namespace mr::submit {
namespace {

LogFilter Filter(const std::map<std::string, std::string>& options) {
  Settings settings;
  for (const auto& [name, value] : options) settings.AddWeaker(name, Setting{{value}, "--" + name});
  const Result<LogFilter> filter = LogFilter::Read(settings);
  EXPECT_TRUE(filter.has_value()) << (filter ? "" : filter.error().text);
  return *filter;
}

constexpr std::string_view kLog =
    "printed\n09:14:02.118 I  88,000 records\nprinted too\n09:14:02.119 E  exception in map()";

TEST(LogFilter, Choose_All) { EXPECT_EQ(Filter({}).Choose(kLog), kLog); }

TEST(LogFilter, Choose_LastLines) {
  EXPECT_EQ(Filter({{"lines", "1"}}).Choose(kLog), "09:14:02.119 E  exception in map()");
  EXPECT_EQ(Filter({{"lines", "2"}}).Choose(kLog), "printed too\n09:14:02.119 E  exception in map()");
  EXPECT_EQ(Filter({{"lines", "99"}}).Choose(kLog), kLog);
}

TEST(LogFilter, Choose_ByStream) {
  EXPECT_EQ(Filter({{"stream", "output"}}).Choose(kLog), "printed\nprinted too\n");
  EXPECT_EQ(Filter({{"stream", "log"}}).Choose(kLog),
            "09:14:02.118 I  88,000 records\n09:14:02.119 E  exception in map()");
}

TEST(LogFilter, Choose_ByPatternThenLines) {
  EXPECT_EQ(Filter({{"grep", "print|rec"}}).Choose(kLog), "printed\n09:14:02.118 I  88,000 records\nprinted too\n");
  EXPECT_EQ(Filter({{"grep", "^print"}, {"lines", "1"}}).Choose(kLog), "printed too\n");
}

// What user code prints has lines of any length, and any bytes.
TEST(LogFilter, Choose_LongLines) {
  const std::string line = std::string(2'000'000, 'a') + '\0' + "needle\n";
  EXPECT_EQ(Filter({{"grep", "needle$"}}).Choose("none\n\n" + line), line);
  EXPECT_EQ(Filter({{"grep", "^$"}}).Choose("none\n\n"), "\n");
}

// What a matcher that recurses per character dies of. Anchored: regexec is quadratic where many starts get far.
TEST(LogFilter, Choose_RepetitionOverALongLine) {
  const std::string line = std::string(200'000, 'a') + "\n";
  EXPECT_EQ(Filter({{"grep", "^(a|b)*$"}}).Choose("none\n" + line), line);
  EXPECT_EQ(Filter({{"grep", "^(a|b)*c$"}}).Choose("none\n" + line), "");
}

TEST(LogFilter, Read_SaysWhatIsWrongWithAPattern) {
  Settings settings;
  settings.AddWeaker("grep", Setting{{"a("}, "--grep"});
  const auto filter = LogFilter::Read(settings);
  ASSERT_FALSE(filter.has_value());
  EXPECT_EQ(filter.error().text, "--grep: 'a(' is not an extended regular expression: Unmatched ( or \\(");
}

TEST(LogFilter, Next_WaitsForTheEndOfALine) {
  LogFilter filter = Filter({{"grep", "goal"}});
  EXPECT_EQ(filter.Next("a go", false), "");
  EXPECT_EQ(filter.Next("al\nnothing\nthe goal", false), "a goal\n");
  EXPECT_EQ(filter.Next("", true), "the goal");
}

TEST(LogFilter, Read_RefusesWhatMakesNoSense) {
  Settings settings;
  settings.AddWeaker("grep", Setting{{"("}, "--grep"});
  EXPECT_NE(LogFilter::Read(settings).error().text.find("not an extended regular expression"), std::string::npos);
}

}  // namespace
}  // namespace mr::submit
