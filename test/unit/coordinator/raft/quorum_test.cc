#include "coordinator/raft/core/quorum.h"

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace mr::raft {
namespace {

std::set<NodeId> Ids(std::initializer_list<uint64_t> values) {
  std::set<NodeId> ids;
  for (const uint64_t value : values) ids.insert({value});
  return ids;
}

TEST(Quorum, IsMajority_CountsMembersOnly) {
  const Quorum quorum{Ids({1, 2, 3, 4}), {}};
  EXPECT_FALSE(quorum.IsMajority(Ids({1, 2})));
  EXPECT_TRUE(quorum.IsMajority(Ids({1, 2, 4})));
  EXPECT_FALSE(quorum.IsMajority(Ids({1, 2, 7, 8, 9})));
  EXPECT_FALSE(Quorum{}.IsMajority(Ids({1})));
}

TEST(Quorum, IsMajority_OfBothSetsInAChange) {
  const Quorum quorum{Ids({1, 2, 3}), Ids({3, 4, 5})};
  EXPECT_FALSE(quorum.IsMajority(Ids({1, 2})));
  EXPECT_FALSE(quorum.IsMajority(Ids({1, 2, 3})));
  EXPECT_TRUE(quorum.IsMajority(Ids({1, 3, 5})));
}

// The slow and certain definition: the greatest value for which those that have reached it are a
// majority.
uint64_t ReachedByCounting(const Quorum& quorum, const std::vector<uint64_t>& values) {
  uint64_t best = 0;
  for (const uint64_t value : values) {
    std::set<NodeId> reached;
    for (size_t i = 0; i < values.size(); ++i)
      if (values[i] >= value) reached.insert({i + 1});
    if (quorum.IsMajority(reached)) best = std::max(best, value);
  }
  return best;
}

TEST(Quorum, Reached_AgreesWithCounting) {
  Random random(1);
  for (int round = 0; round < 3000; ++round) {
    Quorum quorum;
    std::vector<uint64_t> values;
    const uint64_t count = 1 + random.Below(7);
    for (uint64_t i = 1; i <= count; ++i) {
      values.push_back(random.Below(6));
      if (i == 1 || random.Chance(0.7)) quorum.incoming.insert({i});
      if (random.Chance(0.2)) quorum.outgoing.insert({i});
    }
    EXPECT_EQ(quorum.Reached([&](NodeId id) { return values[id.value - 1]; }),
              ReachedByCounting(quorum, values));
  }
}

}  // namespace
}  // namespace mr::raft
