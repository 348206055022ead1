// The lab's first part: elections.
#include "lab3.h"

namespace mr::raft::test {
namespace {

TEST(RaftLab3A, InitialElection) {
  Lab3 lab(3);
  lab.CheckOneLeader();
  lab.RunFor(50 * kMs);
  const uint64_t term = lab.CheckTerms();
  EXPECT_GE(term, 1u);
  lab.RunFor(2 * Lab3::kElectionTimeout);
  EXPECT_EQ(lab.CheckTerms(), term);  // nothing failed
  lab.CheckOneLeader();
}

TEST(RaftLab3A, ReElection) {
  Lab3 lab(3);
  const int first = lab.CheckOneLeader();
  lab.Disconnect(first);
  lab.CheckOneLeader();
  lab.Connect(first);  // disturbs nobody
  const int second = lab.CheckOneLeader();
  lab.Disconnect(second);
  lab.Disconnect((second + 1) % 3);
  lab.RunFor(2 * Lab3::kElectionTimeout);
  lab.CheckNoLeader();  // one of three is no majority
  lab.Connect((second + 1) % 3);
  lab.CheckOneLeader();
  lab.Connect(second);
  lab.CheckOneLeader();
}

TEST(RaftLab3A, ManyElections) {
  Lab3 lab(7);
  lab.CheckOneLeader();
  for (int round = 0; round < 9; ++round) {
    const int off[3] = {static_cast<int>(lab.Below(7)), static_cast<int>(lab.Below(7)),
                        static_cast<int>(lab.Below(7))};
    for (const int n : off) lab.Disconnect(n);
    lab.CheckOneLeader();  // the old one, or one of the four at least that remain
    for (const int n : off) lab.Connect(n);
  }
  lab.CheckOneLeader();
}

}  // namespace
}  // namespace mr::raft::test
