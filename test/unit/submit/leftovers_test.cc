#include "submit/leftovers.h"

#include <gtest/gtest.h>

#include "test/unit/submit/temporary_tree.h"

namespace mr::submit {
namespace {

TEST(ParseClaim, Names_OfJobsOnly) {
  EXPECT_EQ(ParseClaim("j42"), (wire::OutputClaim{JobId{42}, 0}));
  EXPECT_EQ(ParseClaim("j42-00000000000000ab"), (wire::OutputClaim{JobId{42}, 0xab}));
  EXPECT_EQ(ParseClaim("j42-f0000000000000ab.gone"), (wire::OutputClaim{JobId{42}, 0xf0000000000000ab}));
  for (const char* name : {"", "j", "42", "j42-", "j42-ab", "j42-00000000000000axx", "j42-m0.0@1", "mine", "j42.old"})
    EXPECT_FALSE(ParseClaim(name)) << name;
}

TEST(FindLeftovers, Directory_ListsWithSizesAndOldContent) {
  TemporaryTree tree;
  tree.Write("out/part-r-00000", "x");
  EXPECT_TRUE(FindLeftovers(PosixEnv(), tree.Path("out"))->empty());
  tree.Write("out/.millrace/j1-00000000000000ab/j1-r0.0@1/part-r-00000", "12345");
  tree.Write("out/.millrace/j2-00000000000000cd/old/part-r-00000", "old");
  tree.Write("out/.millrace/notes", "somebody's");
  const auto found = FindLeftovers(PosixEnv(), tree.Path("out"));
  ASSERT_TRUE(found.has_value()) << found.error().text;
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].claim.job, JobId{1});
  EXPECT_EQ((*found)[0].bytes, 5u);
  EXPECT_FALSE((*found)[0].holds_old_content);
  EXPECT_TRUE((*found)[1].holds_old_content) << "the user's own data";
  EXPECT_EQ(FindLeftovers(PosixEnv(), tree.Path("none")).error().code, ErrorCode::kNotFound);
}

TEST(RemoveLeftover, Last_TakesTheHiddenDirectoryAlong) {
  TemporaryTree tree;
  tree.Write("out/part-r-00000", "x");
  tree.Write("out/.millrace/j1/a", "1");
  tree.Write("out/.millrace/j2/b", "2");
  const auto found = FindLeftovers(PosixEnv(), tree.Path("out"));
  ASSERT_EQ(found->size(), 2u);
  ASSERT_TRUE(RemoveLeftover(PosixEnv(), (*found)[0]).has_value());
  EXPECT_FALSE(PosixEnv().Exists(tree.Path("out/.millrace/j1")));
  EXPECT_TRUE(PosixEnv().Exists(tree.Path("out/.millrace/j2/b")));
  ASSERT_TRUE(RemoveLeftover(PosixEnv(), (*found)[1]).has_value());
  EXPECT_FALSE(PosixEnv().Exists(tree.Path("out/.millrace")));
  EXPECT_TRUE(PosixEnv().Exists(tree.Path("out/part-r-00000")));
}

}  // namespace
}  // namespace mr::submit
