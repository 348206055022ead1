// How fast members of a group agree: each member a process of its own with its log on the disk, over ipc sockets; the
// leader proposes as fast as it can with a window of proposals under way, then one at a time.
//
//   replica_bench MEMBERS SECONDS DIRECTORY [BYTES]
//
// Prints: proposals per second, syncs per second, and the median and 99th percentile of the milliseconds from a lone
// proposal to its agreement.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "coordinator/replica/disk_book.h"
#include "coordinator/replica/replica.h"

namespace mr::coordinator {
namespace {

constexpr uint64_t kWindow = 1000;
constexpr int kPeersKey = 1;

template <class T>
T Take(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "replica_bench: %s\n", result.error().text.c_str());
  std::exit(1);
}
void Check(const Status& status) {
  if (status) return;
  std::fprintf(stderr, "replica_bench: %s\n", status.error().text.c_str());
  std::exit(1);
}

class Counting final : public StateMachine {
 public:
  Status Apply(const raft::Entry& /*command*/) override { return {}; }
  std::string Save() override { return std::string(1000, 's'); }
  Status Load(std::string_view /*bytes*/) override { return {}; }
};

class Node {
 public:
  Node(const std::string& directory, const Group& group, uint64_t number) {
    const std::string own = JoinPath(directory, StrCat("member-", number));
    Check(PosixEnv().CreateDirectories(own));
    raft::StorageOptions storage;
    storage.node = {number};
    storage.cluster = GroupIdOf("bench", group, "");
    DiskStore::Opened opened = Take(DiskStore::Open(PosixEnv(), own, storage));
    ReplicaOptions options;
    options.self = {number};
    std::unique_ptr<PeerLinks> links;
    std::unique_ptr<DiskBook> book;
    if (group.members.size() > 1) {
      // As if bootstrapped.
      opened.restored.hard_state.term = {1};
      opened.restored.entries = {std::make_shared<const raft::Entry>(
          raft::Entry{{1}, {1}, raft::EntryKind::kMembers, ToString(group)})};
      raft::Ready first;
      first.hard_state = opened.restored.hard_state;
      first.entries = opened.restored.entries;
      Check(opened.store->Persist(first));
      Check(DiskBook::Create(PosixEnv(), own));
      book = Take(DiskBook::Open(PosixEnv(), own));
      links = Take(PeerLinks::Open(context_, group, {number}, *storage.cluster, book->own()));
      options.group = group;
      poller_.Add(links->server(), kPeersKey);
    }
    replica_ = Take(Replica::Open(options, std::move(opened.store), std::move(opened.restored), machine_, std::move(links),
                                  std::move(book), [random = Random(RandomSeed())](uint64_t bound) mutable {
                                    return random.Below(bound);
                                  }));
  }

  Replica& replica() { return *replica_; }
  void Turn(bool wait) {
    const Time now = clock_.Read().mono;
    const Duration pause = wait ? std::max<Duration>(replica_->next_tick() - now, Duration::zero()) : Duration::zero();
    if (replica_->links() != nullptr) {
      (void)Take(poller_.Wait(std::min<Duration>(pause, std::chrono::milliseconds(25))));
      (void)Take(replica_->Receive());
    }
    replica_->Tick(clock_.Read().mono);
    Check(replica_->Pump());
  }
  const SystemClock& clock() const { return clock_; }

 private:
  SystemClock clock_;
  Counting machine_;
  net::NetContext context_;
  net::Poller poller_;
  std::unique_ptr<Replica> replica_;
};

[[noreturn]] void Follow(const std::string& directory, const Group& group, uint64_t number) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  Node node(directory, group, number);
  for (;;) node.Turn(true);
}

double Milliseconds(Duration duration) { return static_cast<double>(duration.count()) / 1e6; }

int Main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: replica_bench MEMBERS SECONDS DIRECTORY [BYTES]\n");
    return 2;
  }
  const auto members = std::strtoull(argv[1], nullptr, 10);
  const std::chrono::seconds span(std::strtoll(argv[2], nullptr, 10));
  const std::string directory = argv[3];
  const size_t bytes = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 200;
  Group group;
  if (members > 1) {
    for (uint64_t i = 1; i <= members; ++i) group.members.push_back({{i}, StrCat("ipc://", directory, "/", i, ".sock")});
  }
  std::vector<pid_t> children;
  for (uint64_t i = 2; i <= members; ++i) {
    const pid_t child = ::fork();
    if (child == 0) Follow(directory, group, i);
    children.push_back(child);
  }
  Node node(directory, group, 1);
  Replica& replica = node.replica();
  // Another may win the first election: it is asked to stand back by starting its process anew.
  const Time begin_election = node.clock().Read().mono;
  for (size_t next = 0; !replica.leading(); node.Turn(true)) {
    if (replica.leader().node.value <= 1 || node.clock().Read().mono - begin_election < std::chrono::milliseconds(500)) continue;
    const size_t other = replica.leader().node.value - 2;
    ::kill(children[other], SIGSTOP);
    while (replica.leader().node.value == other + 2 && !replica.leading()) node.Turn(true);
    ::kill(children[other], SIGCONT);
    if (++next > 50) return 1;
  }
  const auto& counts = replica.counts();
  const uint64_t syncs = counts.syncs;
  const raft::Index first = replica.applied();
  const Time begin = node.clock().Read().mono;
  Time now = begin;
  while ((now = node.clock().Read().mono) - begin < span && replica.leading()) {
    const uint64_t under_way = replica.proposed().value > replica.applied().value ? replica.proposed().value - replica.applied().value : 0;
    if (under_way < kWindow) (void)replica.Propose(std::vector<std::string>(std::min<uint64_t>(kWindow - under_way, 250), std::string(bytes, 'x')));
    node.Turn(under_way >= kWindow);
  }
  const double seconds = Milliseconds(now - begin) / 1000;
  const double rate = static_cast<double>(replica.applied().value - first.value) / seconds;
  const double sync_rate = static_cast<double>(counts.syncs - syncs) / seconds;
  while (replica.applied() < replica.proposed() && replica.leading()) node.Turn(true);
  std::vector<double> lone;
  for (int i = 0; i < 200 && replica.leading(); ++i) {
    const Time asked = node.clock().Read().mono;
    (void)replica.Propose({std::string(bytes, 'x')});
    while (replica.applied() < replica.proposed() && replica.leading()) node.Turn(true);
    lone.push_back(Milliseconds(node.clock().Read().mono - asked));
  }
  for (const pid_t child : children) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  if (lone.empty()) return 1;
  std::sort(lone.begin(), lone.end());
  std::printf("%.0f %.0f %.3f %.3f\n", rate, sync_rate, lone[lone.size() / 2], lone[lone.size() * 99 / 100]);
  return 0;
}

}  // namespace
}  // namespace mr::coordinator

int main(int argc, char** argv) { return mr::coordinator::Main(argc, argv); }
