#include "submit/plugin_copy.h"

#include <gtest/gtest.h>

#include "common/base/hash.h"
#include "temporary_tree.h"

namespace mr::submit {
namespace {

TEST(PluginCopy, Take_IsWhatTheFileWas) {
  TemporaryTree tree;
  const std::string source = tree.Write("mine.so", "first bytes");
  Env& env = PosixEnv();
  std::string path;
  {
    const Result<PluginCopy> copy = PluginCopy::Take(env, source);
    ASSERT_TRUE(copy.has_value()) << copy.error().text;
    tree.Write("mine.so", "other bytes, other length");
    path = copy->path();
    EXPECT_EQ(copy->source(), source);
    EXPECT_EQ(copy->bytes(), "first bytes");
    EXPECT_EQ(copy->sha256(), Sha256Hex("first bytes"));
    EXPECT_EQ(ReadWholeFile(env, path).value_or(""), "first bytes");
    EXPECT_NE(path.find(copy->sha256()), std::string::npos);
    EXPECT_GT(copy->file_unix_ms(), 0);
  }
  EXPECT_FALSE(env.Exists(path)) << "the copy goes with its object";
}

TEST(PluginCopy, Take_WhatAnybodyMayChangeStaysSo) {
  TemporaryTree tree;
  const std::string source = tree.Write("mine.so", "bytes");
  ASSERT_TRUE(PosixEnv().SetMode(source, 0646).has_value());
  const Result<PluginCopy> copy = PluginCopy::Take(PosixEnv(), source);
  ASSERT_TRUE(copy.has_value());
  EXPECT_NE(PosixEnv().Stat(copy->path())->mode & 0002u, 0u);
}

TEST(PluginCopy, Make_OfBytes) {
  const Result<PluginCopy> copy = PluginCopy::Make(PosixEnv(), "stored.so", "bytes");
  ASSERT_TRUE(copy.has_value());
  EXPECT_EQ(copy->source(), "stored.so");
  EXPECT_EQ(copy->file_unix_ms(), 0);
}

}  // namespace
}  // namespace mr::submit
