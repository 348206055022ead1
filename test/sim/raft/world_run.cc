// The clients, the faults, and whole random runs.
#include <algorithm>
#include <iostream>
#include <sstream>

#include "test/sim/raft/world.h"

namespace mr::raft::test {

using mr::test::OpKind;

std::string WorldOptions::Describe() const {
  std::ostringstream text;
  text << "members=" << members << " T=" << raft.election_ticks
       << " heartbeat=" << raft.heartbeat_ticks << " append=" << raft.max_append_entries
       << " inflight=" << raft.max_inflight << " part=" << raft.snapshot_part_bytes
       << " snapshot=" << snapshot_every << " keep=" << keep_entries << " clocks=" << clock_spread
       << " drop=" << drop << " duplicate=" << duplicate << " delay=" << delay_max_us
       << " late=" << late << " inbox=" << inbox_max << " uncommitted=" << raft.max_uncommitted_bytes
       << " sync=" << sync_us << " slow_sync=" << slow_sync
       << " clients=" << clients << " reads=" << reads << " fault_every=" << fault_every_us
       << " crashes=" << crashes << " cuts=" << cuts << " pauses=" << pauses
       << " transfers=" << transfers;
  return text.str();
}

// Every run has its own mixture, also of faults that are absent: what is always on hides other
// things.
WorldOptions SwarmOptions(uint64_t seed) {
  Random random(seed * 0x9e37 + 5);
  const auto pick = [&](std::initializer_list<double> values) {
    return values.begin()[random.Below(values.size())];
  };
  WorldOptions o;
  o.members = static_cast<int>(pick({1, 3, 3, 3, 5, 5}));
  o.raft.election_ticks = static_cast<uint32_t>(3 + random.Below(18));
  o.raft.heartbeat_ticks =
      static_cast<uint32_t>(1 + random.Below(std::max<uint64_t>(1, o.raft.election_ticks / 5)));
  o.raft.max_append_entries = static_cast<uint32_t>(pick({1, 2, 64}));
  o.raft.max_append_bytes = static_cast<uint64_t>(pick({20, 100, 65536}));
  o.raft.max_inflight = static_cast<uint32_t>(pick({1, 2, 16}));
  o.raft.snapshot_part_bytes = static_cast<uint64_t>(pick({5, 16, 4096}));
  o.raft.snapshot_window = static_cast<uint32_t>(pick({1, 2, 4}));
  o.raft.snapshot_give_up_ticks = o.raft.election_ticks * 10;
  o.snapshot_every = static_cast<uint32_t>(pick({0, 1, 3, 10, 100}));
  o.keep_entries = static_cast<uint32_t>(pick({0, 0, 2, 10}));
  o.tick_us = 20 * kMs;
  o.clock_spread = pick({0, 0, 0.1, 1});
  o.drop = pick({0, 0, 0.02, 0.1, 0.3});
  o.duplicate = pick({0, 0.02, 0.1});
  o.delay_max_us = static_cast<uint64_t>(pick({1, 5, 26, 100})) * kMs;
  o.late = pick({0, 0, 0.02, 0.2});
  o.inbox_max = static_cast<size_t>(pick({2, 16, 256, 256}));
  o.raft.max_uncommitted_bytes = static_cast<uint64_t>(pick({40, 1000, 1 << 23}));
  o.sync_us = static_cast<uint64_t>(pick({0, 1, 10, 50})) * kMs;
  o.slow_sync = pick({0, 0, 0.01});
  o.clients = static_cast<int>(1 + random.Below(5));
  o.reads = pick({0, 0.2, 0.5});
  o.command_bytes = static_cast<size_t>(pick({8, 8, 30}));
  o.fault_every_us = static_cast<uint64_t>(pick({0, 30, 100, 300, 1000})) * kMs;
  o.crashes = random.Chance(0.7);
  o.cuts = random.Chance(0.7);
  o.pauses = random.Chance(0.4);
  o.transfers = random.Chance(0.4);
  return o;
}

// A client does one thing after the other, and repeats what it has no answer to under the same
// number.
void World::RunClient(int c) {
  if (options_.clients == 0) return;  // no more
  Client& client = clients_[static_cast<size_t>(c)];
  Schedule(1 * kMs + client_random_.Below(20 * kMs), Kind::kClient, c);
  if (client.waiting) {
    if (now_us_ < client.deadline_us) return;
    client.waiting = false;  // unknown: perhaps it happened
  } else if (client.number == client.acknowledged) {
    client.reading = client_random_.Chance(options_.reads);
    ++client.number;
    client.operation = history_.size();
    const Command command{static_cast<uint32_t>(c) + 1, client.number};
    history_.push_back({client.reading ? OpKind::kStatus : OpKind::kSwap, "r" + std::to_string(command.target()),
                        client.reading ? 0 : command.value(), now_us_, mr::test::kNever, {}});
  }
  client.node = client_random_.Chance(0.8) && Leader() >= 0
                    ? Leader()
                    : static_cast<int>(client_random_.Below(static_cast<uint64_t>(size())));
  if (!member(client.node).alive()) return;
  client.deadline_us = now_us_ + options_.tick_us * options_.raft.election_ticks * 3;
  if (client.reading) {
    client.acknowledged_before = checker_.acknowledged();
    client.read_at.reset();
    history_[client.operation].called_at = now_us_;  // what an earlier try might have read does not matter
    // Each try has its own: an answer to an older one is of an older moment.
    const uint64_t context = (static_cast<uint64_t>(c) << 32) | ++client.tries;
    client.waiting = member(client.node).core().ReadIndex(context);
    if (!member(client.node).writing()) Input(client.node);
    return;
  }
  const ProposeResult result =
      Propose(client.node,
              MakeCommand(static_cast<uint32_t>(c) + 1, client.number, options_.command_bytes));
  client.waiting = result.code == ProposeCode::kOk;
  client.index = result.index;
  client.term = result.term;
}

void World::OnApplied(int n, const Member::Applied& applied) {
  if (on_applied) on_applied(n, applied);
  for (Client& client : clients_) {
    if (!client.waiting || client.reading || client.node != n || client.index != applied.index)
      continue;
    client.waiting = false;
    if (client.term != applied.term) continue;  // another entry took its place
    checker_.OnAcknowledged(applied.index, applied.term);
    client.acknowledged_write = client.number;
    ++acknowledged_count_;
    Told(client, applied.result);
  }
}

void World::Told(Client& client, uint64_t result) {
  client.waiting = false;
  client.acknowledged = client.number;
  history_[client.operation].returned_at = now_us_;
  history_[client.operation].result = result;
}

// What was called later is not in it, and what had not returned by then is unknown.
std::vector<mr::test::Operation> World::History(size_t operations_max) const {
  std::vector<mr::test::Operation> history = history_;
  std::sort(history.begin(), history.end(), [](const auto& a, const auto& b) {
    return a.called_at != b.called_at ? a.called_at < b.called_at : a.argument < b.argument;
  });
  if (history.size() <= operations_max) return history;
  const uint64_t end = history[operations_max].called_at;
  history.resize(operations_max);
  for (mr::test::Operation& operation : history) {
    if (operation.returned_at < end) continue;
    operation.returned_at = mr::test::kNever;
    operation.result.reset();
  }
  return history;
}

void World::OnRead(const ReadState& read) {
  const size_t c = read.context >> 32;
  if (c >= clients_.size()) return;
  Client& client = clients_[c];
  if (!client.waiting || !client.reading || client.tries != static_cast<uint32_t>(read.context))
    return;
  if (!read.ok) {
    client.waiting = false;
    return;
  }
  checker_.OnRead(client.acknowledged_before, read.index);
  client.read_at = read.index;
}

void World::AnswerReads(int n) {
  const StateMachine& state = member(n).state();
  for (Client& client : clients_) {
    if (!client.waiting || !client.reading || client.node != n || !client.read_at || *client.read_at > state.applied)
      continue;
    client.read_at.reset();
    Told(client, state.registers[client.number % kRegisters]);
  }
}

void World::RunFault() {
  if (options_.fault_every_us == 0) return;
  Schedule(1 + fault_random_.Below(2 * options_.fault_every_us), Kind::kFault, 0);
  const auto any = [&] {
    return static_cast<int>(fault_random_.Below(static_cast<uint64_t>(size())));
  };
  const int leader = Leader() >= 0 && fault_random_.Chance(0.5) ? Leader() : any();
  switch (fault_random_.Below(10)) {
    case 0:
    case 1:
      if (options_.crashes) Crash(leader);
      break;
    case 2:
    case 3: {
      for (int n = 0; n < size(); ++n)
        if (fault_random_.Chance(0.6)) Restart(n);
      break;
    }
    case 4:
      if (options_.cuts) Isolate(leader, true);
      break;
    case 5:
      if (options_.cuts) Cut(any(), any(), true);
      break;
    case 6:
      if (options_.cuts) {  // two sides, and perhaps a bridge
        const int bridge = fault_random_.Chance(0.3) ? any() : -1;
        const uint64_t side = fault_random_.Next();
        for (int a = 0; a < size(); ++a)
          for (int b = 0; b < size(); ++b)
            if (a != bridge && b != bridge) Cut(a, b, ((side >> a) & 1) != ((side >> b) & 1));
      }
      break;
    case 7:
      std::fill(cut_.begin(), cut_.end(), false);
      for (Node& node : nodes_) node.isolated = false;
      break;
    case 8:
      if (options_.pauses) Pause(leader, fault_random_.Below(2 * kSecond));
      break;
    default:
      if (options_.transfers && Leader() >= 0 && size() > 1) {
        const int from = Leader();
        member(from).core().Transfer({static_cast<uint64_t>(any()) + 1});
        Input(from);
      }
      break;
  }
}

void World::CheckLiveness() {
  const uint64_t late_us =
      (options_.late > 0 ? 2300 : 200) * kMs;  // until the last message is there
  options_.drop = options_.duplicate = options_.late = options_.slow_sync = 0;
  options_.fault_every_us = 0;
  options_.inbox_max = 256;
  options_.delay_min_us = 100;
  options_.delay_max_us = 1 * kMs;
  options_.sync_us = 500;
  Heal();
  const uint64_t election_us = options_.tick_us * options_.raft.election_ticks;
  // Late messages of the time before are still on their way.
  const auto commits = [&] {
    if (Leader() < 0) return false;
    const RaftCore& core = member(Leader()).core();
    return core.log().TermAt(core.commit()) == core.term();
  };
  if (!RunUntil(commits, late_us + 30 * election_us))
    return checker_.Report("liveness", nullptr, "no leader that commits");
  RunFor(late_us + 4 * election_us);
  if (!checker_.problem().empty()) return;
  const int leader = Leader();
  const Term term = leader < 0 ? Term{} : member(leader).core().term();
  const uint64_t messages = counters_.messages, acknowledged = acknowledged_count_;
  const uint64_t start = now_us_;
  RunFor(6 * election_us);
  if (!checker_.problem().empty()) return;
  if (leader < 0 || Leader() != leader || member(leader).core().term() != term)
    checker_.Report("liveness", nullptr, "a well group changes its leader");
  const uint64_t operations = acknowledged_count_ - acknowledged;
  const uint64_t ticks = (now_us_ - start) / options_.tick_us;
  const uint64_t each = static_cast<uint64_t>(size()) * 12;
  if (counters_.messages - messages > each * (ticks + operations + 10))
    checker_.Report("I15", nullptr,
                    "a storm: " + std::to_string(counters_.messages - messages) + " messages");
  // One more command, and all are equal.
  options_.clients = 0;
  RunUntil([&] { return member(leader).core().commit() == member(leader).core().log().last(); }, 4 * election_us);
  const Command command{0, 1};
  history_.push_back({OpKind::kSwap, "r" + std::to_string(command.target()), command.value(), now_us_,
                      mr::test::kNever, {}});
  const ProposeResult last = Propose(leader, MakeCommand(command.client, command.number));
  const bool all = RunUntil(
      [&] {
        for (int n = 0; n < size(); ++n)
          if (member(n).state().applied < last.index) return false;
        return true;
      },
      20 * election_us);
  if (!checker_.problem().empty()) return;
  if (!all || last.code != ProposeCode::kOk)
    return checker_.Report("liveness", nullptr, "a new command is not applied everywhere");
  RunFor(3 * election_us);
  for (size_t c = 0; c < clients_.size(); ++c)
    for (int n = 0; n < size(); ++n) {
      const auto& applied = member(n).state().last_of_client;
      const auto found = applied.find(static_cast<uint32_t>(c) + 1);
      if (clients_[c].acknowledged_write > (found == applied.end() ? 0 : found->second.number))
        checker_.Report("I13", &member(n), "an acknowledged command is gone");
    }
  for (int n = 1; n < size(); ++n)
    if (member(n).state().applied == member(0).state().applied &&
        member(n).state().hash != member(0).state().hash)
      checker_.Report("I5", &member(n), "equal logs, another state");
}

namespace {

// The clients' view alone, by a judge that knows nothing of logs and terms.
void CheckHistory(World& world) {
  constexpr size_t kOperationsMax = 300;
  const mr::test::Judgement judgement = mr::test::Judge(world.History(kOperationsMax));
  if (judgement.verdict == mr::test::Verdict::kNot)
    world.checker().Report("linearizability", nullptr, judgement.reason);
}

}  // namespace

RunResult RunSeed(uint64_t seed, uint64_t events, bool trace) {
  const WorldOptions options = SwarmOptions(seed);
  if (trace) std::cerr << "seed " << seed << ": " << options.Describe() << "\n";
  World world(options, seed);
  world.set_trace(trace);
  world.RunEvents(events);
  if (world.checker().problem().empty()) world.CheckLiveness();
  if (world.checker().problem().empty()) CheckHistory(world);
  return {world.checker().problem(), world.events(), world.trace_hash(), world.acknowledged_count(),
          world.checker().leader_count()};
}

}  // namespace mr::raft::test
