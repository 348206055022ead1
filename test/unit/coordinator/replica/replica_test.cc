// Members of a group over real sockets, with disks in memory: what one agrees to, all have, in one order.
#include "coordinator/replica/replica.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <thread>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "coordinator/replica/disk_book.h"
#include "test/support/memory_env.h"

namespace mr::coordinator {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using mr::test::MemoryEnv;

class Lines final : public StateMachine {
 public:
  Status Apply(const raft::Entry& command) override {
    lines.push_back(command.payload);
    return {};
  }
  std::string Save() override { return Join(lines, "\n"); }
  Status Load(std::string_view bytes) override {
    lines.clear();
    for (const std::string_view line : Split(bytes, '\n'))
      if (!line.empty()) lines.emplace_back(line);
    return {};
  }
  std::vector<std::string> lines;
};

raft::RandomBelow Seeded(uint64_t seed) {
  return [random = Random(seed)](uint64_t bound) mutable { return random.Below(bound); };
}

// Fails from the given write on.
class FailingStore final : public MemberStore {
 public:
  explicit FailingStore(int writes) : writes_(writes) {}
  Status Persist(const raft::Ready& ready) override {
    if (!ready.hard_state && ready.entries.empty()) return {};
    if (writes_-- > 0) return {};
    return Fail(ErrorCode::kIo, "the disk is broken");
  }
  bool WantsSnapshot() const override { return false; }
  Status SaveSnapshot(const raft::SnapshotMeta& /*meta*/, std::string_view /*bytes*/) override { return {}; }
  Status Idle() override { return {}; }

 private:
  int writes_;
};

TEST(ReplicaAlone, Propose_IsAgreedOnWithTheNextPump) {
  Lines machine;
  auto replica = Replica::Open({}, std::make_unique<VolatileStore>(), {}, machine, nullptr, nullptr, Seeded(1));
  ASSERT_TRUE(replica.has_value());
  EXPECT_FALSE((*replica)->leading()) << "nothing is durable yet";
  ASSERT_TRUE((*replica)->Pump().has_value());
  ASSERT_TRUE((*replica)->leading());
  EXPECT_TRUE((*replica)->Propose({"a", "b"}));
  EXPECT_TRUE(machine.lines.empty());
  ASSERT_TRUE((*replica)->Pump().has_value());
  EXPECT_THAT(machine.lines, ElementsAre("a", "b"));
  EXPECT_EQ((*replica)->applied(), (*replica)->proposed());
}

TEST(ReplicaAlone, DiskError_EndsItBeforeAnythingIsApplied) {
  Lines machine;
  auto replica = Replica::Open({}, std::make_unique<FailingStore>(1), {}, machine, nullptr, nullptr, Seeded(1));
  ASSERT_TRUE((*replica)->Pump().has_value());
  EXPECT_TRUE((*replica)->Propose({"a"}));
  EXPECT_THAT((*replica)->Pump().error().text, HasSubstr("the disk is broken. The coordinator ends: what is not on its disk"));
  EXPECT_TRUE(machine.lines.empty());
}

TEST(ReplicaAlone, Restart_GoesOnInALaterTerm) {
  MemoryEnv env;
  raft::StorageOptions storage;
  storage.segment_bytes = 1 << 12;
  storage.snapshot_log_bytes = 1 << 11;
  std::vector<std::string> expected;
  uint64_t last_term = 0;
  uint64_t snapshots = 0;
  for (int life = 0; life < 5; ++life) {
    Lines machine;
    auto opened = DiskStore::Open(env, "/coord", storage);
    ASSERT_TRUE(opened.has_value()) << opened.error().text;
    auto replica = Replica::Open({}, std::move(opened->store), std::move(opened->restored), machine, nullptr, nullptr, Seeded(1));
    ASSERT_TRUE(replica.has_value()) << replica.error().text;
    ASSERT_TRUE((*replica)->Pump().has_value());
    EXPECT_EQ(machine.lines, expected) << "life " << life;
    EXPECT_GT((*replica)->term().value, last_term);
    last_term = (*replica)->term().value;
    for (int i = 0; i < 30; ++i) {
      expected.push_back(StrCat("line ", life, ".", i));
      ASSERT_TRUE((*replica)->Propose({expected.back()}));
      ASSERT_TRUE((*replica)->Pump().has_value());
    }
    snapshots += (*replica)->counts().snapshots_saved;
  }
  EXPECT_GE(snapshots, 2u) << "lives that began with a snapshot were part of it";
}

// Or the log in memory would grow for ever; and at once it would keep everybody waiting.
TEST(ReplicaAlone, Snapshot_FreesTheLogLittleByLittle) {
  MemoryEnv env;
  raft::StorageOptions storage;
  storage.snapshot_log_bytes = 1 << 11;
  Lines machine;
  auto opened = DiskStore::Open(env, "/coord", storage);
  ASSERT_TRUE(opened.has_value()) << opened.error().text;
  auto replica = Replica::Open({}, std::move(opened->store), std::move(opened->restored), machine, nullptr, nullptr, Seeded(1));
  ASSERT_TRUE(replica.has_value()) << replica.error().text;
  ASSERT_TRUE((*replica)->Propose(std::vector<std::string>(5000, "line")));
  ASSERT_TRUE((*replica)->Pump().has_value());
  ASSERT_EQ((*replica)->counts().snapshots_saved, 1u);
  uint64_t before = (*replica)->entries_in_memory();
  EXPECT_GE(before, 5000u);
  for (int turn = 0; turn < 10 && before > 0; ++turn) {
    ASSERT_TRUE((*replica)->Pump().has_value());
    const uint64_t now = (*replica)->entries_in_memory();
    EXPECT_LT(now, before);
    EXPECT_LE(before - now, 2000u);
    before = now;
  }
  EXPECT_EQ(before, 0u);
}

// Three members on ipc sockets, in one thread; time passes by ticks.
class ReplicaGroup : public ::testing::Test {
 protected:
  struct Member {
    MemoryEnv env;
    Lines machine;
    std::unique_ptr<Replica> replica;
  };

  ReplicaGroup() {
    std::string name = "/tmp/mr-replica-XXXXXX";
    directory_ = ::mkdtemp(name.data());
    group_ = ParseGroup(StrCat("1=ipc://", directory_, "/1,2=ipc://", directory_, "/2,3=ipc://", directory_, "/3")).value();
  }
  ~ReplicaGroup() override {
    for (auto& [node, member] : members_) member.replica.reset();
    std::filesystem::remove_all(directory_);
  }

  static raft::StorageOptions Storage(uint64_t node) {
    raft::StorageOptions storage;
    storage.node = {node};
    storage.segment_bytes = 1 << 14;
    storage.snapshot_log_bytes = 1 << 12;
    return storage;
  }
  // As 'mrcoordinator bootstrap' does.
  void Bootstrap(uint64_t node) {
    MemoryEnv& env = members_[node].env;
    ASSERT_TRUE(env.CreateDirectories("/coord"));
    ASSERT_TRUE(DiskBook::Create(env, "/coord"));
    raft::StorageOptions storage = Storage(node);
    storage.cluster = GroupIdOf("", group_, "");
    raft::Recovered recovered;
    const auto log = raft::LogStorage::Open(env, "/coord", storage, recovered);
    ASSERT_TRUE(log.has_value()) << log.error().text;
    const raft::Entry first{{1}, {1}, raft::EntryKind::kMembers, ToString(group_)};
    ASSERT_TRUE((*log)->SaveHardState({{1}, {}}));
    ASSERT_TRUE((*log)->Append(std::span(&first, 1)));
    ASSERT_TRUE((*log)->Sync());
  }
  void Start(uint64_t node, uint32_t election_ticks = 16) {
    Member& member = members_[node];
    member.machine = {};
    raft::StorageOptions storage = Storage(node);
    storage.create = false;
    auto opened = DiskStore::Open(member.env, "/coord", storage);
    ASSERT_TRUE(opened.has_value()) << opened.error().text;
    auto book = DiskBook::Open(member.env, "/coord");
    ASSERT_TRUE(book.has_value()) << book.error().text;
    // The address of a socket that was just closed is free a moment later.
    auto links = PeerLinks::Open(context_, group_, {node}, opened->store->identity().cluster, (*book)->own());
    for (int tries = 0; !links && tries < 5000; ++tries) {
      std::this_thread::sleep_for(milliseconds(1));
      links = PeerLinks::Open(context_, group_, {node}, opened->store->identity().cluster, (*book)->own());
    }
    ASSERT_TRUE(links.has_value()) << links.error().text;
    ReplicaOptions options;
    options.self = {node};
    options.group = group_;
    options.client_endpoint = StrCat("tcp://client-of-", node, ":1");
    options.keep_entries = 5;
    options.election_ticks = election_ticks;
    auto replica = Replica::Open(options, std::move(opened->store), std::move(opened->restored), member.machine,
                                 std::move(*links), std::move(*book), Seeded(node + ++starts_));
    ASSERT_TRUE(replica.has_value()) << replica.error().text;
    member.replica = std::move(*replica);
  }
  void StartAll() {
    for (const uint64_t node : {1, 2, 3}) Bootstrap(node);
    for (const uint64_t node : {1, 2, 3}) Start(node);
  }
  // Until `done`, or a real time that is far too long.
  template <class Done>
  ::testing::AssertionResult Run(Done done) {
    const SystemClock clock;
    const Time give_up = clock.Read().mono + std::chrono::seconds(30);
    while (clock.Read().mono < give_up) {
      now_ += milliseconds(25);
      for (auto& [node, member] : members_) {
        if (!member.replica) continue;
        const auto news = member.replica->Receive();
        if (!news && news.error().code == ErrorCode::kDataLoss) {
          lost_data_.insert(node);
          member.replica.reset();
          continue;
        }
        if (!news) return ::testing::AssertionFailure() << news.error().text;
        member.replica->Tick(now_);
        if (const Status pumped = member.replica->Pump(); !pumped)
          return ::testing::AssertionFailure() << pumped.error().text;
      }
      if (done()) return ::testing::AssertionSuccess();
      std::this_thread::sleep_for(milliseconds(1));  // the sockets' threads need their turn
    }
    return ::testing::AssertionFailure() << "not within 30 s";
  }
  uint64_t LeaderNode() {
    for (auto& [node, member] : members_)
      if (member.replica && member.replica->leading()) return node;
    return 0;
  }
  bool AllHave(size_t lines) {
    for (auto& [node, member] : members_)
      if (member.replica && member.machine.lines.size() < lines) return false;
    return true;
  }

  std::string directory_;
  Group group_;
  net::NetContext context_;
  std::map<uint64_t, Member> members_;
  Time now_{};
  uint64_t starts_ = 0;
  std::set<uint64_t> lost_data_;  // ended because of it
};

// Whenever the core begins to count its majority anew it has heard of nobody for a moment. That is nothing to tell people.
TEST_F(ReplicaGroup, Peers_AnswerAllTheTime) {
  constexpr uint32_t kElectionTicks = 200;
  for (const uint64_t node : {1, 2, 3}) Bootstrap(node);
  for (const uint64_t node : {1, 2, 3}) Start(node, kElectionTicks);
  const auto all_answer = [&] {
    const auto peers = members_[LeaderNode()].replica->peers();
    return std::all_of(peers.begin(), peers.end(), [](const PeerStatus& peer) { return peer.answers; });
  };
  ASSERT_TRUE(Run([&] { return LeaderNode() != 0 && all_answer(); }));
  uint32_t turns = 0, silent = 0;
  ASSERT_TRUE(Run([&] {
    if (LeaderNode() != 0 && !all_answer()) ++silent;
    return ++turns == 2 * kElectionTicks + 10;
  }));
  EXPECT_EQ(silent, 0u);
}

TEST_F(ReplicaGroup, Proposals_ReachEveryMemberInOneOrder) {
  StartAll();
  ASSERT_TRUE(Run([&] { return LeaderNode() != 0; }));
  Replica& leader = *members_[LeaderNode()].replica;
  std::vector<std::string> expected;
  for (int i = 0; i < 50; ++i) expected.push_back(StrCat("line ", i));
  ASSERT_TRUE(leader.Propose(expected));
  ASSERT_TRUE(Run([&] { return AllHave(50); }));
  for (auto& [node, member] : members_) EXPECT_EQ(member.machine.lines, expected) << "member " << node;
  ASSERT_TRUE(Run([&] {
    return members_[1].replica->leader().client_endpoint == StrCat("tcp://client-of-", LeaderNode(), ":1") &&
           members_[2].replica->leader().node.value == LeaderNode();
  })) << "they learn where clients find the leader";
  EXPECT_EQ(leader.peers().size(), 2u);
}

TEST_F(ReplicaGroup, LossOfTheLeader_LosesNothing) {
  StartAll();
  ASSERT_TRUE(Run([&] { return LeaderNode() != 0; }));
  const uint64_t first = LeaderNode();
  const raft::Term first_term = members_[first].replica->term();
  ASSERT_TRUE(members_[first].replica->Propose({"one"}));
  ASSERT_TRUE(Run([&] { return AllHave(1); }));
  members_[first].replica.reset();
  ASSERT_TRUE(Run([&] { return LeaderNode() != 0; }));
  const uint64_t second = LeaderNode();
  EXPECT_NE(second, first);
  EXPECT_GT(members_[second].replica->term(), first_term);
  EXPECT_THAT(members_[second].machine.lines, ElementsAre("one")) << "whoever leads has what was agreed on";
  ASSERT_TRUE(members_[second].replica->Propose({"two"}));
  ASSERT_TRUE(Run([&] { return AllHave(2); }));
  Start(first);
  ASSERT_TRUE(Run([&] { return AllHave(2); }));
  EXPECT_THAT(members_[first].machine.lines, ElementsAre("one", "two"));
  EXPECT_EQ(LeaderNode(), second) << "who comes back does not disturb";
}

TEST_F(ReplicaGroup, CountOfWorkers_IsHeardFromMembersThatFollowToo) {
  for (const uint64_t node : {1, 2, 3}) Bootstrap(node);
  for (const uint64_t node : {1, 2}) Start(node);
  const uint64_t witness = 3;
  Start(witness, 100'000);  // it never leads, nor lets another lead for long
  ASSERT_TRUE(Run([&] { return LeaderNode() != 0; }));
  const uint64_t first = LeaderNode();
  const uint64_t away = 3 - first;
  members_[away].replica.reset();
  members_[first].replica->CountWorkers(7);
  const WorkerCount count{members_[first].replica->term(), 7};
  ASSERT_TRUE(Run([&] { return members_[witness].replica->workers() == count; }));
  members_[first].replica.reset();
  Start(away);
  EXPECT_EQ(members_[away].replica->workers(), WorkerCount());
  EXPECT_TRUE(Run([&] { return members_[away].replica->workers() == count; }));
}

TEST_F(ReplicaGroup, CountOfWorkers_IsTheNewestLeadersNewest) {
  StartAll();
  ASSERT_TRUE(Run([&] { return LeaderNode() != 0; }));
  const uint64_t first = LeaderNode();
  const auto all_know = [&](const WorkerCount& count) {
    return Run([&] {
      return std::all_of(members_.begin(), members_.end(), [&](const auto& member) {
        return !member.second.replica || member.second.replica->workers() == count;
      });
    });
  };
  members_[first].replica->CountWorkers(7);
  ASSERT_TRUE(all_know({members_[first].replica->term(), 7}));
  members_[first].replica.reset();
  ASSERT_TRUE(Run([&] { return LeaderNode() != 0; }));
  Replica& second = *members_[LeaderNode()].replica;
  second.CountWorkers(2);
  EXPECT_TRUE(all_know({second.term(), 2})) << "what was counted before does not come back";
  Start(first);
  second.CountWorkers(1);
  EXPECT_TRUE(all_know({second.term(), 1})) << "within a term whatever the leader says is newer";
}

TEST_F(ReplicaGroup, MinorityAlone_AgreesOnNothing) {
  StartAll();
  ASSERT_TRUE(Run([&] { return LeaderNode() != 0; }));
  const uint64_t leader = LeaderNode();
  for (const uint64_t node : {1, 2, 3})
    if (node != leader) members_[node].replica.reset();
  (void)members_[leader].replica->Propose({"never"});
  ASSERT_TRUE(Run([&] { return !members_[leader].replica->leading(); })) << "it notices that nobody follows";
  EXPECT_TRUE(members_[leader].machine.lines.empty());
  EXPECT_FALSE(members_[leader].replica->Propose({"refused"}));
  EXPECT_FALSE(members_[leader].replica->AskToRead(1));
}

TEST_F(ReplicaGroup, Reads_AreConfirmedByTheOthers) {
  StartAll();
  ASSERT_TRUE(Run([&] { return LeaderNode() != 0; }));
  Replica& leader = *members_[LeaderNode()].replica;
  ASSERT_TRUE(leader.AskToRead(42));
  std::map<uint64_t, std::optional<raft::Index>> reads;
  ASSERT_TRUE(Run([&] {
    reads.merge(leader.TakeReads());
    return reads.contains(42);
  }));
  ASSERT_TRUE(reads[42].has_value());
  EXPECT_LE(*reads[42], leader.applied());
}

// What the absent member needs is compacted away: it gets the state instead.
TEST_F(ReplicaGroup, LongAbsence_IsEndedByASnapshot) {
  StartAll();
  ASSERT_TRUE(Run([&] { return LeaderNode() != 0; }));
  const uint64_t leader = LeaderNode();
  const uint64_t absent = leader == 3 ? 1 : 3;
  members_[absent].replica.reset();
  std::vector<std::string> expected;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 20; ++i) expected.push_back(StrCat("a line of some length, number ", round * 20 + i));
    ASSERT_TRUE(members_[leader].replica->Propose({expected.end() - 20, expected.end()}));
    ASSERT_TRUE(Run([&] { return members_[leader].machine.lines.size() == expected.size(); }));
  }
  EXPECT_GT(members_[leader].replica->counts().snapshots_saved, 0u);
  Start(absent);
  ASSERT_TRUE(Run([&] { return AllHave(expected.size()); }));
  EXPECT_EQ(members_[absent].machine.lines, expected);
  EXPECT_EQ(members_[absent].replica->counts().snapshots_loaded, 1u);
  // And it is on its disk.
  members_[absent].replica.reset();
  Start(absent);
  ASSERT_TRUE(Run([&] { return AllHave(expected.size()); }));
  EXPECT_EQ(members_[absent].machine.lines, expected);
}

// A member whose disk was made anew has forgotten what it promised: nothing that it says counts.
TEST_F(ReplicaGroup, AnotherDisk_IsNotLetIn) {
  StartAll();
  ASSERT_TRUE(Run([&] { return LeaderNode() != 0; }));
  const uint64_t leader = LeaderNode();
  ASSERT_TRUE(members_[leader].replica->Propose({"one"}));
  ASSERT_TRUE(Run([&] { return AllHave(1); }));
  const uint64_t wiped = leader == 3 ? 1 : 3;
  const uint64_t other = 6 - leader - wiped;
  members_[wiped].replica.reset();
  ASSERT_TRUE(members_[wiped].env.RemoveTree("/coord"));
  Bootstrap(wiped);
  Start(wiped);
  members_[other].replica.reset();  // with the wiped one there would be a majority
  (void)members_[leader].replica->Propose({"two"});
  ASSERT_TRUE(Run([&] { return !members_[leader].replica->leading(); }));
  EXPECT_THAT(members_[leader].machine.lines, ElementsAre("one"));
  // The leader, as long as it leads, tells it of what its old disk had: it sees that itself, and ends.
  for (const uint64_t node : lost_data_) EXPECT_EQ(node, wiped);
}

TEST_F(ReplicaGroup, LostData_EndsTheMember) {
  StartAll();
  ASSERT_TRUE(Run([&] { return LeaderNode() != 0; }));
  const uint64_t leader = LeaderNode();
  ASSERT_TRUE(members_[leader].replica->Propose({"one"}));
  ASSERT_TRUE(Run([&] { return AllHave(1); }));
  const uint64_t wiped = leader == 3 ? 1 : 3;
  members_[wiped].replica.reset();
  ASSERT_TRUE(members_[wiped].env.RemoveTree("/coord"));
  Bootstrap(wiped);
  Start(wiped);
  ASSERT_TRUE(Run([&] { return lost_data_.contains(wiped); }));
  EXPECT_EQ(LeaderNode(), leader) << "the others go on";
}

TEST_F(ReplicaGroup, HandOver_GivesLeadershipAway) {
  StartAll();
  ASSERT_TRUE(Run([&] { return LeaderNode() != 0; }));
  const uint64_t first = LeaderNode();
  ASSERT_TRUE(members_[first].replica->HandOver());
  ASSERT_TRUE(Run([&] { return LeaderNode() != 0 && LeaderNode() != first; }));
  EXPECT_FALSE(members_[first].replica->HandOver());
}

TEST_F(ReplicaGroup, OtherMembers_AreRefused) {
  StartAll();
  members_[1].replica.reset();
  group_ = ParseGroup(StrCat("1=ipc://", directory_, "/1,2=ipc://", directory_, "/2,3=ipc://", directory_, "/x")).value();
  Lines machine;
  auto opened = DiskStore::Open(members_[1].env, "/coord", Storage(1));
  ASSERT_TRUE(opened.has_value());
  ReplicaOptions options;
  options.self = {1};
  options.group = group_;
  const auto other = Replica::Open(options, std::move(opened->store), std::move(opened->restored), machine, nullptr, nullptr, Seeded(1));
  EXPECT_THAT(other.error().text, HasSubstr("the members of this group are 1=ipc://"));
  opened = DiskStore::Open(members_[1].env, "/coord", Storage(1));
  ASSERT_TRUE(opened.has_value());
  const auto alone = Replica::Open({}, std::move(opened->store), std::move(opened->restored), machine, nullptr, nullptr, Seeded(1));
  EXPECT_THAT(alone.error().text, HasSubstr("not none: give them with --peers"));
}

}  // namespace
}  // namespace mr::coordinator
