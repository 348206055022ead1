#include "lab3.h"

#include <algorithm>

namespace mr::raft::test {

WorldOptions Lab3::Options(int servers, const Setup& setup) {
  WorldOptions options;
  options.members = servers;
  options.snapshot_every = setup.snapshot_every;
  return options;
}

Lab3::Lab3(int servers, Setup setup) : world_(Options(servers, setup), 2023), random_(7) {
  SetReliable(setup.reliable);
  world_.on_applied = [this](int, const Member::Applied& applied) {
    if (applied.command.number == 0) return;  // a leader's own entry
    const auto [known, news] = commands_.try_emplace(applied.index, applied.command.number);
    EXPECT_EQ(known->second, applied.command.number) << "entry " << applied.index.value;
    at_.try_emplace(applied.command.number, applied.index);
  };
}

Lab3::~Lab3() { EXPECT_EQ(world_.checker().problem(), ""); }

// The lab's bad network loses a tenth of what is asked and a tenth of the answers, and takes up to 26 ms.
void Lab3::SetReliable(bool reliable) {
  WorldOptions& options = world_.options();
  options.drop = reliable ? 0 : 0.1;
  options.delay_min_us = reliable ? 500 : 0;
  options.delay_max_us = (reliable ? 2 : 26) * kMs;
}

void Lab3::ConnectAll() {
  for (int n = 0; n < size(); ++n) Connect(n);
}

void Lab3::CrashAndRestart(int n) {
  world_.Crash(n);
  world_.Restart(n);
}

int Lab3::CheckOneLeader() {
  for (int poll = 0; poll < 10; ++poll) {
    RunFor(450 * kMs + Below(100 * kMs));
    std::map<Term, int> leaders;
    for (int n = 0; n < size(); ++n) {
      if (!connected(n) || world_.member(n).core().role() != RoleKind::kLeader) continue;
      const auto [first, news] = leaders.try_emplace(world_.member(n).core().term(), n);
      EXPECT_TRUE(news) << "two leaders of term " << first->first.value;
    }
    if (!leaders.empty()) return leaders.rbegin()->second;
  }
  ADD_FAILURE() << "nobody leads";
  return -1;
}

uint64_t Lab3::CheckTerms() {
  uint64_t term = 0;
  for (int n = 0; n < size(); ++n) {
    if (!connected(n)) continue;
    const uint64_t own = world_.member(n).core().term().value;
    EXPECT_TRUE(term == 0 || term == own) << "terms " << term << " and " << own;
    term = own;
  }
  return term;
}

void Lab3::CheckNoLeader() {
  for (int n = 0; n < size(); ++n)
    EXPECT_FALSE(connected(n) && world_.member(n).core().role() == RoleKind::kLeader) << n;
}

ProposeResult Lab3::Start(int n, uint32_t number, size_t bytes) {
  return world_.Propose(n, MakeCommand(0, number, bytes));
}

int Lab3::CountApplied(Index index) {
  int count = 0;
  for (int n = 0; n < size(); ++n)
    if (alive(n) && world_.member(n).state().applied >= index) ++count;
  return count;
}

std::optional<uint32_t> Lab3::AppliedAt(Index index) const {
  const auto found = commands_.find(index);
  return found == commands_.end() ? std::nullopt : std::optional(found->second);
}

uint64_t Lab3::Ordinal(Index index) const {
  return static_cast<uint64_t>(std::distance(commands_.begin(), commands_.upper_bound(index)));
}

bool Lab3::Within(uint64_t us, const std::function<bool()>& done) {
  const uint64_t end = world_.now_us() + us;
  while (!done()) {
    if (world_.now_us() >= end || !world_.checker().problem().empty()) return false;
    RunFor(20 * kMs);
  }
  return true;
}

Index Lab3::One(uint32_t number, int expected, bool retry, size_t bytes) {
  const uint64_t end = world_.now_us() + 10 * kSecond;
  int server = static_cast<int>(Below(static_cast<uint64_t>(size())));
  while (world_.now_us() < end && world_.checker().problem().empty()) {
    std::optional<ProposeResult> taken;
    for (int i = 0; i < size() && !taken; ++i) {
      server = (server + 1) % size();
      if (!connected(server)) continue;
      const ProposeResult result = Start(server, number, bytes);
      if (result.code == ProposeCode::kOk) taken = result;
    }
    if (!taken) {
      RunFor(50 * kMs);
      continue;
    }
    const bool agreed = Within(2 * kSecond, [&] {
      return CountApplied(taken->index) >= expected && AppliedAt(taken->index) == number;
    });
    if (agreed) return taken->index;
    if (!retry) break;
  }
  ADD_FAILURE() << "command " << number << " finds no agreement of " << expected << ": "
                << world_.checker().problem();
  return {};
}

void Lab3::All(std::vector<uint32_t> numbers, int expected) {
  const uint64_t end = world_.now_us() + 20 * kSecond;
  const auto done = [&](uint32_t number) {
    const auto found = at_.find(number);
    return found != at_.end() && CountApplied(found->second) >= expected;
  };
  while (world_.now_us() < end && world_.checker().problem().empty()) {
    std::erase_if(numbers, done);
    if (numbers.empty()) return;
    for (const uint32_t number : numbers) {
      for (int n = 0; n < size() && !IsApplied(number); ++n) {
        if (connected(n) && Start(n, number).code == ProposeCode::kOk) break;
      }
    }
    Within(2 * kSecond, [&] { return std::all_of(numbers.begin(), numbers.end(), done); });
  }
  EXPECT_TRUE(numbers.empty()) << numbers.size() << " commands find no agreement";
}

}  // namespace mr::raft::test
