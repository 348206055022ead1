// The lab's fourth part: snapshots.
#include "lab3.h"

namespace mr::raft::test {
namespace {

constexpr uint32_t kSnapshotInterval = 10;

// However much is agreed on, the log stays short.
void CheckLogSizes(Lab3& lab) {
  for (int n = 0; n < lab.size(); ++n) {
    if (!lab.connected(n)) continue;
    const EntryLog& log = lab.world().member(n).core().log();
    EXPECT_LT(Distance(log.base(), log.last()), 5 * kSnapshotInterval) << n;
  }
}

void Snapshots(bool disconnect, bool reliable, bool crash) {
  Lab3 lab(3, {reliable, kSnapshotInterval});
  lab.One(3);
  int leader = lab.CheckOneLeader();
  for (int round = 0; round < 30; ++round) {
    int victim = (leader + 1) % 3, sender = leader;
    if (round % 3 == 1) std::swap(victim, sender);
    if (disconnect) lab.Disconnect(victim);
    if (crash) lab.world().Crash(victim);
    if (disconnect || crash) lab.One(2);
    const uint64_t count = kSnapshotInterval / 2 + lab.Below(kSnapshotInterval);
    for (uint64_t i = 0; i < count; ++i) lab.Start(sender, lab.NewNumber());
    lab.One(disconnect || crash ? 2 : 3);
    CheckLogSizes(lab);
    if (!disconnect && !crash) continue;
    // Back again: perhaps so far behind that it needs a snapshot.
    lab.world().Restart(victim);
    lab.Connect(victim);
    lab.One(3);
    leader = lab.CheckOneLeader();
  }
}

TEST(RaftLab3D, SnapshotBasic) { Snapshots(false, true, false); }
TEST(RaftLab3D, SnapshotInstallDisconnect) { Snapshots(true, true, false); }
TEST(RaftLab3D, SnapshotInstallUnreliable) { Snapshots(true, false, false); }
TEST(RaftLab3D, SnapshotInstallCrash) { Snapshots(false, true, true); }
TEST(RaftLab3D, SnapshotInstallUnCrash) { Snapshots(false, false, true); }

TEST(RaftLab3D, SnapshotAllCrash) {
  Lab3 lab(3, {false, kSnapshotInterval});
  lab.One(3);
  for (int round = 0; round < 5; ++round) {
    const uint64_t count = kSnapshotInterval / 2 + lab.Below(kSnapshotInterval);
    for (uint64_t i = 0; i < count; ++i) lab.One(3);
    const Index before = lab.One(3);
    for (int n = 0; n < 3; ++n) lab.world().Crash(n);
    for (int n = 0; n < 3; ++n) lab.world().Restart(n);
    EXPECT_GT(lab.One(3), before);
  }
}

// A restart right after the snapshot, and another when something has been written again.
TEST(RaftLab3D, SnapshotInit) {
  Lab3 lab(3, {false, kSnapshotInterval});
  for (uint32_t i = 0; i <= kSnapshotInterval; ++i) lab.One(3);
  for (int restart = 0; restart < 2; ++restart) {
    for (int n = 0; n < 3; ++n) lab.world().Crash(n);
    for (int n = 0; n < 3; ++n) lab.world().Restart(n);
    lab.One(3);
  }
  EXPECT_GT(lab.world().member(0).core().snapshot().meta.index, Index{});
}

}  // namespace
}  // namespace mr::raft::test
