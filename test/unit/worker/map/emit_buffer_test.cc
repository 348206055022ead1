#include "worker/map/emit_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/strings.h"
#include "test/unit/worker/map/collector_test_util.h"

namespace mr::worker::test {
namespace {

constexpr uint64_t kAmple = 16u << 20;

// By partition: stably sorted, as equal keys have to stay in the order of emission.
std::vector<Records> Expected(PartitionerFixture& fixture, uint32_t partitions, const Records& emitted) {
  std::vector<Records> expected(partitions);
  for (const Record& record : emitted) expected[fixture.Of(record.first)].push_back(record);
  for (Records& records : expected) {
    std::stable_sort(records.begin(), records.end(),
                     [](const Record& a, const Record& b) { return a.first < b.first; });
  }
  return expected;
}

void EmitAll(EmitBuffer& buffer, const Records& records, size_t window_bytes, const Spill& spill) {
  Window window;
  for (const auto& [key, value] : records) {
    window.Add(key, value);
    if (window.size() < window_bytes) continue;
    ASSERT_TRUE(buffer.Consume(window.Frames(), spill).has_value());
    window.Clear();
  }
  ASSERT_TRUE(buffer.Consume(window.Frames(), spill).has_value());
}

TEST(EmitBuffer, Sort_OrdersByPartitionKeyAndEmission) {
  for (uint32_t partitions : {1u, 2u, 7u, 300u}) {
    SCOPED_TRACE(partitions);
    PartitionerFixture fixture(partitions);
    EmitBuffer buffer(kAmple, fixture.partitioner());
    Random random(partitions);
    Records emitted;
    for (int i = 0; i < 20'000; ++i) emitted.emplace_back(HardKey(random), StrCat(i));
    EmitAll(buffer, emitted, 64u << 10, kNoSpill);
    EXPECT_EQ(buffer.stats().records, emitted.size());
    EXPECT_EQ(Drain(buffer, partitions), Expected(fixture, partitions, emitted));
    EXPECT_TRUE(buffer.empty());
  }
}

TEST(EmitBuffer, Sort_LongCommonPrefixesAndManyEqualKeys) {
  PartitionerFixture fixture(1);
  EmitBuffer buffer(kAmple, fixture.partitioner());
  Random random(5);
  Records emitted;
  for (int i = 0; i < 30'000; ++i) {
    // Alike in their first 0, 8, 15, 22, 100 bytes, then one of ten tails of 0 to 3 bytes.
    static constexpr size_t kAlike[] = {0, 8, 15, 22, 100};
    std::string key(kAlike[random.Below(std::size(kAlike))], 'k');
    emitted.emplace_back(key + std::string(random.Below(4), static_cast<char>(random.Below(3))), StrCat(i));
  }
  EmitAll(buffer, emitted, 64u << 10, kNoSpill);
  EXPECT_EQ(Drain(buffer, 1), Expected(fixture, 1, emitted));
}

TEST(EmitBuffer, Sort_KeysOf100kB) {
  PartitionerFixture fixture(3);
  EmitBuffer buffer(kAmple, fixture.partitioner());
  Random random(6);
  Records emitted;
  for (int i = 0; i < 100; ++i) {
    std::string key(100'000, 'x');
    key.back() = static_cast<char>('a' + random.Below(20));  // decided by the last byte
    if (i % 10 == 0) key.pop_back();
    emitted.emplace_back(key, StrCat(i));
  }
  EmitAll(buffer, emitted, 1u << 20, kNoSpill);
  EXPECT_EQ(Drain(buffer, 3), Expected(fixture, 3, emitted));
}

TEST(EmitBuffer, Consume_EmptyKeysAndValues) {
  PartitionerFixture fixture(1);
  EmitBuffer buffer(kAmple, fixture.partitioner());
  const Records emitted = {{"", ""}, {"a", ""}, {"", "1"}, {std::string(1, '\0'), ""}, {"", "2"}};
  EmitAll(buffer, emitted, 1, kNoSpill);
  const Records sorted = {{"", ""}, {"", "1"}, {"", "2"}, {std::string(1, '\0'), ""}, {"a", ""}};
  EXPECT_EQ(Drain(buffer, 1)[0], sorted);
  EXPECT_EQ(buffer.stats().bytes, 4u);
}

TEST(EmitBuffer, Consume_SpillsWhatFollowsEachOther) {
  constexpr uint32_t kPartitions = 4;
  constexpr uint64_t kBudget = 100'000;
  PartitionerFixture fixture(kPartitions);
  EmitBuffer buffer(kBudget, fixture.partitioner());
  Random random(7);
  Records emitted;
  for (int i = 0; i < 20'000; ++i) emitted.emplace_back(HardKey(random), StrCat(i));
  std::vector<std::vector<Records>> spills;
  EmitAll(buffer, emitted, 64u << 10, [&]() -> Attempted<void> {
    spills.push_back(Drain(buffer, kPartitions));
    return {};
  });
  spills.push_back(Drain(buffer, kPartitions));
  EXPECT_GT(spills.size(), 8u);
  // Each spill holds the next piece of what was emitted, and as much of it as the budget allows.
  size_t begin = 0;
  for (size_t i = 0; i < spills.size(); ++i) {
    size_t count = 0, bytes = 0;
    for (const Records& records : spills[i]) {
      count += records.size();
      for (const auto& [key, value] : records) bytes += kFrameHeaderBytes + key.size() + value.size();
    }
    EXPECT_LE(bytes + count * 16, kBudget);
    if (i + 1 < spills.size()) {
      EXPECT_GE(bytes + count * 16, kBudget - 1000) << "spilled too early";
    }
    const auto first = emitted.begin() + static_cast<std::ptrdiff_t>(begin);
    EXPECT_EQ(spills[i], Expected(fixture, kPartitions, Records(first, first + static_cast<std::ptrdiff_t>(count))));
    begin += count;
  }
  EXPECT_EQ(begin, emitted.size());
}

TEST(EmitBuffer, Consume_ARecordLargerThanTheBudget) {
  PartitionerFixture fixture(1);
  EmitBuffer buffer(64u << 10, fixture.partitioner());
  std::vector<Records> spills;
  const Spill spill = [&]() -> Attempted<void> {
    spills.push_back(Drain(buffer, 1)[0]);
    return {};
  };
  const Records emitted = {{"a", "1"}, {std::string(200'000, 'k'), "2"}, {"b", "3"}};
  EmitAll(buffer, emitted, 1u << 20, spill);
  spills.push_back(Drain(buffer, 1)[0]);
  ASSERT_EQ(spills.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(spills[i], Records{emitted[i]});
}

TEST(EmitBuffer, Consume_ASpillThatFailsEndsIt) {
  PartitionerFixture fixture(1);
  EmitBuffer buffer(64u << 10, fixture.partitioner());
  Window window;
  for (int i = 0; i < 10'000; ++i) window.Add(StrCat(i), "value");
  wire::Failure full;
  full.cause = wire::FailureCause::kDiskFull;
  const auto consumed =
      buffer.Consume(window.Frames(), [&]() -> Attempted<void> { return tl::unexpected(full); });
  ASSERT_FALSE(consumed.has_value());
  EXPECT_EQ(consumed.error().cause, wire::FailureCause::kDiskFull);
}

TEST(EmitBuffer, Consume_RefusesTornFramesAndNamesThePlace) {
  PartitionerFixture fixture(1);
  EmitBuffer buffer(kAmple, fixture.partitioner());
  std::string frames;
  AppendFrame(frames, "key", "value");
  AppendFrame(frames, "key", "value");
  for (size_t size : {17u, 23u, 31u}) {
    const auto consumed = buffer.Consume(std::string_view(frames).substr(0, size), kNoSpill);
    ASSERT_FALSE(consumed.has_value());
    EXPECT_EQ(consumed.error().cause, wire::FailureCause::kBadOutput);
    EXPECT_NE(consumed.error().message.find("at byte 16"), std::string::npos) << consumed.error().message;
  }
}

TEST(EmitBuffer, Clear_LeavesNothingBehind) {
  PartitionerFixture fixture(5);
  EmitBuffer buffer(kAmple, fixture.partitioner());
  EmitAll(buffer, {{"a", "1"}, {"b", "2"}}, 1, kNoSpill);
  Drain(buffer, 5);
  EmitAll(buffer, {{"c", "3"}}, 1, kNoSpill);
  EXPECT_EQ(Drain(buffer, 5), Expected(fixture, 5, {{"c", "3"}}));
  for (const Records& records : Drain(buffer, 5)) EXPECT_TRUE(records.empty());
}

}  // namespace
}  // namespace mr::worker::test
