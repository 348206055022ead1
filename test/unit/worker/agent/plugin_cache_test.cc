#include "worker/agent/plugin_cache.h"

#include <gtest/gtest.h>

#include <fstream>

#include "common/base/hash.h"
#include "worker/agent/log_tail.h"
#include "worker/agent/plugin_fetcher.h"

namespace mr::worker {
namespace {

class PluginCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = *CreateTemporaryDirectory(JoinPath(::testing::TempDir(), "cache-"));
  }
  void TearDown() override { ASSERT_TRUE(PosixEnv().RemoveTree(directory_)); }
  std::string directory_;
  const std::string bytes_ = "pretend this is a plugin";
  const std::string sha_ = Sha256Hex(bytes_);
};

TEST_F(PluginCacheTest, Store_ReadOnlyUnderItsHash) {
  PluginCache cache(PosixEnv(), directory_);
  EXPECT_FALSE(cache.Has(sha_));
  ASSERT_TRUE(cache.Store(sha_, bytes_));
  EXPECT_TRUE(cache.Has(sha_));
  EXPECT_EQ(PosixEnv().Stat(cache.PathOf(sha_))->mode, 0555u);
  EXPECT_EQ(PosixEnv().ListDirectory(directory_)->size(), 1u);
}

TEST_F(PluginCacheTest, Store_RefusesDamagedBytesAndBadNames) {
  PluginCache cache(PosixEnv(), directory_);
  EXPECT_EQ(cache.Store(sha_, bytes_ + "x").error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(cache.Store("../../etc/passwd", bytes_).error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(cache.Has("../../etc/passwd"));
}

TEST_F(PluginCacheTest, Has_DamagedFileIsDeletedAndFetchedAgain) {
  { std::ofstream(JoinPath(directory_, sha_ + ".so")) << "half of it"; }
  PluginCache cache(PosixEnv(), directory_);
  EXPECT_FALSE(cache.Has(sha_));
  EXPECT_FALSE(PosixEnv().Exists(cache.PathOf(sha_)));
  ASSERT_TRUE(cache.Store(sha_, bytes_));
  EXPECT_TRUE(PluginCache(PosixEnv(), directory_).Has(sha_));
}

TEST_F(PluginCacheTest, Has_NoticesAByteFlippedUnderARunningWorker) {
  PluginCache cache(PosixEnv(), directory_);
  ASSERT_TRUE(cache.Store(sha_, bytes_));
  ASSERT_TRUE(cache.Has(sha_));
  std::string damaged = bytes_;
  damaged[3] ^= 1;
  ASSERT_TRUE(PosixEnv().SetMode(cache.PathOf(sha_), 0755));
  { std::ofstream(cache.PathOf(sha_)) << damaged; }
  EXPECT_FALSE(cache.Has(sha_));
  ASSERT_TRUE(cache.Store(sha_, bytes_));
  EXPECT_TRUE(cache.Has(sha_));
}

TEST(PluginFetcher, Next_PieceByPieceAndAgainAfterATimeout) {
  PluginFetcher fetcher;
  Time now{std::chrono::hours(1)};
  EXPECT_FALSE(fetcher.Next(now));
  fetcher.Add("abc");
  EXPECT_EQ(fetcher.Next(now)->offset, 0u);
  EXPECT_FALSE(fetcher.Next(now));
  EXPECT_FALSE(fetcher.OnResponse(now, wire::GetBlobResponse{5, "hel"}));
  EXPECT_EQ(fetcher.Next(now)->offset, 3u);
  now += std::chrono::seconds(3);
  EXPECT_EQ(fetcher.Next(now)->offset, 3u);
  const auto finished = fetcher.OnResponse(now, wire::GetBlobResponse{5, "lo"});
  ASSERT_TRUE(finished);
  EXPECT_EQ(*finished->bytes, "hello");
  EXPECT_FALSE(fetcher.Next(now));
}

TEST(PluginFetcher, OnResponse_ErrorsEndOrRetry) {
  PluginFetcher fetcher;
  Time now{std::chrono::hours(1)};
  fetcher.Add("abc");
  ASSERT_TRUE(fetcher.Next(now));
  EXPECT_FALSE(fetcher.OnResponse(now, wire::ErrorResponse{ErrorCode::kUnavailable, "later"}));
  now += std::chrono::seconds(1);
  ASSERT_TRUE(fetcher.Next(now));
  const auto finished = fetcher.OnResponse(now, wire::ErrorResponse{ErrorCode::kNotFound, "none"});
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->bytes.error().code, ErrorCode::kNotFound);
  fetcher.Add("def");
  ASSERT_TRUE(fetcher.Next(now));
  EXPECT_FALSE(fetcher.OnResponse(now, wire::GetBlobResponse{5, ""})->bytes.has_value());
}

TEST(LogTail, KeepsTheEndAndGivesNewBytesOnce) {
  LogTail log;
  log.Append("one\ntwo\nthree\n");
  EXPECT_EQ(log.LastLines(2), "two\nthree\n");
  EXPECT_EQ(log.LastLines(9), "one\ntwo\nthree\n");
  EXPECT_EQ(log.TakeNew(), "one\ntwo\nthree\n");
  EXPECT_EQ(log.TakeNew(), "");
  log.Append(std::string(LogTail::kKeptBytes + 5, 'x'));
  EXPECT_EQ(log.TakeNew().size(), LogTail::kKeptBytes);
  EXPECT_EQ(LogTail().LastLines(), "");
}

}  // namespace
}  // namespace mr::worker
