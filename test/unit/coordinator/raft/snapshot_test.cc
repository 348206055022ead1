// Snapshots: sent in parts, installed whole, and what is kept of the log.
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "common/base/hash.h"
#include "test/sim/raft/lab.h"

namespace mr::raft::test {
namespace {

Message Part(int from, int to, uint64_t term, SnapshotMeta meta, const std::string& whole,
             uint64_t offset, uint64_t bytes) {
  return {N(from),
          N(to),
          {term},
          SnapshotPart{meta, offset, whole.size(), Hash64(whole), whole.substr(offset, bytes)}};
}

const std::string kState = "6 0 0";

TEST(RaftSnapshot, FarBehindFollowerGetsItInParts) {
  RaftOptions options;
  options.snapshot_part_bytes = 5;
  options.snapshot_window = 2;
  Lab lab(3, options, /*snapshot_every=*/10);
  lab.Elect(0);
  lab.Crash(2);
  for (int i = 0; i < 35; ++i) {
    lab.Propose(0, i);
    lab.Deliver();
  }
  EXPECT_EQ(lab.core(0).log().base(), Index{30});
  lab.Restart(2);
  lab.TickAll(10);
  EXPECT_EQ(lab.core(2).commit(), lab.core(0).commit());
  EXPECT_EQ(lab.member(2).state().hash, lab.member(0).state().hash);
}

bool IsPart(const Message& m) { return std::holds_alternative<SnapshotPart>(m.body); }
bool IsAnswer(const Message& m) { return std::holds_alternative<SnapshotResponse>(m.body); }

// A member that is far behind, as soon as the first parts of a snapshot are on their way to it.
std::vector<Message> FirstParts(Lab& lab) {
  lab.Elect(0);
  lab.Crash(2);
  for (int i = 0; i < 35; ++i) {
    lab.Propose(0, i);
    lab.Deliver();
  }
  lab.Restart(2);
  std::vector<Message> parts;
  for (int i = 0; i < 100 && parts.empty(); ++i) {
    lab.Tick(0);
    lab.Deliver([](const Message& m) { return !IsPart(m); });
    parts = lab.Take(Lab::Of<SnapshotPart>(0, 2));
  }
  return parts;
}

// The leader compacts its log beyond the snapshot while that is on its way: the newer one must follow it, or the member
// would be sent the old one for ever.
TEST(RaftSnapshot, CompactedBeyondDuringTheTransfer_TheNewerOneFollows) {
  RaftOptions options;
  options.snapshot_part_bytes = 5;
  options.snapshot_window = 2;
  Lab lab(3, options, /*snapshot_every=*/10);
  for (const Message& part : FirstParts(lab)) lab.Step(2, part);
  std::optional<Message> done;
  for (int i = 0; i < 200 && !done; ++i) {
    lab.Deliver([](const Message& m) { return !IsAnswer(m); });
    for (const Message& answer : lab.Take(Lab::Of<SnapshotResponse>(2, 0))) {
      if (As<SnapshotResponse>(answer)->done)
        done = answer;
      else
        lab.Step(0, answer);
    }
  }
  ASSERT_TRUE(done.has_value());
  const Index old_base = lab.core(0).log().base();
  for (int i = 0; i < 15; ++i) {
    lab.Propose(0, 100 + i);
    lab.Deliver([](const Message& m) { return m.to != N(2) && m.from != N(2); });
    lab.Drop();
  }
  ASSERT_GT(lab.core(0).log().base(), old_base);
  lab.Step(0, *done);
  lab.TickAll(30);
  EXPECT_EQ(lab.core(2).commit(), lab.core(0).commit());
}

// Answers that change places on the way: an older one must not send the whole window again.
TEST(RaftSnapshot, LateAnswer_SendsNothingAgain) {
  RaftOptions options;
  options.snapshot_part_bytes = 5;
  options.snapshot_window = 2;
  Lab lab(3, options, /*snapshot_every=*/10);
  const std::vector<Message> parts = FirstParts(lab);
  ASSERT_EQ(parts.size(), 2u);
  for (const Message& part : parts) lab.Step(2, part);
  lab.Drop([](const Message& m) { return !IsAnswer(m); });
  const std::vector<Message> answers = lab.Take(Lab::Of<SnapshotResponse>(2, 0));
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(As<SnapshotResponse>(answers[1])->next_offset, 10u);
  lab.Step(0, answers[1]);
  EXPECT_EQ(lab.Take(Lab::Of<SnapshotPart>(0, 2)).size(), 2u);
  lab.Step(0, answers[0]);
  EXPECT_TRUE(lab.Take(Lab::Of<SnapshotPart>(0, 2)).empty());
}

// The follower's hint may lie below everything the leader still has.
TEST(RaftSnapshot, RefusalBelowTheCompactedLogLeadsToASnapshot) {
  RaftOptions options;
  options.max_append_entries = 1;
  Lab lab(3, options, /*snapshot_every=*/10);
  lab.Elect(0);
  for (int i = 0; i < 35; ++i) {
    lab.Propose(0, i);
    lab.Drop(Lab::To(2));
    lab.Deliver([](const Message& m) { return m.to != N(2); });
    lab.Drop();
    lab.Tick(0);
    lab.Deliver([](const Message& m) { return m.to != N(2); });
    lab.Drop();
  }
  ASSERT_GE(lab.core(0).log().base(), Index{30});
  lab.TickAll(10);
  EXPECT_EQ(lab.core(2).commit(), lab.core(0).commit());
}

TEST(RaftSnapshot, ForeignSuffixIsDropped) {
  Lab lab(3);
  lab.Start(0, {4}, {1, 1, 1, 1, 1, 3, 3, 3, 3});
  lab.core(0).Step(Part(1, 0, 4, {{6}, {4}}, kState, 0, 100));
  EXPECT_EQ(lab.core(0).log().base(), Index{6});
  EXPECT_EQ(lab.core(0).log().last(), Index{6});
  EXPECT_EQ(lab.core(0).log().last_term(), Term{4});
  const auto entry = std::make_shared<const Entry>(Entry{{7}, {4}, EntryKind::kNoOp, ""});
  lab.core(0).Step({N(1), N(0), {4}, AppendRequest{{6}, {4}, {entry}, {6}}});
  EXPECT_EQ(lab.core(0).log().last(), Index{7});
}

TEST(RaftSnapshot, MatchingSuffixIsKept) {
  Lab lab(3);
  lab.Start(0, {4}, {1, 1, 1, 1, 1, 3, 3, 3, 3});
  lab.core(0).Step(Part(1, 0, 4, {{6}, {3}}, kState, 0, 100));
  EXPECT_EQ(lab.core(0).commit(), Index{6});
  EXPECT_EQ(lab.core(0).log().last(), Index{9});
  EXPECT_FALSE(lab.core(0).TakeReady().snapshot) << "the log has it all: nothing to install";
}

TEST(RaftSnapshot, OldOneIsAnsweredAndIgnored) {
  Lab lab(3);
  lab.Elect(0);
  for (int i = 0; i < 5; ++i) lab.Propose(0, i);
  lab.Deliver();
  lab.Step(1, Part(0, 1, 1, {{3}, {1}}, kState, 0, 100));
  EXPECT_EQ(lab.core(1).log().last(), Index{6});
  const auto answers = lab.Take(Lab::Of<SnapshotResponse>(1, 0));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(As<SnapshotResponse>(answers[0])->done);
}

// A follower that was restarted has forgotten its half, and asks from the start.
TEST(RaftSnapshot, RestartedFollowerBeginsAtZero) {
  Lab lab(3);
  lab.Start(0, {4}, {1});
  lab.Step(0, Part(1, 0, 4, {{6}, {4}}, kState, 0, 2));
  auto answers = lab.Take(Lab::Of<SnapshotResponse>(0, 1));
  EXPECT_EQ(As<SnapshotResponse>(answers.at(0))->next_offset, 2u);
  lab.Crash(0);
  lab.Restart(0);
  lab.core(0).Step(Part(1, 0, 4, {{6}, {4}}, kState, 2, 3));
  const Ready ready = lab.core(0).TakeReady();
  EXPECT_FALSE(ready.snapshot);
  ASSERT_EQ(ready.messages.size(), 1u);
  EXPECT_EQ(As<SnapshotResponse>(ready.messages[0])->next_offset, 0u);
  EXPECT_FALSE(As<SnapshotResponse>(ready.messages[0])->done);
}

TEST(RaftSnapshot, DamagedOneIsNotInstalled) {
  Lab lab(3);
  lab.Start(0, {4}, {1});
  Message part = Part(1, 0, 4, {{6}, {4}}, kState, 0, 100);
  SnapshotPart damaged = *As<SnapshotPart>(part);
  damaged.data[0] ^= 1;
  part.body = damaged;
  lab.Step(0, part);
  EXPECT_EQ(lab.core(0).commit(), Index{0});
  const auto answers = lab.Take(Lab::Of<SnapshotResponse>(0, 1));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(As<SnapshotResponse>(answers[0])->next_offset, 0u);
}

TEST(RaftSnapshot, HalfInstalledMemberDoesNotCampaignAtOnce) {
  Lab lab(3);
  lab.Start(0, {4}, {1});
  lab.Step(0, Part(1, 0, 4, {{6}, {4}}, kState, 0, 2));
  lab.Drop();
  lab.Tick(0, 19);
  EXPECT_TRUE(lab.wire().empty());
  lab.TimeOut(0);  // after the second time-out
}

// After a compaction the last term is the snapshot's, not 0: a stale candidate gets no vote.
TEST(RaftSnapshot, CompactedLogStillKnowsItsLastTerm) {
  Lab lab(3, {}, /*snapshot_every=*/1);
  for (int n = 0; n < 3; ++n) lab.Start(n, {4}, {});
  lab.Elect(0);  // term 5
  ASSERT_EQ(lab.core(1).log().base(), lab.core(1).log().last());
  for (const bool restarted : {false, true}) {
    if (restarted) {
      lab.Crash(1);
      lab.Restart(1);
    }
    lab.Tick(1, 20);
    lab.Drop();
    for (const bool pre : {true, false}) {
      const uint64_t term = lab.core(1).term().value + 1;
      lab.Step(1, {N(2), N(1), {term}, VoteRequest{pre, false, {9}, {4}}});
      const auto answers = lab.Take(Lab::Of<VoteResponse>(1, 2));
      ASSERT_EQ(answers.size(), 1u);
      EXPECT_FALSE(As<VoteResponse>(answers[0])->granted)
          << "pre " << pre << " restarted " << restarted;
    }
    lab.Step(1, {N(2), N(1), {lab.core(1).term().value + 1}, VoteRequest{true, false, {1}, {5}}});
    const auto answers = lab.Take(Lab::Of<VoteResponse>(1, 2));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_TRUE(As<VoteResponse>(answers[0])->granted);
  }
}

}  // namespace
}  // namespace mr::raft::test
