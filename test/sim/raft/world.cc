#include "test/sim/raft/world.h"

#include <algorithm>
#include <iostream>
#include <sstream>

#include "common/base/hash.h"
#include "common/base/logging.h"

namespace mr::raft::test {

namespace {

// One line for a trace.
std::string Print(const Message& message) {
  std::ostringstream text;
  text << "from " << message.from.value << " term " << message.term.value;
  if (const auto* vote = std::get_if<VoteRequest>(&message.body))
    text << (vote->pre ? " pre-vote? " : " vote? ") << vote->last_index.value << "/"
         << vote->last_term.value;
  if (const auto* vote = std::get_if<VoteResponse>(&message.body))
    text << (vote->pre ? " pre-vote " : " vote ") << (vote->granted ? "yes" : "no");
  if (const auto* append = std::get_if<AppendRequest>(&message.body))
    text << " append after " << append->prev_index.value << "/" << append->prev_term.value
         << " entries " << append->entries.size() << " commit " << append->commit.value;
  if (const auto* response = std::get_if<AppendResponse>(&message.body)) {
    text << " append after " << response->request_prev.value;
    if (response->ok)
      text << " match " << response->match.value;
    else
      text << " refused, hint " << response->hint_index.value << "/" << response->hint_term.value;
  }
  if (const auto* heartbeat = std::get_if<Heartbeat>(&message.body))
    text << " heartbeat commit " << heartbeat->commit.value;
  if (std::holds_alternative<HeartbeatResponse>(message.body)) text << " heartbeat answer";
  if (const auto* part = std::get_if<SnapshotPart>(&message.body))
    text << " snapshot " << part->meta.index.value << " offset " << part->offset << " of "
         << part->total_bytes;
  if (const auto* part = std::get_if<SnapshotResponse>(&message.body))
    text << " snapshot " << part->meta.index.value << (part->done ? " done" : " wants ")
         << part->next_offset;
  if (std::holds_alternative<TimeoutNow>(message.body)) text << " campaign now";
  return text.str();
}

}  // namespace

World::World(WorldOptions options, uint64_t seed)
    : options_(std::move(options)),
      seed_(seed),
      order_random_(seed ^ 0x1111),
      net_random_(seed ^ 0x2222),
      disk_random_(seed ^ 0x3333),
      client_random_(seed ^ 0x4444),
      fault_random_(seed ^ 0x5555) {
  const int n = options_.members;
  nodes_.resize(static_cast<size_t>(n));
  cut_.resize(static_cast<size_t>(n * n));
  RaftOptions raft = options_.raft;
  raft.quorum = {};
  for (int i = 0; i < n; ++i) raft.quorum.incoming.insert({static_cast<uint64_t>(i) + 1});
  std::vector<Member*> watched;
  for (int i = 0; i < n; ++i) {
    Node& node = nodes_[static_cast<size_t>(i)];
    raft.self = {static_cast<uint64_t>(i) + 1};
    const MemberOptions member{raft, options_.snapshot_every, options_.keep_entries};
    node.member = std::make_unique<Member>(member, seed * 31 + static_cast<uint64_t>(i), &checker_);
    const double spread =
        1 + options_.clock_spread * static_cast<double>(fault_random_.Below(100)) / 100;
    node.clock_rate = fault_random_.Chance(0.5) ? spread : 1 / spread;
    watched.push_back(node.member.get());
  }
  checker_.Watch(watched);
  for (int i = 0; i < n; ++i) Restart(i);
  clients_.resize(static_cast<size_t>(options_.clients));
  for (int c = 0; c < options_.clients; ++c) Schedule(0, Kind::kClient, c);
  if (options_.fault_every_us != 0) Schedule(options_.fault_every_us, Kind::kFault, 0);
}

void World::Schedule(uint64_t after_us, Kind kind, int node, uint64_t boot, uint32_t slot) {
  heap_.push_back({now_us_ + after_us, order_random_.Next(), kind, node, boot, slot});
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
}

void World::ScheduleTick(int n) {
  const Node& node = nodes_[static_cast<size_t>(n)];
  const auto us = static_cast<double>(options_.tick_us) / node.clock_rate;
  Schedule(static_cast<uint64_t>(us), Kind::kTick, n, node.member->boot());
}

bool World::RunOne() {
  if (heap_.empty() || !checker_.problem().empty()) return false;
  std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
  const Event event = heap_.back();
  heap_.pop_back();
  now_us_ = event.at_us;
  ++events_;
  Trace(event);
  if (event.kind == Kind::kClient) {
    RunClient(event.node);
    return true;
  }
  if (event.kind == Kind::kFault) {
    RunFault();
    return true;
  }
  Node& node = nodes_[static_cast<size_t>(event.node)];
  const bool current = node.member->alive() && node.member->boot() == event.boot;
  switch (event.kind) {
    case Kind::kTick:
      if (!current) break;
      node.tick_due = true;  // a stall delivers one tick, not a burst
      ScheduleTick(event.node);
      Input(event.node);
      break;
    case Kind::kDeliver:
      if (node.member->alive() && node.inbox.size() < options_.inbox_max)
        node.inbox.push_back(std::move(slots_[event.slot]));
      slots_[event.slot] = {};
      free_slots_.push_back(event.slot);
      Input(event.node);
      break;
    case Kind::kSynced:
      if (current && node.member->writing()) Finish(event.node);
      break;
    default:
      Input(event.node);
      break;
  }
  return true;
}

void World::Trace(const Event& event) {
  const uint64_t words[4] = {event.at_us, static_cast<uint64_t>(event.kind),
                             static_cast<uint64_t>(event.node), event.slot};
  trace_hash_ = Hash64({reinterpret_cast<const char*>(words), sizeof words}, trace_hash_);
  if (!trace_) return;
  static const char* const kNames[] = {"tick", "deliver", "synced", "wake", "client", "fault"};
  std::cerr << event.at_us << " " << kNames[static_cast<int>(event.kind)] << " " << event.node + 1;
  if (event.kind == Kind::kDeliver) std::cerr << " " << Print(slots_[event.slot]);
  if (event.kind < Kind::kClient && member(event.node).alive()) {
    const RaftCore& core = member(event.node).core();
    std::cerr << " | " << RoleName(core.role()) << " term " << core.term().value << " last "
              << core.log().last().value << " commit " << core.commit().value;
  }
  std::cerr << "\n";
}

void World::RunFor(uint64_t us) {
  const uint64_t end = now_us_ + us;
  while (!heap_.empty() && heap_.front().at_us <= end && RunOne()) {
  }
  now_us_ = std::max(now_us_, end);
}

void World::RunEvents(uint64_t count) {
  for (uint64_t i = 0; i < count && RunOne(); ++i) {
  }
}

bool World::RunUntil(const std::function<bool()>& done, uint64_t us) {
  const uint64_t end = now_us_ + us;
  while (!done()) {
    if (heap_.empty() || heap_.front().at_us > end) {
      now_us_ = std::max(now_us_, end);
      return false;
    }
    if (!RunOne()) return false;
  }
  return true;
}

bool World::Busy(int n) const {
  const Node& node = nodes_[static_cast<size_t>(n)];
  return !node.member->alive() || node.member->writing() || node.paused_until_us > now_us_;
}

void World::Input(int n) {
  if (Busy(n)) return;
  Node& node = nodes_[static_cast<size_t>(n)];
  // First what has arrived, then time: a stall of this member is not silence of the others.
  while (!node.inbox.empty()) {
    const Message message = std::move(node.inbox.front());
    node.inbox.pop_front();
    node.member->core().Step(message);
    checker_.OnStep(*node.member, message);
  }
  if (node.tick_due) {
    node.tick_due = false;
    node.member->core().Tick();
    checker_.OnTick(*node.member);
  }
  Kick(n);
}

void World::Kick(int n) {
  Node& node = nodes_[static_cast<size_t>(n)];
  while (!Busy(n) && node.member->Begin()) {
    if (node.member->pending_steps() == 0) {
      Finish(n);
      return;
    }
    uint64_t us = disk_random_.Below(options_.sync_us + 1);
    if (options_.slow_sync > 0 && disk_random_.Chance(options_.slow_sync))
      us += options_.tick_us * options_.raft.election_ticks * 2;
    Schedule(us, Kind::kSynced, n, node.member->boot());
  }
}

void World::Finish(int n) {
  Node& node = nodes_[static_cast<size_t>(n)];
  Member::Output output = node.member->Finish();
  for (const Message& message : output.messages) Transmit(message);
  for (const Member::Applied& applied : output.applied) OnApplied(n, applied);
  for (const ReadState& read : output.reads) OnRead(read);
  AnswerReads(n);
  Input(n);
}

void World::Transmit(const Message& message) {
  const int from = static_cast<int>(message.from.value) - 1,
            to = static_cast<int>(message.to.value) - 1;
  ++counters_.messages;
  const bool answer = std::holds_alternative<VoteResponse>(message.body) ||
                      std::holds_alternative<AppendResponse>(message.body) ||
                      std::holds_alternative<HeartbeatResponse>(message.body) ||
                      std::holds_alternative<SnapshotResponse>(message.body);
  if (!answer) ++counters_.requests;
  if (const auto* append = std::get_if<AppendRequest>(&message.body))
    for (const EntryPtr& entry : append->entries) counters_.entry_bytes += entry->payload.size();
  if (cut_[Link(from, to)] || nodes_[static_cast<size_t>(from)].isolated ||
      nodes_[static_cast<size_t>(to)].isolated)
    return;
  if (options_.drop > 0 && net_random_.Chance(options_.drop)) return;
  const int copies = options_.duplicate > 0 && net_random_.Chance(options_.duplicate) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    uint64_t us = options_.delay_min_us +
                  net_random_.Below(options_.delay_max_us - options_.delay_min_us + 1);
    if (options_.late > 0 && net_random_.Chance(options_.late))
      us = 200 * kMs + net_random_.Below(2000 * kMs);
    uint32_t slot = static_cast<uint32_t>(slots_.size());
    if (free_slots_.empty()) {
      slots_.push_back(message);
    } else {
      slot = free_slots_.back();
      free_slots_.pop_back();
      slots_[slot] = message;
    }
    Schedule(us, Kind::kDeliver, to, 0, slot);
  }
}

void World::Crash(int n) {
  Node& node = nodes_[static_cast<size_t>(n)];
  if (!node.member->alive()) return;
  node.member->Crash(disk_random_.Below(node.member->pending_steps() + 1));
  node.inbox.clear();
  node.tick_due = false;
  // What it had promised its clients died with it. (A term that was not durable yet can come again, and with it the
  // same index and term for another command.)
  for (Client& client : clients_) {
    if (client.node == n) client.node = -1;
  }
}

void World::Restart(int n) {
  Node& node = nodes_[static_cast<size_t>(n)];
  if (node.member->alive()) return;
  node.paused_until_us = 0;
  node.member->Boot();
  ScheduleTick(n);
  Kick(n);
}

void World::Pause(int n, uint64_t us) {
  nodes_[static_cast<size_t>(n)].paused_until_us = now_us_ + us;
  Schedule(us, Kind::kWake, n);
}

void World::Isolate(int n, bool isolated) { nodes_[static_cast<size_t>(n)].isolated = isolated; }

void World::Heal() {
  std::fill(cut_.begin(), cut_.end(), false);
  for (int n = 0; n < size(); ++n) {
    Node& node = nodes_[static_cast<size_t>(n)];
    node.isolated = false;
    node.clock_rate = 1;
    node.paused_until_us = 0;
    Restart(n);
    Input(n);
  }
}

ProposeResult World::Propose(int n, std::string payload) {
  if (!member(n).alive() || member(n).writing()) {
    // While it writes, a real shell queues the proposal; here its queue is the core itself.
    if (!member(n).alive()) return {ProposeCode::kNotLeader, {}, {}};
  }
  const ProposeResult result = member(n).core().Propose(std::move(payload));
  checker_.OnEvent(member(n));
  Kick(n);
  return result;
}

int World::Leader() const {
  int leader = -1;
  for (int n = 0; n < size(); ++n)
    if (member(n).alive() && member(n).core().role() == RoleKind::kLeader &&
        (leader < 0 || member(n).core().term() > member(leader).core().term()))
      leader = n;
  return leader;
}

}  // namespace mr::raft::test
