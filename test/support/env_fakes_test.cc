// The fakes themselves: tests that stand on them are only as good as they are.
#include <gtest/gtest.h>

#include "test/support/fault_env.h"
#include "test/support/memory_env.h"

namespace mr::test {
namespace {

void WriteFile(Env& env, const std::string& path, const std::string& content, bool sync) {
  const auto file = env.CreateNew(path);
  ASSERT_TRUE(file.has_value());
  ASSERT_TRUE((*file)->Append(content).has_value());
  if (sync) {
    ASSERT_TRUE((*file)->Sync().has_value());
  }
  ASSERT_TRUE((*file)->Close().has_value());
}

TEST(MemoryEnv, LosePower_ForgetsWhatWasNotSynced) {
  MemoryEnv env;
  ASSERT_TRUE(env.CreateDirectories("/d").has_value());
  WriteFile(env, "/d/both", "kept", true);
  WriteFile(env, "/d/name_only", "lost", false);
  ASSERT_TRUE(env.SyncDirectory("/d").has_value());
  WriteFile(env, "/d/data_only", "unreachable", true);
  env.LosePower();
  EXPECT_EQ(env.Tree("/d"),
            (std::map<std::string, std::string>{{"/d/both", "kept"}, {"/d/name_only", ""}}));
}

TEST(MemoryEnv, LosePower_UndoesARenameUntilTheDirectoryIsSynced) {
  MemoryEnv env;
  env.Write("/d/a", "1");
  ASSERT_TRUE(env.Rename("/d/a", "/d/b").has_value());
  env.LosePower();
  EXPECT_TRUE(env.Exists("/d/a"));
  ASSERT_TRUE(env.Rename("/d/a", "/d/b").has_value());
  ASSERT_TRUE(env.SyncDirectory("/d").has_value());
  env.LosePower();
  EXPECT_FALSE(env.Exists("/d/a"));
  EXPECT_EQ(env.Read("/d/b"), "1");
}

TEST(MemoryEnv, Names_BehaveLikePosix) {
  MemoryEnv env;
  env.Write("/d/a", "1");
  env.Write("/d/b", "2");
  EXPECT_EQ(env.CreateNew("/d/a").error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(env.CreateNew("/none/a").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(env.RenameNoReplace("/d/a", "/d/b").error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(env.RenameNoReplace("/d/x", "/d/y").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(env.RemoveFile("/d/x").error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(env.RemoveDirectory("/d").has_value());
  ASSERT_TRUE(env.Rename("/d", "/e").has_value());
  EXPECT_EQ(*env.ListDirectory("/e"), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(env.RemoveTree("/d").has_value());
  ASSERT_TRUE(env.RemoveTree("/e").has_value());
  EXPECT_FALSE(env.Exists("/e"));
}

TEST(MemoryEnv, Lock_IsHeldOnce) {
  MemoryEnv env;
  auto first = env.Lock("/lock");
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(env.Lock("/lock").error().code, ErrorCode::kUnavailable);
  first->reset();
  EXPECT_TRUE(env.Lock("/lock").has_value());
}

TEST(FaultEnv, CrashAt_TearsOneCallAndFailsAllLater) {
  MemoryEnv memory;
  ASSERT_TRUE(memory.CreateDirectories("/d").has_value());
  FaultEnv env(memory);
  env.CrashAt(2, Fault::kTorn);
  const auto file = env.CreateNew("/d/f");
  ASSERT_TRUE(file.has_value());
  EXPECT_FALSE((*file)->Append("12345678").has_value());
  EXPECT_FALSE((*file)->Close().has_value());
  EXPECT_FALSE(env.Exists("/d/f"));
  EXPECT_EQ(memory.Read("/d/f"), "1234");
  EXPECT_EQ(env.call_count(), 4u);
  EXPECT_EQ(env.calls()[1].op, "Append");
  env.Heal();
  EXPECT_TRUE(env.Exists("/d/f"));
}

TEST(FaultEnv, FailOnce_After_HasItsEffect) {
  MemoryEnv memory;
  memory.Write("/d/a", "1");
  FaultEnv env(memory);
  env.FailOnce(1, Fault::kFailAfter, ErrorCode::kTimeout);
  EXPECT_EQ(env.Rename("/d/a", "/d/b").error().code, ErrorCode::kTimeout);
  EXPECT_TRUE(env.Exists("/d/b"));
}

TEST(FaultEnv, LimitSpace_WritesWhatFits) {
  MemoryEnv memory;
  ASSERT_TRUE(memory.CreateDirectories("/d").has_value());
  FaultEnv env(memory);
  env.LimitSpace(5);
  const auto file = env.CreateNew("/d/f");
  EXPECT_TRUE((*file)->Append("123").has_value());
  EXPECT_EQ((*file)->Append("456").error().code, ErrorCode::kNoSpace);
  EXPECT_EQ(memory.Read("/d/f"), "12345");
}

TEST(FaultEnv, Flip_ChangesOneByteRead) {
  MemoryEnv memory;
  memory.Write("/d/f", "abcdef");
  FaultEnv env(memory);
  env.SetPlan(
      [](const FaultCall& call) { return call.op == "ReadAt" ? Fault::kFlip : Fault::kNone; });
  const auto file = env.OpenForRead("/d/f");
  std::string buffer(6, '\0');
  EXPECT_EQ((*file)->ReadAt(0, buffer), 6u);
  EXPECT_NE(buffer, "abcdef");
}

}  // namespace
}  // namespace mr::test
