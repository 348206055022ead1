#include "worker/map/emit_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "common/base/strings.h"
#include "test/unit/worker/map/collector_test_util.h"

namespace mr::worker::test {
namespace {

constexpr uint64_t kAmpleTable = 64u << 20;

FoldSpec Fold(uint32_t kind, uint32_t width = 8, uint32_t value = MR_VALUE_UNSIGNED) {
  mr_job_def def{};
  def.fold = kind;
  def.fold_width = width;
  def.fold_value = value;
  return FoldSpec::Of(def);
}

using Table = std::map<std::string, uint64_t>;

uint64_t Folded(uint32_t kind, uint64_t a, uint64_t b) {
  return kind == MR_FOLD_SUM ? a + b : kind == MR_FOLD_MIN ? std::min(a, b) : std::max(a, b);
}

// Feeds a table and keeps the reference beside it.
class Feeder {
 public:
  explicit Feeder(uint32_t kind = MR_FOLD_SUM) : kind_(kind) {}
  void Add(const std::string& key, uint64_t value) {
    const auto [at, fresh] = expected_.try_emplace(key, value);
    if (!fresh) at->second = Folded(kind_, at->second, value);
    window_.Add(key, BigEndian(value));
  }
  size_t bytes() const { return window_.size(); }
  void Flush(EmitTable& table, const Spill& spill) {
    ASSERT_TRUE(table.Consume(window_.Frames(), spill).has_value());
    window_.Clear();
  }
  const Table& expected() const { return expected_; }

 private:
  uint32_t kind_;
  Table expected_;
  Window window_;
};

// The records of all partitions; checks order, partition and that no key comes twice.
Table Contents(PartitionerFixture& fixture, uint32_t partitions, const std::vector<Records>& drained) {
  Table all;
  for (uint32_t p = 0; p < partitions; ++p) {
    for (size_t i = 0; i < drained[p].size(); ++i) {
      const auto& [key, value] = drained[p][i];
      EXPECT_EQ(fixture.Of(key), p);
      EXPECT_TRUE(i == 0 || drained[p][i - 1].first < key) << "order, or twice";
      EXPECT_TRUE(all.emplace(key, FromBigEndian(value)).second);
    }
  }
  return all;
}

TEST(EmitTable, Consume_FoldsLikeAMap) {
  for (uint32_t kind : {MR_FOLD_SUM, MR_FOLD_MIN, MR_FOLD_MAX}) {
    for (uint32_t partitions : {1u, 5u}) {
      SCOPED_TRACE(StrCat(kind, " -r ", partitions));
      PartitionerFixture fixture(partitions);
      EmitTable table(kAmpleTable, Fold(kind), fixture.partitioner());
      Feeder feeder(kind);
      Random random(kind * 10 + partitions);
      for (int i = 0; i < 60'000; ++i) {
        feeder.Add(HardKey(random), random.Below(1000));
        if (feeder.bytes() > 60'000) feeder.Flush(table, kNoSpill);
      }
      feeder.Flush(table, kNoSpill);
      EXPECT_EQ(table.stats().records, 60'000u);
      EXPECT_EQ(Contents(fixture, partitions, Drain(table, partitions)), feeder.expected());
      EXPECT_TRUE(table.empty());
    }
  }
}

TEST(EmitTable, Consume_DedupKeepsOneOfEachKey) {
  PartitionerFixture fixture(1);
  EmitTable table(kAmpleTable, Fold(MR_FOLD_DEDUP, 0), fixture.partitioner());
  Window window;
  for (int i = 0; i < 1000; ++i) window.Add(StrCat(i % 10), "");
  ASSERT_TRUE(table.Consume(window.Frames(), kNoSpill).has_value());
  const auto records = Drain(table, 1)[0];
  ASSERT_EQ(records.size(), 10u);
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(records[i], Record(StrCat(i), ""));
}

TEST(EmitTable, Consume_NarrowSignedSumsWrapLikeThePluginsOwn) {
  PartitionerFixture fixture(1);
  EmitTable table(kAmpleTable, Fold(MR_FOLD_SUM, 2, MR_VALUE_SIGNED), fixture.partitioner());
  Window window;
  const auto encoded = [](int value) { return BigEndian(static_cast<uint16_t>(value) ^ 0x8000u, 2); };
  for (int value : {-5, 7, -30'000, -30'000}) window.Add("k", encoded(value));
  ASSERT_TRUE(table.Consume(window.Frames(), kNoSpill).has_value());
  EXPECT_EQ(Drain(table, 1)[0], (Records{{"k", encoded(static_cast<int16_t>(-59'998))}}));
}

TEST(EmitTable, Growth_FindsEveryKeyAgain) {
  PartitionerFixture fixture(3);
  EmitTable table(kAmpleTable, Fold(MR_FOLD_SUM), fixture.partitioner());
  Feeder feeder;
  for (int round = 0; round < 2; ++round) {  // the second round only hits
    for (uint64_t i = 0; i < 300'000; ++i) {
      // Short keys, and now and then ones that do not fit in a slot.
      feeder.Add(i % 16 == 0 ? StrCat("a key of more than sixteen bytes ", i) : StrCat(i * 7919), i + 1);
      if (feeder.bytes() > 60'000) feeder.Flush(table, kNoSpill);
    }
  }
  feeder.Flush(table, kNoSpill);
  EXPECT_EQ(Contents(fixture, 3, Drain(table, 3)), feeder.expected());
}

// The hash of short keys multiplies their two words, so there are keys that all have the same one.
TEST(EmitTable, Collisions_AreOnlySlow) {
  PartitionerFixture fixture(2);
  EmitTable table(kAmpleTable, Fold(MR_FOLD_SUM), fixture.partitioner());
  Feeder feeder;
  const uint64_t annihilates = 0xd6e8feb86659fd93u;
  for (uint64_t i = 0; i < 6000; ++i) {
    std::string key(16, '\0');
    const uint64_t number = i % 3000;
    std::memcpy(key.data(), &number, 8);
    std::memcpy(key.data() + 8, &annihilates, 8);
    feeder.Add(key, 1);
  }
  feeder.Flush(table, kNoSpill);
  EXPECT_EQ(Contents(fixture, 2, Drain(table, 2)), feeder.expected());
}

TEST(EmitTable, Consume_KeysOf100kB) {
  PartitionerFixture fixture(2);
  EmitTable table(kAmpleTable, Fold(MR_FOLD_SUM), fixture.partitioner());
  Feeder feeder;
  for (int i = 0; i < 200; ++i) {
    std::string key(100'000, 'x');
    key[99'999] = static_cast<char>('a' + i % 23);
    if (i % 7 == 0) key.pop_back();
    feeder.Add(key, 1);
    if (i % 10 == 9) feeder.Flush(table, kNoSpill);
  }
  EXPECT_EQ(Contents(fixture, 2, Drain(table, 2)), feeder.expected());
}

TEST(EmitTable, Consume_KeysAroundTheSizeOfASlot) {
  PartitionerFixture fixture(1);
  EmitTable table(kAmpleTable, Fold(MR_FOLD_SUM), fixture.partitioner());
  Feeder feeder;
  for (int round = 0; round < 2; ++round) {
    for (size_t size = 0; size < 40; ++size) {
      for (char c : {'\0', 'a', '\xff'}) feeder.Add(std::string(size, c), size + 1);
    }
  }
  feeder.Flush(table, kNoSpill);
  EXPECT_EQ(Contents(fixture, 1, Drain(table, 1)), feeder.expected());
}

void CheckSpills(uint64_t budget, size_t key_bytes, size_t least_spills) {
  SCOPED_TRACE(StrCat(budget, " bytes, keys of ", key_bytes));
  PartitionerFixture fixture(4);
  EmitTable table(budget, Fold(MR_FOLD_SUM), fixture.partitioner());
  Feeder feeder;
  Table sums;
  size_t spills = 0;
  const Spill spill = [&]() -> Attempted<void> {
    const Table contents = Contents(fixture, 4, Drain(table, 4));
    size_t bytes = 0;
    for (const auto& [key, value] : contents) {
      bytes += 32 + (key.size() > 16 ? key.size() : 0);
      sums[key] += value;
    }
    EXPECT_LE(bytes, budget);
    EXPECT_GE(bytes, budget / 8) << "spilled too early";
    ++spills;
    return {};
  };
  Random random(budget + key_bytes);
  for (int i = 0; i < 100'000; ++i) {
    std::string key = StrCat(random.Below(50'000));
    key.resize(std::max(key.size(), key_bytes), '.');
    feeder.Add(key, 1);
    if (feeder.bytes() > 60'000) feeder.Flush(table, spill);
  }
  feeder.Flush(table, spill);
  for (const auto& [key, value] : Contents(fixture, 4, Drain(table, 4))) sums[key] += value;
  EXPECT_EQ(sums, feeder.expected());
  EXPECT_GE(spills, least_spills);
}

TEST(EmitTable, Consume_SpillsWithinItsBudget) {
  CheckSpills(200'000, 5, 20);
  CheckSpills(1u << 20, 5, 3);
  CheckSpills(1u << 20, 40, 6);
  CheckSpills(1u << 20, 400, 20);
}

TEST(EmitTable, Consume_ABudgetSmallerThanAnything) {
  PartitionerFixture fixture(1);
  EmitTable table(1, Fold(MR_FOLD_SUM), fixture.partitioner());
  Feeder feeder;
  Table sums;
  const Spill spill = [&]() -> Attempted<void> {
    for (const auto& [key, value] : Contents(fixture, 1, Drain(table, 1))) sums[key] += value;
    return {};
  };
  for (int i = 0; i < 3000; ++i) {
    feeder.Add(StrCat(i % 700), 1);
    if (i % 100 == 0) feeder.Add(std::string(100'000, static_cast<char>('a' + i % 7)), 1);
  }
  feeder.Flush(table, spill);
  ASSERT_TRUE(spill().has_value());
  EXPECT_EQ(sums, feeder.expected());
}

TEST(EmitTable, Consume_RefusesTornFramesAndOtherWidths) {
  PartitionerFixture fixture(1);
  EmitTable table(kAmpleTable, Fold(MR_FOLD_SUM), fixture.partitioner());
  Window good, other;
  good.Add("k", BigEndian(1));
  auto torn = table.Consume(good.Frames().substr(0, 12), kNoSpill);
  ASSERT_FALSE(torn.has_value());
  EXPECT_EQ(torn.error().cause, wire::FailureCause::kBadOutput);
  other.Add("k", BigEndian(1, 4));
  auto width = table.Consume(other.Frames(), kNoSpill);
  ASSERT_FALSE(width.has_value());
  EXPECT_NE(width.error().message.find("a value of 4 bytes"), std::string::npos) << width.error().message;
}

TEST(EmitTable, Clear_LeavesNothingBehind) {
  PartitionerFixture fixture(2);
  EmitTable table(kAmpleTable, Fold(MR_FOLD_SUM), fixture.partitioner());
  Feeder first, second;
  for (int i = 0; i < 50'000; ++i) first.Add(StrCat("a key that lies outside of its slot ", i), 1);
  first.Flush(table, kNoSpill);
  Drain(table, 2);
  second.Add("b", 2);
  second.Flush(table, kNoSpill);
  EXPECT_EQ(Contents(fixture, 2, Drain(table, 2)), second.expected());
}

}  // namespace
}  // namespace mr::worker::test
