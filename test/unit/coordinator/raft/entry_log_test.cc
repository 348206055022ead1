#include "coordinator/raft/core/entry_log.h"

#include <gtest/gtest.h>

namespace mr::raft {
namespace {

EntryLog LogOf(const std::vector<uint64_t>& terms) {
  EntryLog log({}, {});
  for (const uint64_t term : terms)
    log.Append(
        std::make_shared<const Entry>(Entry{Next(log.last()), {term}, EntryKind::kCommand, ""}));
  return log;
}

TEST(EntryLog, TermAt_KnowsBaseAndEntriesOnly) {
  EntryLog log = LogOf({1, 1, 2, 3});
  EXPECT_EQ(log.TermAt({0}), Term{0});
  EXPECT_EQ(log.TermAt({3}), Term{2});
  EXPECT_EQ(log.TermAt({5}), std::nullopt);
  log.CompactTo({2}, {1});
  EXPECT_EQ(log.TermAt({1}), std::nullopt);
  EXPECT_EQ(log.TermAt({2}), Term{1});
  EXPECT_EQ(log.last(), Index{4});
}

TEST(EntryLog, LastTerm_FallsBackToTheBase) {
  EntryLog log = LogOf({1, 2});
  log.CompactTo({2}, {2});
  EXPECT_EQ(log.last_term(), Term{2});
  log.Reset({9}, {7});
  EXPECT_EQ(log.last_term(), Term{7});
  EXPECT_EQ(log.last(), Index{9});
}

TEST(EntryLog, Slice_OfCrossedBoundsIsEmpty) {
  const EntryLog log = LogOf({1, 1, 1});
  EXPECT_EQ(log.Slice({2}, {4}).size(), 2u);
  EXPECT_TRUE(log.Slice({3}, {3}).empty());
  EXPECT_TRUE(log.Slice({3}, {1}).empty());
}

TEST(EntryLog, LastWithTermAtMost_SkipsNewerTerms) {
  EntryLog log = LogOf({1, 1, 3, 3, 5});
  EXPECT_EQ(log.LastWithTermAtMost({5}, {5}), Index{5});
  EXPECT_EQ(log.LastWithTermAtMost({9}, {4}), Index{4});
  EXPECT_EQ(log.LastWithTermAtMost({4}, {2}), Index{2});
  EXPECT_EQ(log.LastWithTermAtMost({5}, {0}), Index{0});
  log.CompactTo({3}, {3});
  EXPECT_EQ(log.LastWithTermAtMost({5}, {1}), Index{3});
}

TEST(EntryLogDeathTest, RefusesHolesAndWrongBounds) {
  EntryLog log = LogOf({1, 2});
  const auto hole = std::make_shared<const Entry>(Entry{{4}, {2}, EntryKind::kCommand, ""});
  EXPECT_DEATH(log.Append(hole), "a hole in the log");
  const auto older = std::make_shared<const Entry>(Entry{{3}, {1}, EntryKind::kCommand, ""});
  EXPECT_DEATH(log.Append(older), "terms fall");
  EXPECT_DEATH(Distance({90}, {88}), "different moments");
  EXPECT_DEATH(Previous({0}), "before index 0");
}

}  // namespace
}  // namespace mr::raft
