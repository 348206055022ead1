#include "coordinator/server/blob_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/hash.h"

namespace mr::coordinator {
namespace {

class BlobStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = CreateTemporaryDirectory(testing::TempDir() + "blobs-").value();
  }
  void TearDown() override { (void)env_.RemoveTree(directory_); }
  BlobStore Open() { return BlobStore::Open(env_, JoinPath(directory_, "plugins"), false).value(); }
  wire::PutBlobRequest Piece(uint64_t offset, uint64_t length) const {
    return {Sha256Hex(bytes_), bytes_.size(), offset, bytes_.substr(offset, length)};
  }
  Env& env_ = PosixEnv();
  std::string directory_;
  std::string bytes_ = std::string(1000, 'x') + "end";
};

TEST_F(BlobStoreTest, Put_PiecesInOrder_AreStoredAndReadBack) {
  BlobStore store = Open();
  EXPECT_FALSE(store.Put(1, {Sha256Hex(bytes_), bytes_.size(), 0, ""})->response.complete);
  EXPECT_EQ(store.Put(1, Piece(0, 500))->response.received_bytes, 500u);
  EXPECT_EQ(store.Put(1, Piece(0, 500))->response.received_bytes, 500u);  // the answer was lost
  const auto last = store.Put(1, Piece(500, 503));
  EXPECT_TRUE(last->response.complete);
  EXPECT_TRUE(last->stored_now);
  EXPECT_FALSE(store.Put(2, Piece(0, 500))->stored_now);  // already here

  const auto got = store.Get({Sha256Hex(bytes_), 900});
  EXPECT_EQ(got->total_bytes, bytes_.size());
  EXPECT_EQ(got->bytes, bytes_.substr(900));
}

TEST_F(BlobStoreTest, Forget_TakesTheFileAlong_UnlessItIsStoredAgain) {
  BlobStore store = Open();
  const std::string sha256 = Sha256Hex(bytes_);
  ASSERT_TRUE(store.Put(1, Piece(0, 1003))->stored_now);
  store.Forget(sha256);
  EXPECT_EQ(store.Get({sha256, 0}).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(store.Put(1, Piece(0, 1003))->stored_now) << "before the file was removed";
  ASSERT_TRUE(store.RemoveForgotten().has_value());
  EXPECT_TRUE(store.Get({sha256, 0}).has_value());
  store.Forget(sha256);
  ASSERT_TRUE(store.RemoveForgotten().has_value());
  EXPECT_TRUE(Open().found().empty());
}

TEST_F(BlobStoreTest, Put_AGap_AsksForTheMissingPiece) {
  BlobStore store = Open();
  EXPECT_EQ(store.Put(1, Piece(500, 503))->response.received_bytes, 0u);
}

TEST_F(BlobStoreTest, Put_WrongHash_IsRefusedAndForgotten) {
  BlobStore store = Open();
  wire::PutBlobRequest request = Piece(0, 1003);
  request.bytes[0] = 'y';
  const auto result = store.Put(1, request);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(store.Put(1, Piece(0, 1003))->response.complete);
}

TEST_F(BlobStoreTest, Put_BadSizesAndNames_AreRefused) {
  BlobStore store = Open();
  EXPECT_FALSE(store.Put(1, {"../../etc/passwd", 3, 0, "abc"}).has_value());
  EXPECT_FALSE(store.Put(1, {Sha256Hex("a"), kMaxBlobBytes + 1, 0, "a"}).has_value());
  EXPECT_FALSE(store.Put(1, {Sha256Hex("a"), 0, 0, ""}).has_value());
  EXPECT_FALSE(store.Put(1, {Sha256Hex("a"), 1, UINT64_MAX, "a"}).has_value());
}

TEST_F(BlobStoreTest, Get_Unknown_IsNotFound) {
  BlobStore store = Open();
  EXPECT_EQ(store.Get({"../lock", 0}).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(store.Put(1, Piece(0, 1003)).has_value());
  EXPECT_FALSE(store.Get({Sha256Hex(bytes_), 5000}).has_value());
}

TEST_F(BlobStoreTest, Open_Again_FindsWhatIsWholeAndDropsTheRest) {
  { ASSERT_TRUE(Open().Put(1, Piece(0, 1003)).has_value()); }
  const std::string damaged = JoinPath(directory_, "plugins/" + Sha256Hex("other"));
  ASSERT_TRUE(WriteFileAtomically(env_, damaged, "not the other").has_value());
  const BlobStore store = Open();
  ASSERT_EQ(store.found().size(), 1u);
  EXPECT_EQ(store.found()[0].sha256, Sha256Hex(bytes_));
  EXPECT_FALSE(env_.Exists(damaged));
}

}  // namespace
}  // namespace mr::coordinator
