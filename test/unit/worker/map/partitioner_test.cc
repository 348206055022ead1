#include "worker/map/partitioner.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/random.h"
#include "test/unit/worker/map/collector_test_util.h"

namespace mr::worker::test {
namespace {

mr_job_def RangeJob() {
  mr_job_def def = GroupingJob();
  def.partition_kind = MR_PARTITION_RANGE;
  return def;
}

TEST(Partitioner, Ranges_AreThoseOfTheBounds) {
  Random random(1);
  for (size_t count : {2u, 3u, 40u}) {
    std::vector<std::string> bounds;
    for (size_t i = 1; i < count; ++i) bounds.push_back(HardKey(random));  // empty, alike, equal ones too
    std::sort(bounds.begin(), bounds.end());
    ScratchDirectory scratch;
    AttemptFixture attempt(scratch.path());
    const mr_job_def def = RangeJob();
    auto job = UserJob::Create(def, attempt.context).value();
    Partitioner partitioner(*job, static_cast<uint32_t>(count), bounds);
    std::vector<std::string> keys(bounds);
    for (int i = 0; i < 3000; ++i) keys.push_back(HardKey(random));
    for (const std::string& key : keys) {
      uint32_t partition = 0;
      ASSERT_TRUE(partitioner.Of(key, partition));
      EXPECT_EQ(partition, std::upper_bound(bounds.begin(), bounds.end(), key) - bounds.begin());
    }
  }
}

TEST(Partitioner, Hash_UsesEveryPartition) {
  PartitionerFixture fixture(16);
  std::vector<int> seen(16);
  for (int i = 0; i < 16'000; ++i) ++seen[fixture.Of("key " + std::to_string(i))];
  for (int count : seen) EXPECT_NEAR(count, 1000, 200);
}

}  // namespace
}  // namespace mr::worker::test
