#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "common/base/strings.h"
#include "common/io/env.h"

namespace mr {
namespace {

class EnvPosix : public testing::Test {
 protected:
  void SetUp() override { root_ = *CreateTemporaryDirectory(testing::TempDir() + "/env"); }
  void TearDown() override { ASSERT_TRUE(env_.RemoveTree(root_)); }
  std::string Path(const std::string& name) const { return JoinPath(root_, name); }
  void Write(const std::string& name, std::string_view content) {
    auto file = env_.CreateNew(Path(name));
    ASSERT_TRUE(file) << file.error().text;
    ASSERT_TRUE((*file)->Append(content));
    ASSERT_TRUE((*file)->Close());
  }

  Env& env_ = PosixEnv();
  std::string root_;
};

TEST_F(EnvPosix, ReadAt_StopsAtTheEndOfTheFile) {
  Write("a", "hello");
  auto file = env_.OpenForRead(Path("a"));
  ASSERT_TRUE(file);
  char buffer[16];
  EXPECT_EQ(*(*file)->ReadAt(3, buffer), 2u);
  EXPECT_EQ(std::string_view(buffer, 2), "lo");
  EXPECT_EQ(*(*file)->ReadAt(5, buffer), 0u);
}

TEST_F(EnvPosix, CreateNew_RefusesAnExistingName) {
  Write("a", "1");
  const auto again = env_.CreateNew(Path("a"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
  EXPECT_NE(again.error().text.find(Path("a")), std::string::npos);
}

TEST_F(EnvPosix, RenameNoReplace_NeverReplaces) {
  Write("a", "first");
  Write("b", "second");
  EXPECT_EQ(env_.RenameNoReplace(Path("a"), Path("b")).error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(*ReadWholeFile(env_, Path("b")), "second");
  ASSERT_TRUE(env_.RenameNoReplace(Path("a"), Path("c")));
  EXPECT_EQ(*ReadWholeFile(env_, Path("c")), "first");
  EXPECT_FALSE(env_.Exists(Path("a")));
}

TEST_F(EnvPosix, CreateDirectories_MakesParentsAndAcceptsExisting) {
  ASSERT_TRUE(env_.CreateDirectories(Path("x/y/z")));
  ASSERT_TRUE(env_.CreateDirectories(Path("x/y/z")));
  Write("file", "");
  EXPECT_FALSE(env_.CreateDirectories(Path("file/below")));
}

TEST_F(EnvPosix, RemoveTree_DoesNotFollowLinks) {
  Write("precious", "data");
  ASSERT_TRUE(env_.CreateDirectories(Path("tree/inner")));
  ASSERT_EQ(::symlink(root_.c_str(), Path("tree/inner/link").c_str()), 0);
  ASSERT_TRUE(env_.RemoveTree(Path("tree")));
  EXPECT_FALSE(env_.Exists(Path("tree")));
  EXPECT_TRUE(env_.Exists(Path("precious")));
  EXPECT_TRUE(env_.RemoveTree(Path("tree"))) << "a missing tree is fine";
}

TEST_F(EnvPosix, ListDirectory_IsSorted) {
  Write("b", "");
  Write("a", "");
  Write(".c", "");
  EXPECT_EQ(*env_.ListDirectory(root_), (std::vector<std::string>{".c", "a", "b"}));
}

// Killed with SIGKILL a process looks dead (a zombie) as soon as its first thread is, while others still hold its files.
TEST_F(EnvPosix, Lock_WaitsForAHolderThatIsDying) {
  int locked[2], release[2];
  ASSERT_EQ(::pipe(locked), 0);
  ASSERT_EQ(::pipe(release), 0);
  const pid_t holder = ::fork();
  ASSERT_GE(holder, 0);
  if (holder == 0) {
    static auto lock = env_.Lock(Path("lock"));
    static int wait_for;
    wait_for = release[0];
    ::close(release[1]);
    pthread_t second;
    const auto outlive = [](void*) -> void* {
      char byte;
      while (::read(wait_for, &byte, 1) < 0) {
      }
      ::_exit(0);
    };
    if (!lock || ::pthread_create(&second, nullptr, outlive, nullptr) != 0) ::_exit(1);
    if (::write(locked[1], "x", 1) != 1) ::_exit(1);
    ::syscall(SYS_exit, 0);  // of this thread alone
  }
  char byte;
  ASSERT_EQ(::read(locked[0], &byte, 1), 1);
  std::string state;
  while (state.find(") Z") == std::string::npos) {
    std::ifstream stat(StrCat("/proc/", holder, "/stat"));
    std::getline(stat, state);
  }
  std::thread ender([&] {
    ::usleep(50'000);  // a little after the first try, most likely; sooner does no harm
    ::close(release[1]);
  });
  EXPECT_TRUE(env_.Lock(Path("lock")));
  ender.join();
  ::waitpid(holder, nullptr, 0);
  for (const int fd : {locked[0], locked[1], release[0]}) ::close(fd);
}

TEST_F(EnvPosix, Lock_TellsTheHoldersPid) {
  auto lock = env_.Lock(Path("lock"));
  ASSERT_TRUE(lock);
  const auto second = env_.Lock(Path("lock"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(second.error().text.find(std::to_string(::getpid())), std::string::npos);
  lock->reset();
  EXPECT_TRUE(env_.Lock(Path("lock")));
}

TEST_F(EnvPosix, WriteFileAtomically_ReplacesAndLeavesNothingElse) {
  ASSERT_TRUE(WriteFileAtomically(env_, Path("a"), "old"));
  ASSERT_TRUE(WriteFileAtomically(env_, Path("a"), "new"));
  EXPECT_EQ(*ReadWholeFile(env_, Path("a")), "new");
  EXPECT_EQ(env_.ListDirectory(root_)->size(), 1u);
}

TEST_F(EnvPosix, Errors_CarryTheirCode) {
  EXPECT_EQ(env_.OpenForRead(Path("none")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(env_.RemoveFile(Path("none")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(ReadWholeFile(env_, Path("none")).error().code, ErrorCode::kNotFound);
  Write("big", "12345");
  EXPECT_EQ(ReadWholeFile(env_, Path("big"), 4).error().code, ErrorCode::kInvalidArgument);
}

TEST(Paths, JoinParentAndBaseName) {
  EXPECT_EQ(JoinPath("/a", "b"), "/a/b");
  EXPECT_EQ(JoinPath("/a/", "b"), "/a/b");
  EXPECT_EQ(JoinPath("/a", "/b"), "/b");
  EXPECT_EQ(ParentPath("/a/b"), "/a");
  EXPECT_EQ(ParentPath("/a"), "/");
  EXPECT_EQ(ParentPath("a"), ".");
  EXPECT_EQ(BaseName("/a/b/"), "b");
  EXPECT_EQ(*AbsolutePath("/a/./b/../c"), "/a/c");
  EXPECT_EQ(*AbsolutePath("/.."), "/");
}

}  // namespace
}  // namespace mr
