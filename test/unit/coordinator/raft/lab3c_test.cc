// The lab's third part: persistence, and bad networks.
#include <optional>

#include "lab3.h"

namespace mr::raft::test {
namespace {

TEST(RaftLab3C, Persist1) {
  Lab3 lab(3);
  lab.One(11, 3, true);
  for (int n = 0; n < 3; ++n) lab.world().Crash(n);
  for (int n = 0; n < 3; ++n) lab.world().Restart(n);
  lab.One(12, 3, true);
  const int first = lab.CheckOneLeader();
  lab.CrashAndRestart(first);
  lab.One(13, 3, true);
  const int second = lab.CheckOneLeader();
  lab.Disconnect(second);
  lab.One(14, 2, true);
  lab.CrashAndRestart(second);
  lab.Connect(second);
  lab.One(15, 3, true);
  const int follower = (lab.CheckOneLeader() + 1) % 3;
  lab.Disconnect(follower);
  lab.One(16, 2, true);
  lab.CrashAndRestart(follower);
  lab.Connect(follower);
  lab.One(17, 3, true);
}

TEST(RaftLab3C, Persist2) {
  Lab3 lab(5);
  for (int round = 0; round < 5; ++round) {
    lab.One(5);
    const int leader = lab.CheckOneLeader();
    const auto of = [leader](int i) { return (leader + i) % 5; };
    lab.Disconnect(of(1));
    lab.Disconnect(of(2));
    lab.One(3);
    for (const int i : {0, 3, 4}) lab.Disconnect(of(i));
    for (const int i : {1, 2}) {
      lab.CrashAndRestart(of(i));
      lab.Connect(of(i));
    }
    lab.RunFor(Lab3::kElectionTimeout);
    lab.CrashAndRestart(of(3));
    lab.Connect(of(3));
    lab.One(3);
    lab.Connect(of(4));
    lab.Connect(of(0));
  }
  lab.One(5);
}

TEST(RaftLab3C, Persist3) {
  Lab3 lab(3);
  lab.One(101, 3, true);
  const int leader = lab.CheckOneLeader();
  const int next = (leader + 1) % 3, away = (leader + 2) % 3;
  lab.Disconnect(away);
  lab.One(102, 2, true);
  lab.world().Crash(leader);
  lab.world().Crash(next);
  lab.Connect(away);
  lab.world().Restart(leader);
  lab.One(103, 2, true);
  lab.world().Restart(next);
  lab.One(104, 3, true);
}

// Leaders crash again and again just after they took a command, so that old entries linger.
TEST(RaftLab3C, Figure8) {
  Lab3 lab(5);
  lab.One(1);
  int up = 5;
  for (int round = 0; round < 1000; ++round) {
    int leader = -1;
    for (int n = 0; n < 5; ++n)
      if (lab.alive(n) && lab.Start(n, lab.NewNumber()).code == ProposeCode::kOk) leader = n;
    lab.RunFor(lab.Below(1000) < 100 ? lab.Below(Lab3::kElectionTimeout / 2) : lab.Below(13 * kMs));
    if (leader >= 0) {
      lab.world().Crash(leader);
      --up;
    }
    const int any = static_cast<int>(lab.Below(5));
    if (up < 3 && !lab.alive(any)) {
      lab.world().Restart(any);
      ++up;
    }
  }
  for (int n = 0; n < 5; ++n) lab.world().Restart(n);
  lab.One(5);
}

TEST(RaftLab3C, UnreliableAgree) {
  Lab3 lab(5, {false, 0});
  for (int round = 1; round < 50; ++round) {
    std::vector<uint32_t> numbers;
    for (int i = 0; i < 5; ++i) numbers.push_back(lab.NewNumber());
    lab.All(numbers, 1);
  }
  lab.SetReliable(true);
  lab.One(5);
}

TEST(RaftLab3C, Figure8Unreliable) {
  Lab3 lab(5, {false, 0});
  lab.One(1);
  int up = 5;
  for (int round = 0; round < 1000; ++round) {
    if (round == 200) lab.SetLongReordering(true);
    int leader = -1;
    for (int n = 0; n < 5; ++n) {
      const bool took = lab.Start(n, lab.NewNumber()).code == ProposeCode::kOk;
      if (took && lab.connected(n)) leader = n;
    }
    lab.RunFor(lab.Below(1000) < 100 ? lab.Below(Lab3::kElectionTimeout / 2) : lab.Below(13 * kMs));
    if (leader >= 0 && lab.Below(1000) < 500) {
      lab.Disconnect(leader);
      --up;
    }
    const int any = static_cast<int>(lab.Below(5));
    if (up < 3 && !lab.connected(any)) {
      lab.Connect(any);
      ++up;
    }
  }
  lab.ConnectAll();
  lab.SetLongReordering(false);
  lab.One(5);
}

// Proposes one command after the other to whoever takes it, and remembers those it saw committed.
class ChurnClient {
 public:
  explicit ChurnClient(Lab3& lab) : lab_(lab) {}
  void Step() {
    if (index_ && lab_.CountApplied(*index_) > 0) {
      if (lab_.AppliedAt(*index_) == number_) seen_.push_back(number_);
      index_.reset();
    }
    if (index_ && lab_.world().now_us() < patient_until_) return;
    index_.reset();
    number_ = lab_.NewNumber();
    for (int n = 0; n < lab_.size() && !index_; ++n) {
      if (!lab_.alive(n)) continue;
      const ProposeResult result = lab_.Start(n, number_);
      if (result.code == ProposeCode::kOk) index_ = result.index;
    }
    patient_until_ = lab_.world().now_us() + kSecond;
  }
  const std::vector<uint32_t>& seen() const { return seen_; }

 private:
  Lab3& lab_;
  uint32_t number_ = 0;
  std::optional<Index> index_;
  uint64_t patient_until_ = 0;
  std::vector<uint32_t> seen_;
};

void Churn(bool reliable) {
  Lab3 lab(5, {reliable, 0});
  std::vector<ChurnClient> clients(3, ChurnClient(lab));
  const auto run = [&](uint64_t us) {
    for (const uint64_t end = lab.world().now_us() + us; lab.world().now_us() < end;) {
      for (ChurnClient& client : clients) client.Step();
      lab.RunFor(10 * kMs);
    }
  };
  for (int round = 0; round < 20; ++round) {
    if (lab.Below(1000) < 200) lab.Disconnect(static_cast<int>(lab.Below(5)));
    if (lab.Below(1000) < 500) {
      const int n = static_cast<int>(lab.Below(5));
      lab.world().Restart(n);
      lab.Connect(n);
    }
    if (lab.Below(1000) < 200) lab.world().Crash(static_cast<int>(lab.Below(5)));
    run(Lab3::kElectionTimeout * 7 / 10);
  }
  run(Lab3::kElectionTimeout);
  lab.SetReliable(true);
  for (int n = 0; n < 5; ++n) lab.world().Restart(n);
  lab.ConnectAll();
  lab.RunFor(Lab3::kElectionTimeout);
  const Index last = lab.One(5);
  for (const ChurnClient& client : clients) {
    EXPECT_GE(client.seen().size(), 20u);
    for (const uint32_t number : client.seen()) EXPECT_TRUE(lab.IsApplied(number)) << number;
  }
  EXPECT_EQ(lab.CountApplied(last), 5);
}

TEST(RaftLab3C, ReliableChurn) { Churn(true); }
TEST(RaftLab3C, UnreliableChurn) { Churn(false); }

}  // namespace
}  // namespace mr::raft::test
