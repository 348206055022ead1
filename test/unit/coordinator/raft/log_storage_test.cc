// The log storage on a file system in memory: what was acknowledged is there after any crash, and damage is refused.
#include "coordinator/raft/log_storage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "coordinator/raft/crc32c.h"
#include "test/support/fault_env.h"
#include "test/support/memory_env.h"
#include "test/support/paths.h"

namespace mr::raft {
namespace {

using test::FaultEnv;
using test::MemoryEnv;

constexpr const char* kDirectory = "/state/coord";

StorageOptions Small(uint64_t segment_bytes = 1024) {
  StorageOptions options;
  options.segment_bytes = segment_bytes;
  options.seed = 7;
  return options;
}

std::vector<Entry> MakeEntries(uint64_t first, uint64_t count, uint64_t term, const std::string& text = "payload ") {
  std::vector<Entry> entries;
  for (uint64_t i = first; i < first + count; ++i)
    entries.push_back({{i}, {term}, EntryKind::kCommand, StrCat(text, i)});
  return entries;
}

// What a member believes to be durable, beside the storage that must prove it.
struct Model {
  HardState hard_state;
  SnapshotMeta snapshot;
  std::string snapshot_bytes;
  std::vector<Entry> entries;  // after the snapshot

  void Append(const std::vector<Entry>& added) {
    for (const Entry& entry : added) {
      std::erase_if(entries, [&](const Entry& old) { return old.index >= entry.index; });
      entries.push_back(entry);
    }
  }
  void Snapshot(const SnapshotMeta& meta, const std::string& bytes) {
    snapshot = meta;
    snapshot_bytes = bytes;
    const auto same = std::find_if(entries.begin(), entries.end(), [&](const Entry& old) { return old.index == meta.index; });
    if (same != entries.end() && same->term != meta.term) entries.clear();
    std::erase_if(entries, [&](const Entry& old) { return old.index <= meta.index; });
  }
};

// One step of a member's life. `issued` is what may be found after a crash in it; the step returns when all is durable.
struct Step {
  std::string name;
  std::function<Status(LogStorage&)> run;
  std::function<void(Model&)> issued;
};

Step AppendStep(std::vector<Entry> entries) {
  return {"append",
          [entries](LogStorage& storage) -> Status {
            MR_RETURN_IF_ERROR(storage.Append(entries));
            return storage.Sync();
          },
          [entries](Model& model) { model.Append(entries); }};
}

Step HardStateStep(HardState state) {
  return {"hard state", [state](LogStorage& storage) { return storage.SaveHardState(state); },
          [state](Model& model) { model.hard_state = state; }};
}

Step SnapshotStep(SnapshotMeta meta, std::string bytes) {
  return {"snapshot", [=](LogStorage& storage) { return storage.SaveSnapshot(meta, bytes); },
          [=](Model& model) { model.Snapshot(meta, bytes); }};
}

Step FenceStep() {
  return {"fence", [](LogStorage& storage) { return storage.Fence(); }, [](Model&) {}};
}

// Appends, an override, hard states, rolls of segments, snapshots, their garbage, an install beyond the log.
std::vector<Step> Life() {
  return {HardStateStep({{1}, {1}}),
          AppendStep(MakeEntries(1, 3, 1)),
          AppendStep(MakeEntries(4, 4, 1, std::string(90, 'x'))),
          FenceStep(),
          AppendStep(MakeEntries(6, 3, 2, "other ")),
          HardStateStep({{3}, {1}}),
          AppendStep(MakeEntries(9, 5, 3, std::string(200, 'y'))),
          SnapshotStep({{8}, {2}}, std::string(700, 's')),
          AppendStep(MakeEntries(14, 6, 3, std::string(150, 'z'))),
          SnapshotStep({{18}, {3}}, "second"),
          AppendStep(MakeEntries(20, 2, 3, std::string(1500, 'w'))),
          SnapshotStep({{21}, {3}}, "third"),
          AppendStep(MakeEntries(22, 2, 3)),
          SnapshotStep({{40}, {4}}, "installed"),
          AppendStep(MakeEntries(41, 6, 4, "of a leader that lost ")),
          // The log has an entry at that place, but another one: what follows it is not this history's.
          SnapshotStep({{44}, {5}}, "of the leader that won"),
          AppendStep(MakeEntries(45, 2, 5))};
}

// The same number of entries may be a prefix of what was being written.
bool IsPrefix(const std::vector<Entry>& part, const std::vector<Entry>& whole) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

// What was recovered is what was acknowledged, or that with a beginning of what was being written.
void ExpectAllowed(const Recovered& found, const Model& before, const Model& after) {
  EXPECT_TRUE(found.hard_state == before.hard_state || found.hard_state == after.hard_state);
  const bool old_snapshot = found.snapshot == before.snapshot;
  const Model& base = old_snapshot ? before : after;
  ASSERT_EQ(found.snapshot, base.snapshot);
  EXPECT_EQ(found.snapshot_bytes, base.snapshot_bytes);
  if (!old_snapshot || before.entries == after.entries || before.snapshot != after.snapshot) {
    EXPECT_EQ(found.entries, base.entries);
    return;
  }
  if (found.entries == before.entries || found.entries == after.entries) return;
  // In the middle of a batch: what stays of the old entries, then a beginning of the new ones.
  bool allowed = false;
  for (size_t kept = 0; kept <= after.entries.size(); ++kept) {
    Model part = before;
    const size_t first_new = static_cast<size_t>(
        std::mismatch(before.entries.begin(), before.entries.end(), after.entries.begin(), after.entries.end()).second -
        after.entries.begin());
    if (first_new + kept > after.entries.size()) break;
    part.Append({after.entries.begin() + static_cast<ptrdiff_t>(first_new),
                 after.entries.begin() + static_cast<ptrdiff_t>(first_new + kept)});
    allowed = allowed || part.entries == found.entries;
  }
  EXPECT_TRUE(allowed) << found.entries.size() << " entries";
}

void ExpectEqual(const Recovered& found, const Model& model) { ExpectAllowed(found, model, model); }

Result<std::unique_ptr<LogStorage>> OpenAt(Env& env, Recovered& recovered) {
  return LogStorage::Open(env, kDirectory, Small(), recovered);
}

TEST(Crc32c, KnownAnswers) {
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_NE(Crc32c("123456789", 1), 0xe3069283u);
}

TEST(LogStorage, Life_IsThereAfterEveryRestart) {
  MemoryEnv env;
  Model model;
  for (const Step& step : Life()) {
    Recovered recovered;
    auto storage = OpenAt(env, recovered);
    ASSERT_TRUE(storage.has_value()) << storage.error().text;
    ExpectEqual(recovered, model);
    EXPECT_TRUE(recovered.warnings.empty());
    ASSERT_TRUE(step.run(**storage).has_value()) << step.name;
    step.issued(model);
  }
  EXPECT_GT(env.Tree(StrCat(kDirectory, "/log")).size(), 0u);
  EXPECT_EQ(env.Tree(StrCat(kDirectory, "/snap")).size(), 2u);
  EXPECT_LT(env.Tree(StrCat(kDirectory, "/log")).size(), 6u) << "old segments go";
}

// Runs `steps` until the disk stops at call `stop`; says which step was under way.
struct CutLife {
  Model before;
  Model after;
  bool finished = false;
};

CutLife RunUntil(MemoryEnv& memory, uint64_t stop, test::Fault how) {
  FaultEnv env(memory);
  env.CrashAt(stop, how);
  CutLife life;
  Recovered recovered;
  const auto storage = OpenAt(env, recovered);
  if (!storage) return life;
  for (const Step& step : Life()) {
    step.issued(life.after);
    if (!step.run(**storage)) return life;
    life.before = life.after;
  }
  life.finished = true;
  return life;
}

void CheckImage(MemoryEnv& image, const CutLife& life) {
  Recovered first;
  {
    const auto storage = OpenAt(image, first);
    ASSERT_TRUE(storage.has_value()) << storage.error().text;
    ExpectAllowed(first, life.before, life.after);
  }
  image.LosePower();  // what a start found is durable
  Recovered second;
  const auto storage = OpenAt(image, second);
  ASSERT_TRUE(storage.has_value()) << storage.error().text;
  EXPECT_EQ(second.entries, first.entries);
  EXPECT_EQ(second.snapshot, first.snapshot);
  EXPECT_EQ(second.hard_state, first.hard_state);
  EXPECT_TRUE(second.warnings.empty());
  // And it goes on.
  const uint64_t next = (*storage)->last_index().value + 1;
  ASSERT_TRUE((*storage)->Append(MakeEntries(next, 1, 9)).has_value());
  ASSERT_TRUE((*storage)->Sync().has_value());
}

// Every call that touches the disk is the last one, and after it each written sector is there or not: all subsets of
// up to 12 sectors, samples of more.
TEST(LogStorage, Lesson19_PowerLossAtEveryCall) {
  MemoryEnv counting;
  ASSERT_TRUE(RunUntil(counting, ~uint64_t{0}, test::Fault::kFail).finished);
  Random random(19);
  size_t images = 0;
  bool finished = false;
  for (uint64_t stop = 1; !finished; ++stop) {
    for (const test::Fault how : {test::Fault::kFail, test::Fault::kTorn, test::Fault::kFailAfter}) {
      MemoryEnv memory;
      const CutLife life = RunUntil(memory, stop, how);
      finished = life.finished;
      const size_t sectors = memory.UnsyncedSectors();
      const bool all = sectors <= 12;
      const size_t count = all ? size_t{1} << sectors : 200;
      for (size_t subset = 0; subset < count; ++subset) {
        const auto image = memory.Clone();
        size_t at = 0;
        image->LosePower([&] { return all ? ((subset >> at++) & 1) != 0 : random.Chance(0.5); });
        CheckImage(*image, life);
        ++images;
        if (testing::Test::HasFailure()) FAIL() << "stopped at call " << stop << ", subset " << subset;
      }
      // The process alone dies: everything that was written is there.
      CheckImage(memory, life);
    }
  }
  EXPECT_GT(images, 1000u);
}

// A start may be cut off as well, and again.
TEST(LogStorage, Lesson19_PowerLossDuringTheStart) {
  MemoryEnv memory;
  const CutLife life = [&] {
    FaultEnv env(memory);
    Recovered recovered;
    const auto storage = OpenAt(env, recovered);
    CutLife cut;
    for (const Step& step : Life()) {
      step.issued(cut.after);
      cut.before = cut.after;
      EXPECT_TRUE(step.run(**storage).has_value());
    }
    const auto last = MakeEntries(47, 3, 5, std::string(100, 'q'));
    EXPECT_TRUE((*storage)->Append(last).has_value());  // never synced
    cut.after.Append(last);
    return cut;
  }();
  memory.LosePower([flip = false]() mutable { return flip = !flip; });
  for (uint64_t stop = 1;; ++stop) {
    const auto image = memory.Clone();
    FaultEnv env(*image);
    env.CrashAt(stop);
    Recovered recovered;
    const bool opened = OpenAt(env, recovered).has_value();
    image->LosePower();
    CheckImage(*image, life);
    if (testing::Test::HasFailure()) FAIL() << "stopped at call " << stop;
    if (opened) break;
  }
}

// Whatever bit of a finished image is flipped, or sector zeroed: the start is refused, or it finds the same.
TEST(LogStorage, Lesson19_EveryFlippedBitIsRefusedOrDead) {
  MemoryEnv memory;
  Model model;
  {
    Recovered recovered;
    const auto storage = OpenAt(memory, recovered);
    for (const Step& step : Life()) {
      ASSERT_TRUE(step.run(**storage).has_value());
      step.issued(model);
    }
    ASSERT_TRUE((*storage)->Fence().has_value());
  }
  size_t refused = 0;
  for (const auto& [path, content] : memory.Tree(kDirectory)) {
    for (size_t at = 0; at < content.size(); ++at) {
      std::string damaged = content;
      if (at % 512 == 0) {
        std::fill(damaged.begin() + static_cast<ptrdiff_t>(at),
                  damaged.begin() + static_cast<ptrdiff_t>(std::min(at + 512, content.size())), '\0');
      } else {
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
      }
      const auto image = memory.Clone();
      image->Write(path, damaged);
      Recovered found;
      const auto storage = OpenAt(*image, found);
      if (storage) {
        ExpectEqual(found, model);
      } else {
        ++refused;
        EXPECT_EQ(storage.error().code, ErrorCode::kDataLoss);
        EXPECT_NE(storage.error().text.find("/state/coord"), std::string::npos);
      }
      if (testing::Test::HasFailure()) FAIL() << path << " byte " << at;
    }
  }
  EXPECT_GT(refused, 500u);
}

TEST(LogStorage, Open_NamesFileByteAndRemedyOfDamage) {
  MemoryEnv memory;
  {
    Recovered recovered;
    const auto storage = OpenAt(memory, recovered);
    ASSERT_TRUE((*storage)->Append(MakeEntries(1, 5, 1)).has_value());
    ASSERT_TRUE((*storage)->Sync().has_value());
  }
  const std::string path = StrCat(kDirectory, "/log/000000000001.seg");
  std::string content = memory.Read(path);
  content[kSegmentHeaderBytes + RecordBytes(9) + 70] ^= 4;  // in the payload of entry 2
  memory.Write(path, content);
  Recovered recovered;
  const auto storage = OpenAt(memory, recovered);
  ASSERT_FALSE(storage.has_value());
  const std::string& text = storage.error().text;
  for (const char* part : {"000000000001.seg", "at byte 168", "after entry 1", "Restore", "Nothing was changed"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
  EXPECT_EQ(memory.Read(path), content);
}

TEST(LogStorage, Open_RefusesADirectoryWithoutMeta) {
  MemoryEnv memory;
  {
    Recovered recovered;
    const auto storage = OpenAt(memory, recovered);
    ASSERT_TRUE((*storage)->Append(MakeEntries(1, 1, 1)).has_value());
  }
  ASSERT_TRUE(memory.RemoveFile(StrCat(kDirectory, "/META")).has_value());
  Recovered recovered;
  const auto storage = OpenAt(memory, recovered);
  ASSERT_FALSE(storage.has_value());
  EXPECT_EQ(storage.error().code, ErrorCode::kDataLoss);
}

TEST(LogStorage, Open_IsRefusedWhileAnotherProcessHasIt) {
  MemoryEnv memory;
  Recovered recovered;
  const auto first = OpenAt(memory, recovered);
  const auto second = OpenAt(memory, recovered);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
}

TEST(LogStorage, Error_StaysAndNothingIsAnsweredAfterIt) {
  MemoryEnv memory;
  FaultEnv env(memory);
  Recovered recovered;
  const auto storage = OpenAt(env, recovered);
  env.SetPlan([](const test::FaultCall& call) {
    return std::string_view(call.op) == "SyncData" ? test::Fault::kFail : test::Fault::kNone;
  });
  ASSERT_TRUE((*storage)->Append(MakeEntries(1, 1, 1)).has_value());
  EXPECT_FALSE((*storage)->Sync().has_value());
  env.Heal();  // a second fdatasync would lie
  EXPECT_FALSE((*storage)->Sync().has_value());
  EXPECT_FALSE((*storage)->Append(MakeEntries(2, 1, 1)).has_value());
  EXPECT_FALSE((*storage)->SaveHardState({{5}, {}}).has_value());
}

TEST(LogStorage, FullDisk_IsFoundOutBeforeASegmentIsUsed) {
  MemoryEnv memory;
  FaultEnv env(memory);
  Recovered recovered;
  const auto storage = OpenAt(env, recovered);
  ASSERT_TRUE((*storage)->Append(MakeEntries(1, 2, 1)).has_value());
  ASSERT_TRUE((*storage)->Sync().has_value());
  env.LimitSpace(100);
  const Status full = (*storage)->Append(MakeEntries(3, 20, 1, std::string(100, 'x')));
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().code, ErrorCode::kNoSpace);
  const auto image = memory.Clone();
  env.Heal();
  Recovered again;
  ASSERT_TRUE(OpenAt(*image, again).has_value());
  EXPECT_TRUE(IsPrefix(MakeEntries(1, 2, 1), again.entries));
}

// A payload that is itself a piece of a log is not taken for one.
TEST(LogStorage, Payload_CannotImitateARecord) {
  MemoryEnv memory;
  std::string stolen;
  {
    Recovered recovered;
    const auto storage = OpenAt(memory, recovered);
    ASSERT_TRUE((*storage)->Append(MakeEntries(1, 2, 1)).has_value());
    ASSERT_TRUE((*storage)->Sync().has_value());
    stolen = memory.Read(StrCat(kDirectory, "/log/000000000001.seg")).substr(kSegmentHeaderBytes, 200);
  }
  MemoryEnv other;
  StorageOptions options = Small(4096);
  options.seed = 8;
  Recovered recovered;
  {
    const auto storage = LogStorage::Open(other, kDirectory, options, recovered);
    const Entry entry{{1}, {1}, EntryKind::kCommand, stolen};
    ASSERT_TRUE((*storage)->Append(std::span(&entry, 1)).has_value());
  }
  // The record's head is lost; its payload must not be found by the look-ahead.
  const std::string path = StrCat(kDirectory, "/log/000000000001.seg");
  std::string content = other.Read(path);
  std::fill_n(content.begin() + kSegmentHeaderBytes, kRecordHeaderBytes, '\0');
  other.Write(path, content);
  ASSERT_TRUE(LogStorage::Open(other, kDirectory, options, recovered).has_value());
  EXPECT_TRUE(recovered.entries.empty());
  EXPECT_EQ(recovered.warnings.size(), 1u);
}

std::string HexLines(const std::string& name, std::string_view bytes) {
  std::string out = StrCat(name, "\n");
  for (size_t at = 0; at < bytes.size(); at += 32) out += StrCat("  ", ToHex(bytes.substr(at, 32)), "\n");
  return out;
}

// The bytes of format 1, for ever. `MR_REWRITE=1` writes them anew.
TEST(LogFormat, GoldenBytes) {
  Identity identity;
  std::fill(identity.cluster.begin(), identity.cluster.end(), 'c');
  identity.node = {3};
  SegmentHeader segment{identity, 2, {7}, {4}, 0x01020304, 0x0a0b0c0d, 0};
  std::string log = EncodeSegmentHeader(segment);
  RecordHeader entry;
  entry.index = {8};
  entry.term = {5};
  entry.batch = 6;
  entry.synced = {1, 4096};
  entry.previous = segment.previous;
  AppendRecord(log, entry, "hello", segment.salt);
  RecordHeader mark;
  mark.type = RecordType::kSnapshotMark;
  mark.kind = kRestartMark;
  mark.index = {20};
  mark.term = {5};
  mark.previous = entry.crc;
  AppendRecord(log, mark, "", segment.salt);
  const std::string now = StrCat(HexLines("META", EncodeMeta(identity)),
                                 HexLines("hardstate", EncodeHardState(identity, {{5}, {3}}, 9)),
                                 HexLines("wm", EncodeWatermark({{2, 224}})), HexLines("segment", log),
                                 HexLines("snapshot", EncodeSnapshot(identity, {{20}, {5}}, "state")));
  const std::string path = std::string(MR_SOURCE_DIR) + "/test/golden/raft_log_v1.txt";
  if (std::getenv("MR_REWRITE") != nullptr) std::ofstream(path) << now;
  std::ostringstream golden;
  golden << std::ifstream(path).rdbuf();
  EXPECT_EQ(golden.str(), now) << "the bytes of the log changed; see " << path;
  EXPECT_EQ(DecodeSnapshot(EncodeSnapshot(identity, {{20}, {5}}, "state"), identity, "x")->payload, "state");
}

}  // namespace
}  // namespace mr::raft
