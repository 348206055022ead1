// The lab's second part: agreement on a log.
#include "lab3.h"

namespace mr::raft::test {
namespace {

// Commands in the member's log up to there, committed or not.
uint64_t OrdinalInLog(Lab3& lab, int n, Index index) {
  const EntryLog& log = lab.world().member(n).core().log();
  uint64_t commands = 0;
  for (Index at = Next(log.base()); at <= index; at = Next(at))
    commands += log.At(at)->kind == EntryKind::kCommand ? 1 : 0;
  return commands;
}

TEST(RaftLab3B, BasicAgree) {
  Lab3 lab(3);
  lab.RunFor(5 * kSecond);
  for (uint64_t k = 1; k <= 3; ++k) {
    EXPECT_EQ(lab.Ordinal({1000}), k - 1);  // nobody commits what nobody has asked for
    EXPECT_EQ(lab.Ordinal(lab.One(static_cast<uint32_t>(100 * k), 3, false)), k);
  }
}

TEST(RaftLab3B, RpcBytes) {
  Lab3 lab(3);
  lab.One(99, 3, false);
  const uint64_t before = lab.world().counters().entry_bytes;
  uint64_t sent = 0;
  for (uint32_t k = 1; k <= 10; ++k) {
    lab.One(100 + k, 3, false, 5000);
    sent += 5000;
  }
  EXPECT_EQ(lab.world().counters().entry_bytes - before, 2 * sent);  // once to each of the others
}

TEST(RaftLab3B, FollowerFailure) {
  Lab3 lab(3);
  lab.One(101, 3, false);
  const int first = lab.CheckOneLeader();
  lab.Disconnect((first + 1) % 3);
  lab.One(102, 2, false);
  lab.RunFor(Lab3::kElectionTimeout);
  lab.One(103, 2, false);
  const int leader = lab.CheckOneLeader();
  lab.Disconnect((leader + 1) % 3);
  lab.Disconnect((leader + 2) % 3);
  const ProposeResult lone = lab.Start(leader, 104);
  ASSERT_EQ(lone.code, ProposeCode::kOk);
  lab.RunFor(2 * Lab3::kElectionTimeout);
  EXPECT_EQ(lab.CountApplied(lone.index), 0);
}

TEST(RaftLab3B, LeaderFailure) {
  Lab3 lab(3);
  lab.One(101, 3, false);
  lab.Disconnect(lab.CheckOneLeader());
  lab.One(102, 2, true);
  lab.RunFor(Lab3::kElectionTimeout);
  lab.One(103, 2, false);
  lab.Disconnect(lab.CheckOneLeader());
  for (int n = 0; n < 3; ++n) lab.Start(n, 104);
  lab.RunFor(2 * Lab3::kElectionTimeout);
  EXPECT_FALSE(lab.IsApplied(104));
}

TEST(RaftLab3B, FailAgree) {
  Lab3 lab(3);
  lab.One(101, 3, false);
  const int leader = lab.CheckOneLeader();
  const int away = (leader + 1) % 3;
  lab.Disconnect(away);
  lab.One(102, 2, false);
  lab.One(103, 2, false);
  lab.RunFor(Lab3::kElectionTimeout);
  lab.One(104, 2, false);
  lab.One(105, 2, false);
  lab.Connect(away);
  lab.One(106, 3, true);
  lab.RunFor(Lab3::kElectionTimeout);
  lab.One(107, 3, true);
}

TEST(RaftLab3B, FailNoAgree) {
  Lab3 lab(5);
  lab.One(10, 5, false);
  const int leader = lab.CheckOneLeader();
  for (int i = 1; i <= 3; ++i) lab.Disconnect((leader + i) % 5);
  const ProposeResult lone = lab.Start(leader, 20);
  ASSERT_EQ(lone.code, ProposeCode::kOk);
  EXPECT_EQ(OrdinalInLog(lab, leader, lone.index), 2u);
  lab.RunFor(2 * Lab3::kElectionTimeout);
  EXPECT_EQ(lab.CountApplied(lone.index), 0);
  lab.ConnectAll();
  // The disconnected majority may have chosen a leader that does not know the second command.
  const int next = lab.CheckOneLeader();
  const ProposeResult second = lab.Start(next, 30);
  ASSERT_EQ(second.code, ProposeCode::kOk);
  const uint64_t ordinal = OrdinalInLog(lab, next, second.index);
  EXPECT_TRUE(ordinal == 2 || ordinal == 3) << ordinal;
  lab.One(1000, 5, true);
}

TEST(RaftLab3B, ConcurrentStarts) {
  Lab3 lab(3);
  const int leader = lab.CheckOneLeader();
  std::vector<ProposeResult> results;
  for (uint32_t k = 0; k < 5; ++k) results.push_back(lab.Start(leader, 100 + k));
  lab.RunFor(kSecond);
  for (uint32_t k = 0; k < 5; ++k) {
    ASSERT_EQ(results[k].code, ProposeCode::kOk);
    EXPECT_EQ(results[k].term, results[0].term);
    EXPECT_EQ(lab.AppliedAt(results[k].index), 100 + k);
    EXPECT_EQ(lab.CountApplied(results[k].index), 3);
  }
}

TEST(RaftLab3B, Rejoin) {
  Lab3 lab(3);
  lab.One(101, 3, true);
  const int first = lab.CheckOneLeader();
  lab.Disconnect(first);
  for (const uint32_t number : {102, 103, 104}) EXPECT_EQ(lab.Start(first, number).code, ProposeCode::kOk);
  lab.One(203, 2, true);  // the others go on without it
  const int second = lab.CheckOneLeader();
  lab.Disconnect(second);
  lab.Connect(first);
  lab.One(204, 2, true);
  lab.Connect(second);
  lab.One(205, 3, true);
  for (const uint32_t number : {102, 103, 104}) EXPECT_FALSE(lab.IsApplied(number));
}

TEST(RaftLab3B, Backup) {
  Lab3 lab(5);
  const auto flood = [&lab](int n) {
    for (int i = 0; i < 50; ++i) EXPECT_EQ(lab.Start(n, lab.NewNumber()).code, ProposeCode::kOk);
  };
  lab.One(5);
  const int first = lab.CheckOneLeader();
  const auto of = [first](int i) { return (first + i) % 5; };
  for (const int i : {2, 3, 4}) lab.Disconnect(of(i));
  flood(first);  // to be thrown away
  lab.RunFor(Lab3::kElectionTimeout / 2);
  for (const int i : {0, 1}) lab.Disconnect(of(i));
  for (const int i : {2, 3, 4}) lab.Connect(of(i));
  for (int i = 0; i < 50; ++i) lab.One(3);
  const int second = lab.CheckOneLeader();
  const int other = second == of(2) ? of(3) : of(2);
  lab.Disconnect(other);
  flood(second);  // to be thrown away, too
  lab.RunFor(Lab3::kElectionTimeout / 2);
  for (int n = 0; n < 5; ++n) lab.Disconnect(n);
  for (const int n : {of(0), of(1), other}) lab.Connect(n);
  const uint64_t start = lab.world().now_us();
  lab.One(3);
  // An election, and a few round trips per term; one index per heartbeat would take longer.
  EXPECT_LT(lab.world().now_us() - start, 5 * kSecond);
  for (int i = 0; i < 49; ++i) lab.One(3);
  lab.ConnectAll();
  lab.One(5);
}

TEST(RaftLab3B, Count) {
  Lab3 lab(3);
  const World::Counters& counters = lab.world().counters();
  const int leader = lab.CheckOneLeader();
  EXPECT_GE(counters.requests, 1u);
  EXPECT_LE(counters.requests, 30u);
  lab.One(1, 3, false);
  const uint64_t before = counters.requests;
  for (uint32_t k = 0; k < 10; ++k) ASSERT_EQ(lab.Start(leader, 10 + k).code, ProposeCode::kOk);
  ASSERT_TRUE(lab.world().RunUntil([&] { return lab.IsApplied(19); }, kSecond));
  EXPECT_LE(counters.requests - before, (10u + 1 + 3) * 3);
  const uint64_t idle = counters.requests;
  lab.RunFor(kSecond);
  EXPECT_LE(counters.requests - idle, 3u * 20);
}

}  // namespace
}  // namespace mr::raft::test
