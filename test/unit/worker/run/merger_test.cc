#include "worker/run/merger.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "test/support/memory_env.h"
#include "test/unit/worker/run/run_test_util.h"

namespace mr::worker::test {
namespace {

using mr::test::MemoryEnv;

// Keys that differ early, late (past the 8-byte prefix), in length only, and not at all.
std::string AwkwardKey(Random& random) {
  switch (random.Below(6)) {
    case 0:
      return std::string(random.Below(12), '\0');
    case 1:
      return std::string(random.Below(12), '\xff');
    case 2:
      return "samelongprefix" + std::to_string(random.Below(30));
    case 3:
      return "12345678" + std::string(random.Below(3), 'a');
    default: {
      std::string key(random.Below(10), '\0');
      for (char& c : key) c = static_cast<char>(random.Below(3) * 127);
      return key;
    }
  }
}

struct Prepared {
  std::vector<SegmentInput> inputs;
  Records expected;
};

// `count` sorted segments; the expected merge is stable by (key, segment, position).
Prepared Prepare(MemoryEnv& env, Random& random, size_t count) {
  Prepared prepared;
  std::vector<Records> all;
  for (size_t i = 0; i < count; ++i) {
    Records records(random.Below(30));
    for (auto& [key, value] : records) key = AwkwardKey(random);
    std::sort(records.begin(), records.end());
    for (size_t j = 0; j < records.size(); ++j) records[j].second = StrCat(i, ":", j);
    std::string path = StrCat("/segment", i);
    auto extents = WriteRun(env, path, 1, {{0, records}});
    prepared.inputs.push_back(SegmentInput::From(FileSegment(path, extents[0])));
    prepared.expected.insert(prepared.expected.end(), records.begin(), records.end());
  }
  std::stable_sort(prepared.expected.begin(), prepared.expected.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  return prepared;
}

TEST(Merger, Next_EqualsAStableSortForAnyNumberOfSegments) {
  Random random(3);
  for (size_t count = 0; count < 40; ++count) {
    MemoryEnv env;
    Prepared prepared = Prepare(env, random, count);
    Merger merger(env, prepared.inputs, {});
    Step end;
    EXPECT_EQ(Drain(merger, end), prepared.expected) << count;
    EXPECT_EQ(end, Step::kEnd);
    EXPECT_EQ(merger.Next(), Step::kEnd);
  }
}

TEST(Merger, Next_GivesTheSameThroughScratchRuns) {
  Random random(4);
  for (uint32_t fan_in : {2u, 3u, 7u}) {
    for (size_t count : {3, 8, 30}) {
      MemoryEnv env;
      Prepared prepared = Prepare(env, random, count);
      ASSERT_TRUE(env.CreateDirectories("/scratch").has_value());
      int beats = 0;
      {
        Merger merger(env, prepared.inputs,
                      {.fan_in = fan_in, .scratch_prefix = "/scratch/merge-", .beat = [&] { ++beats; }});
        Step end;
        EXPECT_EQ(Drain(merger, end), prepared.expected) << count << " by " << fan_in;
      }
      EXPECT_TRUE(env.ListDirectory("/scratch")->empty());  // cleans up after itself
    }
  }
}

TEST(Merger, Next_FindsDamageInAnyPass) {
  Random random(5);
  MemoryEnv env;
  Prepared prepared = Prepare(env, random, 12);
  AttemptId source{TaskId{JobId{1}, Phase::kMap, 3}, 1, 1};
  WriteRun(env, "/damaged", 1, {{0, {{"a", "1"}}}});
  std::string bytes = *ReadWholeFile(env, "/damaged");
  bytes[45] ^= 4;
  Segment segment;
  segment.memory = SegmentBytes(bytes);
  segment.bytes = 50;
  segment.source = source;
  prepared.inputs[3] = SegmentInput::From(segment);
  ASSERT_TRUE(env.CreateDirectories("/scratch").has_value());

  Merger merger(env, prepared.inputs, {.fan_in = 2, .scratch_prefix = "/scratch/merge-"});

  EXPECT_EQ(merger.Next(), Step::kError);
  EXPECT_EQ(merger.damaged_source(), source);
  EXPECT_EQ(merger.Next(), Step::kError);
}

TEST(Merger, Next_AMissingMapOutputIsItsSourcesFault) {
  MemoryEnv env;
  Segment segment;
  segment.path = "/nowhere.run";
  segment.bytes = 100;
  segment.source = AttemptId{TaskId{JobId{1}, Phase::kMap, 9}, 0, 1};
  Merger merger(env, {SegmentInput::From(segment)}, {});
  EXPECT_EQ(merger.Next(), Step::kError);
  EXPECT_EQ(merger.damaged_source(), segment.source);
}

TEST(KeyPrefix, OrdersLikeTheKeys) {
  Random random(6);
  for (int i = 0; i < 20'000; ++i) {
    std::string a = std::string(8, '#') + AwkwardKey(random), b = std::string(8, '#') + AwkwardKey(random);
    std::string_view key_a = std::string_view(a).substr(8), key_b = std::string_view(b).substr(8);
    uint64_t prefix_a = KeyPrefix(key_a.data(), key_a.size()), prefix_b = KeyPrefix(key_b.data(), key_b.size());
    int order = prefix_a != prefix_b ? (prefix_a < prefix_b ? -1 : 1) : ComparePastPrefix(key_a, key_b);
    int expected = key_a.compare(key_b);
    EXPECT_EQ(order < 0, expected < 0);
    EXPECT_EQ(order > 0, expected > 0);
  }
}

}  // namespace
}  // namespace mr::worker::test
