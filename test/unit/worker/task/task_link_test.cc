#include "worker/task/task_link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace mr::worker {
namespace {

struct Ends {
  int fds[2];
  Ends() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0); }
};

TEST(FrameSocket, Next_GivesWholeMessagesOnly) {
  Ends ends;
  FrameSocket reader(ends.fds[0]);
  const std::string wire(
      "\x03\x00\x00\x00"
      "abc"
      "\x00\x00\x00\x00",
      11);
  for (size_t i = 0; i < wire.size(); ++i) {
    if (i < 7) {
      const auto none = reader.Next();
      ASSERT_TRUE(none);
      EXPECT_FALSE(none->has_value());
    }
    ASSERT_EQ(::write(ends.fds[1], &wire[i], 1), 1);
  }
  EXPECT_EQ(**reader.Next(), "abc");
  EXPECT_EQ(**reader.Next(), "");
  ::close(ends.fds[1]);
  EXPECT_EQ(reader.Next().error().code, ErrorCode::kUnavailable);
}

TEST(FrameSocket, SendReceive_LargerThanTheSocketBuffer) {
  Ends ends;
  FrameSocket one(ends.fds[0]);
  FrameSocket other(ends.fds[1]);
  const std::string big(8u << 20, 'x');
  std::thread sender([&] { EXPECT_TRUE(one.Send(big)); });
  const auto got = other.Receive();
  sender.join();
  ASSERT_TRUE(got);
  EXPECT_EQ(**got, big);
}

TEST(FrameSocket, Queue_DoesNotWaitForASlowReader) {
  Ends ends;
  FrameSocket one(ends.fds[0]);
  FrameSocket other(ends.fds[1]);
  const std::string big(8u << 20, 'x');
  ASSERT_TRUE(one.Queue(big));
  EXPECT_TRUE(one.has_pending());
  std::optional<std::string> got;
  while (!got) {
    ASSERT_TRUE(one.Flush());
    got = *other.Next();
  }
  EXPECT_EQ(*got, big);
  EXPECT_FALSE(one.has_pending());
}

TEST(FrameSocket, Receive_ImpossibleLengthIsAnError) {
  Ends ends;
  FrameSocket reader(ends.fds[0]);
  ASSERT_EQ(::write(ends.fds[1], "\xff\xff\xff\xff", 4), 4);
  EXPECT_EQ(reader.Receive().error().code, ErrorCode::kDataLoss);
  ::close(ends.fds[1]);
}

TEST(FrameSocket, Receive_EndOfTheOtherSide) {
  Ends ends;
  FrameSocket reader(ends.fds[0]);
  ASSERT_EQ(::write(ends.fds[1],
                    "\x05\x00\x00\x00"
                    "ab",
                    6),
            6);
  ::close(ends.fds[1]);
  EXPECT_EQ(reader.Receive().error().code, ErrorCode::kDataLoss);
  EXPECT_FALSE(reader.Send("x"));
}

}  // namespace
}  // namespace mr::worker
