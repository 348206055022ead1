#include "worker/agent/chores.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <future>
#include <string>
#include <thread>
#include <vector>

namespace mr::worker {
namespace {

// Waits until there are sequels, and runs them.
void Await(Chores& chores) {
  pollfd waiting{chores.descriptor(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 20'000), 1);
  chores.RunSequels();
}

TEST(ChoresTest, Add_SequelRunsInTheLoopsThread) {
  const auto chores = *Chores::Start();
  std::thread::id worked, followed;
  chores->Add([&] {
    worked = std::this_thread::get_id();
    return [&] { followed = std::this_thread::get_id(); };
  });
  Await(*chores);
  EXPECT_NE(worked, std::this_thread::get_id());
  EXPECT_EQ(followed, std::this_thread::get_id());
}

TEST(ChoresTest, Add_OvertakesUnhurriedWork) {
  const auto chores = *Chores::Start();
  std::promise<void> gate;
  std::vector<std::string> order;
  chores->AddUnhurried([&]() -> Chores::Sequel {
    gate.get_future().wait();
    return {};
  });
  bool over = false;
  const auto note = [&](std::string name) {
    return [&order, &over, name]() -> Chores::Sequel {
      order.push_back(name);
      if (name != "delete 2") return {};
      return [&over] { over = true; };
    };
  };
  chores->AddUnhurried(note("delete 1"));
  chores->AddUnhurried(note("delete 2"));
  chores->Add(note("read 1"));
  chores->Add(note("read 2"));
  gate.set_value();
  Await(*chores);
  EXPECT_TRUE(over);
  EXPECT_EQ(order, (std::vector<std::string>{"read 1", "read 2", "delete 1", "delete 2"}));
}

TEST(ChoresTest, End_WaitsForWhatHasBegun) {
  bool finished = false;
  std::promise<void> begun, gate;
  auto chores = *Chores::Start();
  chores->AddUnhurried([&]() -> Chores::Sequel {
    begun.set_value();
    gate.get_future().wait();
    finished = true;
    return {};
  });
  begun.get_future().wait();
  std::thread opener([&] { gate.set_value(); });
  chores.reset();
  EXPECT_TRUE(finished);
  opener.join();
}

}  // namespace
}  // namespace mr::worker
