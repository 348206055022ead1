#include "test/unit/apps/plugin_under_test.h"

namespace mr {
namespace {

using test::Input;

TEST(WordCount, CountsWordsAsTheyAreWritten) {
  const auto r = RunPlugin("wordcount", {{"/a.txt", "To be or not\nto be, don't\n", ""}});
  EXPECT_EQ(r.sorted_text(), "To\t1\nbe\t2\ndon\t1\nnot\t1\nor\t1\nt\t1\nto\t1\n");
}

TEST(WordCount, Lower_FoldsCase) {
  EXPECT_EQ(RunPlugin("wordcount", {{"/a", "To to TO\n", ""}}, {{"lower", "true"}}).text(), "to\t3\n");
}

TEST(WordCount, ObeysTheLaws) {
  const std::vector<Input> corpus{{"/a", "a b a\nb c\na a\nc\nb\n\nd d d", ""}, {"/b", "a\nz\n", ""}};
  const auto verdict = test::laws(PluginJob("wordcount"), corpus, {.rounds = 40});
  EXPECT_TRUE(verdict.ok) << verdict.message;
}

TEST(WordCount, CombinesAsNativeSum) {
  const mr_job_def& def = PluginJob("wordcount");
  EXPECT_EQ(def.fold, MR_FOLD_SUM);
  EXPECT_EQ(def.fold_width, 8u);
  EXPECT_EQ(def.fold_value, MR_VALUE_UNSIGNED);
  EXPECT_STREQ(def.name, "WordCount");
  EXPECT_STREQ(def.key_type, "string");
  EXPECT_STREQ(def.value_type, "uint64");
  EXPECT_STREQ(def.input_format, "blocks");
  EXPECT_EQ(def.partition, nullptr);
}

TEST(Indexer, ListsFilesSortedOnceWithCount) {
  const std::vector<Input> files{{"/d/b.txt", "x y x\nx", ""}, {"/d/a.txt", "x\nz\n", ""}, {"/e/c.txt", "y", ""}};
  EXPECT_EQ(RunPlugin("indexer", files).sorted_text(), "x\t2\ta.txt,b.txt\ny\t2\tb.txt,c.txt\nz\t1\ta.txt\n");
  EXPECT_EQ(RunPlugin("indexer", {files[1]}, {{"full_path", "true"}}).sorted_text(), "x\t1\t/d/a.txt\nz\t1\t/d/a.txt\n");
  const auto verdict = test::laws(PluginJob("indexer"), files);
  EXPECT_TRUE(verdict.ok) << verdict.message;
}

TEST(Grep, WritesFileOffsetLine) {
  const auto r = RunPlugin("grep", {{"/x/f.txt", "one\ntwo\nthree\n", ""}}, {{"pattern", "^t"}});
  EXPECT_EQ(r.text(), "f.txt:4:two\nf.txt:8:three\n");
  EXPECT_EQ(r.counters.at("grep.matched_lines"), 2);
}

TEST(Grep, LiteralsCaseAndEmptyLines) {
  const std::vector<Input> in{{"/f", "a.b\n\nA.B\n", ""}};
  EXPECT_EQ(RunPlugin("grep", in, {{"pattern", "b"}}).text(), "f:0:a.b\n");
  EXPECT_EQ(RunPlugin("grep", in, {{"pattern", "B"}, {"ignore_case", "true"}}).text(), "f:0:a.b\nf:5:A.B\n");
  EXPECT_EQ(RunPlugin("grep", in, {{"pattern", "^$"}}).text(), "f:4:\n");
}

// A recursive matcher would run out of stack.
TEST(Grep, LongLine) {
  const std::string line(3 << 20, 'x');
  EXPECT_EQ(RunPlugin("grep", {{"/f", line + "y\n", ""}}, {{"pattern", "x+y$"}}).text(), "f:0:" + line + "y\n");
}

TEST(Grep, BadOrMissingPattern_FailsTheJob) {
  const auto bad = RunPlugin("grep", {{"/f", "x\n", ""}}, {{"pattern", "(a"}});
  ASSERT_TRUE(bad.failure);
  EXPECT_EQ(bad.failure->kind, MR_FAIL_FATAL);
  EXPECT_NE(bad.failure->what.find("'(a' is not an extended regular expression"), std::string::npos);
  const auto missing = RunPlugin("grep", {{"/f", "x\n", ""}});
  ASSERT_TRUE(missing.failure);
  EXPECT_NE(missing.failure->what.find("parameter 'pattern'"), std::string::npos);
  EXPECT_NE(missing.failure->what.find("-P pattern="), std::string::npos);
}

TEST(TeraSort, PartsAreOneSortedWhole) {
  Rng rng(11);
  std::vector<std::string> records;
  std::string input;
  for (int i = 0; i < 60; ++i) {
    std::string record(100, '\0');
    for (char& c : record) c = static_cast<char>(rng());
    records.push_back(record);
    input += record;
  }
  std::sort(records.begin(), records.end());
  std::string expected;
  for (const auto& record : records) expected += record;
  for (uint32_t partitions : {1u, 4u}) {
    test::Options options;
    options.partitions = partitions;
    EXPECT_EQ(RunPlugin("terasort", {{"/t", input, ""}}, {}, options).text(), expected);
  }
  const mr_job_def& def = PluginJob("terasort");
  EXPECT_EQ(def.partition_kind, MR_PARTITION_RANGE);
  EXPECT_STREQ(def.input_format, "fixed:100");
  EXPECT_STREQ(def.output_format, "raw");
  EXPECT_EQ(def.combine, nullptr);
}

TEST(TopK, WritesTheLargestFirst) {
  const std::vector<Input> in{{"/part-r-00000", "the\t9\nof\t7\nand\t8\na b\tc\t7\nlow\t-1\n", ""}};
  EXPECT_EQ(RunPlugin("topk", in, {{"k", "4"}}).text(), "9\tthe\n8\tand\n7\ta b\tc\n7\tof\n");
  EXPECT_EQ(RunPlugin("topk", in).text(), "9\tthe\n8\tand\n7\ta b\tc\n7\tof\n-1\tlow\n");
  const auto verdict = test::laws(PluginJob("topk"), in, {.params = {{"k", "2"}}});
  EXPECT_TRUE(verdict.ok) << verdict.message;
}

TEST(TopK, KeepsOnlyKPerMap) {
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "w" + std::to_string(i) + "\t" + std::to_string(i) + "\n";
  test::Options options;
  options.records_per_split = 50;
  EXPECT_EQ(RunPlugin("topk", {{"/p", lines, ""}}, {{"k", "3"}}, options).shuffled_records, 6u);
}

TEST(TopK, LineThatIsNone_IsABadRecord) {
  for (const char* line : {"no tab\n", "word\tmany\n"}) {
    const auto r = RunPlugin("topk", {{"/p", std::string("ok\t1\n") + line, ""}});
    ASSERT_TRUE(r.failure) << line;
    EXPECT_EQ(r.failure->kind, MR_FAIL_BAD_RECORD);
    EXPECT_EQ(r.failure->record_no, 1u);
  }
}

}  // namespace
}  // namespace mr
