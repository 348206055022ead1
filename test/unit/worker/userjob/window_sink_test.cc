#include "worker/userjob/window_sink.h"

#include <gtest/gtest.h>

#include "test/unit/worker/testutil/c_jobs.h"

namespace mr::worker::test {
namespace {

TEST(WindowSink, More_HandsOnEverythingInOrder) {
  BlackBox box;
  std::string taken;
  WindowSink sink(box, [&](std::string_view bytes) {
    EXPECT_EQ(box.where.phase, MR_PHASE_NONE);
    taken += bytes;
    return true;
  });
  box.where.phase = MR_PHASE_MAP;
  std::string expected;
  for (int i = 0; i < 20'000; ++i) {
    std::string piece = std::to_string(i) + ",";
    expected += piece;
    ASSERT_EQ(Write(&sink.abi(), piece), MR_OK);
  }
  EXPECT_EQ(box.where.phase, MR_PHASE_MAP);
  box.where.phase = MR_PHASE_NONE;
  EXPECT_TRUE(sink.Flush());
  EXPECT_EQ(taken, expected);
}

TEST(WindowSink, More_GrowsForALargeRecord) {
  BlackBox box;
  size_t bytes = 0;
  WindowSink sink(box, [&](std::string_view b) {
    bytes += b.size();
    return true;
  });
  EXPECT_EQ(Write(&sink.abi(), "before"), MR_OK);
  EXPECT_EQ(Write(&sink.abi(), std::string(5'000'000, 'x')), MR_OK);
  EXPECT_TRUE(sink.Flush());
  EXPECT_EQ(bytes, 5'000'006u);
}

TEST(WindowSink, More_RefusesMoreThanAGigabyte) {
  BlackBox box;
  WindowSink sink(box, [](std::string_view) { return true; });
  EXPECT_NE(sink.abi().more(&sink.abi(), WindowSink::kMaxBytes + 1), 0);
  ASSERT_TRUE(sink.failure().has_value());
  EXPECT_EQ(sink.failure()->cause, wire::FailureCause::kBadOutput);
  EXPECT_NE(sink.abi().more(&sink.abi(), 1), 0);  // and stays stopped
}

TEST(WindowSink, Flush_FindsACursorOutsideOfTheWindow) {
  BlackBox box;
  WindowSink sink(box, [](std::string_view) { return true; });
  sink.abi().cursor = sink.abi().end + 1;
  EXPECT_FALSE(sink.Flush());
  EXPECT_EQ(sink.failure()->cause, wire::FailureCause::kBadOutput);
}

TEST(WindowSink, More_StopsAfterTheConsumerFailed) {
  BlackBox box;
  WindowSink* face = nullptr;
  WindowSink sink(box, [&](std::string_view) {
    face->Fail(FailureOf({ErrorCode::kNoSpace, "full"}));
    return false;
  });
  face = &sink;
  EXPECT_EQ(Write(&sink.abi(), "x"), MR_OK);
  EXPECT_EQ(Write(&sink.abi(), std::string(100'000, 'x')), MR_STOP);
  EXPECT_EQ(sink.failure()->message, "full");
}

}  // namespace
}  // namespace mr::worker::test
