#include "submit/input_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "temporary_tree.h"

namespace mr::submit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Paths below the root of the tree, as they came out.
std::vector<std::string> Expand(const TemporaryTree& tree,
                                const std::vector<std::string>& patterns) {
  std::vector<InputPattern> inputs;
  for (const std::string& text : patterns) inputs.push_back({tree.Path(text), ""});
  const Result<std::vector<wire::InputFile>> files = ExpandInputs(PosixEnv(), inputs);
  if (!files) return {"error: " + files.error().text};
  std::vector<std::string> names;
  for (const wire::InputFile& file : *files)
    names.push_back(file.path.substr(tree.root().size() + 1));
  return names;
}

TEST(MatchName, Match_WildcardsSetsAndEscapes) {
  EXPECT_TRUE(MatchName("*.txt", "a.txt"));
  EXPECT_TRUE(MatchName("a*b*c", "aXbYbZc"));
  EXPECT_TRUE(MatchName("?[0-9]", "x7"));
  EXPECT_TRUE(MatchName("[!a]x", "bx"));
  EXPECT_TRUE(MatchName("[]]", "]"));
  EXPECT_TRUE(MatchName("a[b", "a[b"));
  EXPECT_TRUE(MatchName("\\*", "*"));
  EXPECT_FALSE(MatchName("*.txt", "a.txt.gz"));
  EXPECT_FALSE(MatchName("?", ""));
  EXPECT_FALSE(MatchName("[!a]x", "ax"));
  EXPECT_FALSE(MatchName("\\*", "a"));
}

TEST(ExpandInputs, File_KeepsOrderSizeAndCompression) {
  TemporaryTree tree;
  tree.Write("b.txt", "12345");
  tree.Write("a.gz", "1");
  tree.Write("c.zst", "");

  const auto files = ExpandInputs(
      PosixEnv(),
      {{tree.Path("b.txt"), "left"}, {tree.Path("a.gz"), ""}, {tree.Path("c.zst"), ""}});

  ASSERT_TRUE(files.has_value());
  ASSERT_EQ(files->size(), 3u);
  EXPECT_EQ((*files)[0].path, tree.Path("b.txt"));
  EXPECT_EQ((*files)[0].tag, "left");
  EXPECT_EQ((*files)[0].size_bytes, 5u);
  EXPECT_GT((*files)[0].mtime_ns, 0);
  EXPECT_EQ((*files)[1].compression, wire::Compression::kGzip);
  EXPECT_EQ((*files)[2].compression, wire::Compression::kZstd);
}

TEST(ExpandInputs, Directory_RecursiveSortedWithoutMarkers) {
  TemporaryTree tree;
  for (const char* name : {"d/z", "d/a", "d/sub/m", "d/_SUCCESS", "d/.hidden", "d/_tmp/x"})
    tree.Write(name, "x");

  EXPECT_THAT(Expand(tree, {"d"}), ElementsAre("d/a", "d/sub/m", "d/z"));
}

TEST(ExpandInputs, Glob_StarsAndDoubleStars) {
  TemporaryTree tree;
  for (const char* name :
       {"l/1.log", "l/2.log", "l/x.txt", "l/deep/3.log", "l/deep/er/4.log", "l/_5.log"})
    tree.Write(name, "x");

  EXPECT_THAT(Expand(tree, {"l/*.log"}), ElementsAre("l/1.log", "l/2.log"));
  EXPECT_THAT(Expand(tree, {"l/**/*.log"}),
              ElementsAre("l/1.log", "l/2.log", "l/deep/3.log", "l/deep/er/4.log"));
  EXPECT_THAT(Expand(tree, {"l/d*/*.log"}), ElementsAre("l/deep/3.log"));
  EXPECT_THAT(Expand(tree, {"l/_*"}), ElementsAre("l/_5.log"));
}

TEST(ExpandInputs, Glob_NameWithWildcardThatExistsIsThatFile) {
  TemporaryTree tree;
  tree.Write("a[1].txt", "x");
  tree.Write("a1.txt", "x");

  EXPECT_THAT(Expand(tree, {"a[1].txt"}), ElementsAre("a[1].txt"));
}

TEST(ExpandInputs, Missing_NamesTheInput) {
  TemporaryTree tree;
  EXPECT_THAT(Expand(tree, {"nothing"}).front(), HasSubstr("nothing does not exist   [MR0301]"));
  EXPECT_THAT(Expand(tree, {"*.log"}).front(), HasSubstr("*.log' matches no file   [MR0311]"));
  tree.Write("d/_only", "x");
  EXPECT_THAT(Expand(tree, {"d"}).front(), HasSubstr("holds no file"));
}

TEST(ParseTaggedInput, Parse_TagOnlyIfItIsAWord) {
  EXPECT_EQ(ParseTaggedInput("left=/a/b").tag, "left");
  EXPECT_EQ(ParseTaggedInput("left=/a/b").text, "/a/b");
  EXPECT_EQ(ParseTaggedInput("/a=b/c").tag, "");
  EXPECT_EQ(ParseTaggedInput("/a=b/c").text, "/a=b/c");
  EXPECT_EQ(ParseTaggedInput("=x").text, "=x");
}

}  // namespace
}  // namespace mr::submit
