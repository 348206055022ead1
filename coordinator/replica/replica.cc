#include "coordinator/replica/replica.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/base/logging.h"
#include "common/base/strings.h"

namespace mr::coordinator {
namespace {

constexpr Duration kHelloInterval = std::chrono::milliseconds(200);
constexpr uint64_t kCompactedAtOnce = 2000;  // entries; a turn adds far fewer
// Above it the owner takes no new requests until the others have caught up.
constexpr uint64_t kCongestedEntries = 20'000;

raft::RaftOptions RaftOptionsOf(const ReplicaOptions& options) {
  raft::RaftOptions raft;
  raft.self = options.self;
  if (options.group.alone()) raft.quorum.incoming.insert(options.self);
  for (const GroupMember& member : options.group.members) raft.quorum.incoming.insert(member.node);
  raft.heartbeat_ticks = options.heartbeat_ticks;
  raft.election_ticks = options.election_ticks;
  // What is proposed has been decided by then and cannot be refused: limits are kept before, by congested().
  raft.max_proposal_bytes = raft::kMaxPayloadBytes;
  raft.max_uncommitted_bytes = std::numeric_limits<uint64_t>::max();
  return raft;
}

// Why the process ends, and what to do.
Error WithRemedy(Error error) {
  constexpr std::string_view kWhy = ". The coordinator ends: what is not on its disk must not be answered, and what was "
                                    "answered is there. ";
  if (error.code == ErrorCode::kNoSpace)
    error.text += StrCat(kWhy, "Make room and start it again: jobs go on");
  else if (error.code == ErrorCode::kIo)
    error.text += StrCat(kWhy, "Look at the disk (dmesg); start it again when the disk is well, or with a copy of the "
                               "state directory on another one");
  return error;
}

}  // namespace

Result<std::unique_ptr<Replica>> Replica::Open(const ReplicaOptions& options, std::unique_ptr<MemberStore> store,
                                               raft::Restored restored, StateMachine& machine,
                                               std::unique_ptr<PeerLinks> links, std::unique_ptr<DiskBook> book,
                                               raft::RandomBelow random) {
  std::unique_ptr<Replica> replica(new Replica(options, std::move(store), machine));
  replica->links_ = std::move(links);
  replica->book_ = std::move(book);
  if (restored.snapshot.data) MR_RETURN_IF_ERROR(replica->LoadSnapshot(restored.snapshot));
  // Alone nobody will ever ask for it.
  if (options.group.alone() && restored.snapshot.data) restored.snapshot.data = std::make_shared<const std::string>();
  for (const raft::EntryPtr& entry : restored.entries) {
    if (entry->kind == raft::EntryKind::kMembers) replica->members_ = entry->payload;
  }
  if (replica->members_ != ToString(options.group)) {
    return Fail(ErrorCode::kInvalidArgument,
                replica->members_.empty()
                    ? std::string("the state directory belongs to a coordinator alone, not to a member of a group: leave "
                                  "--peers out, or make a group of it with 'mrcoordinator export' and 'restore'")
                    : StrCat("the members of this group are ", replica->members_, ", not ",
                             options.group.alone() ? std::string("none: give them with --peers") : ToString(options.group),
                             ". Members change with 'mrcoordinator export' and 'restore' only"));
  }
  replica->core_ = std::make_unique<raft::RaftCore>(RaftOptionsOf(options), std::move(restored), std::move(random));
  return replica;
}

// ---- what comes in ----------------------------------------------------------------------------------------

Result<bool> Replica::Admit(const PeerMessage& message) {
  MR_ASSIGN_OR_RETURN(const bool admitted, book_->Admit(message.from, message.disk));
  if (!admitted && strangers_.insert(message.from).second) {
    LOG(ERROR) << "member " << message.from.value << " has another disk than it had: it has forgotten what it promised, "
               << "so nothing of it counts. Replace it as after the loss of a disk: stop all members, 'mrcoordinator "
                  "export' on one that has its disk, 'mrcoordinator restore' on all (coordinator/OPERATING.md)";
  }
  return admitted;
}

Result<std::vector<Replica::News>> Replica::Receive() {
  constexpr size_t kAtOnce = 1000;
  std::vector<News> news;
  for (size_t i = 0; links_ && i < kAtOnce; ++i) {
    auto message = links_->Receive();
    if (!message) break;
    MR_ASSIGN_OR_RETURN(const bool admitted, Admit(*message));
    if (!admitted) continue;
    heard_[message->from] = now_;
    if (const auto* of_raft = std::get_if<raft::Message>(&message->body)) {
      MR_RETURN_IF_ERROR(CheckNothingIsLost(*of_raft));
      core_->Step(*of_raft);
    } else if (auto* hello = std::get_if<PeerHello>(&message->body)) {
      client_endpoints_[message->from] = std::move(hello->client_endpoint);
      const bool newer = hello->workers.counted_in > workers_.counted_in;
      if (newer || message->from == core_->leader()) TakeWorkers(hello->workers);
      if (hello->workers.counted_in < workers_.counted_in) next_hello_ = {};  // it does not know yet
    } else {
      news.push_back({message->from, std::move(message->body)});
    }
  }
  return news;
}

// A leader tells a member of entries that it has acknowledged, and of no others. The core would end the process; here there
// is a better sentence for it.
Status Replica::CheckNothingIsLost(const raft::Message& message) const {
  const auto* heartbeat = std::get_if<raft::Heartbeat>(&message.body);
  if (heartbeat == nullptr || message.term < core_->term() || heartbeat->commit <= core_->log().last()) return {};
  return Fail(ErrorCode::kDataLoss,
              StrCat("member ", options_.self.value, " has acknowledged entry ", heartbeat->commit.value,
                     " of the log and ends at ", core_->log().last().value, ": its disk has lost data, or was made anew. It "
                     "must not go on: stop all members, 'mrcoordinator export' on one that has its disk, 'mrcoordinator "
                     "restore' on all"));
}

void Replica::TakeWorkers(const WorkerCount& count) {
  if (count.counted_in < workers_.counted_in || count == workers_) return;
  workers_ = count;
  next_hello_ = {};  // the others hear of it with the next tick
}

void Replica::Tick(Time now) {
  now_ = now;
  if (now < next_tick_) return;
  next_tick_ = now + options_.tick;
  if (options_.group.alone()) return;  // it leads from the start
  core_->Tick();
  if (now < next_hello_) return;
  next_hello_ = now + kHelloInterval;
  links_->Broadcast(PeerHello{options_.client_endpoint, workers_});
}

// ---- what goes out ----------------------------------------------------------------------------------------

bool Replica::Propose(std::vector<std::string> commands) {
  for (std::string& command : commands) {
    const raft::ProposeResult result = core_->Propose(std::move(command));
    if (result.code != raft::ProposeCode::kOk) return false;
    proposed_ = result.index;
    ++counts_.proposals;
  }
  return true;
}

bool Replica::congested() const {
  return core_->role() == raft::RoleKind::kLeader &&
         core_->log().last().value - core_->commit().value > kCongestedEntries;
}

bool Replica::AskToRead(uint64_t context) { return core_->ReadIndex(context); }

bool Replica::leading() const {
  return core_->role() == raft::RoleKind::kLeader && applied_term_ == core_->term();
}

Status Replica::Pump() {
  while (core_->HasReady()) {
    MR_RETURN_IF_ERROR(CarryOut(core_->TakeReady()));
    core_->Advance();
  }
  Notice();
  CompactSome();
  if (store_->WantsSnapshot()) return SaveSnapshot();
  return {};
}

Status Replica::CarryOut(raft::Ready ready) {
  const bool writes = ready.hard_state || ready.snapshot || !ready.entries.empty();
  const Time begin = writes ? clock_.Read().mono : Time{};
  if (const Status kept = store_->Persist(ready); !kept) return Fail(WithRemedy(kept.error()));
  if (writes) {
    ++counts_.syncs;
    const Duration took = clock_.Read().mono - begin;
    counts_.sync_time += took;
    counts_.longest_sync = std::max(counts_.longest_sync, took);
  }
  for (raft::Message& message : ready.messages) {
    const raft::NodeId to = message.to;
    if (!links_->Send(to, std::move(message))) core_->ReportUnreachable(to);
  }
  if (ready.snapshot) {
    MR_RETURN_IF_ERROR(LoadSnapshot(*ready.snapshot));
    ++counts_.snapshots_loaded;
  }
  for (const raft::EntryPtr& entry : ready.committed) MR_RETURN_IF_ERROR(Apply(*entry));
  for (const raft::ReadState& read : ready.reads)
    reads_[read.context] = read.ok ? std::optional(read.index) : std::nullopt;
  return {};
}

Status Replica::Apply(const raft::Entry& entry) {
  applied_term_ = entry.term;
  ++counts_.entries_applied;
  switch (entry.kind) {
    case raft::EntryKind::kCommand:
      return machine_.Apply(entry);
    case raft::EntryKind::kMembers:
      members_ = entry.payload;
      return {};
    case raft::EntryKind::kNoOp:
      return {};
  }
  return Fail(ErrorCode::kUnsupported, StrCat("entry ", entry.index.value, " is of a kind that this version does not know"));
}

Status Replica::LoadSnapshot(const raft::Snapshot& snapshot) {
  MR_ASSIGN_OR_RETURN(const ReplicaSnapshot decoded, DecodeReplicaSnapshot(*snapshot.data));
  members_ = decoded.members;
  applied_term_ = snapshot.meta.term;
  return machine_.Load(decoded.state);
}

Status Replica::SaveSnapshot() {
  const raft::SnapshotMeta meta{core_->applied(), *core_->log().TermAt(core_->applied())};
  auto bytes = std::make_shared<const std::string>(EncodeReplicaSnapshot(members_, machine_.Save()));
  if (const Status saved = store_->SaveSnapshot(meta, *bytes); !saved) return Fail(WithRemedy(saved.error()));
  ++counts_.snapshots_saved;
  if (options_.group.alone()) bytes = std::make_shared<const std::string>();
  const uint64_t keep = options_.group.alone() ? 0 : options_.keep_entries;
  core_->Compact({meta, std::move(bytes)}, {});
  compact_to_ = {meta.index.value - std::min(meta.index.value, keep)};
  return {};
}

// Little by little: to free the entries of a whole snapshot at once would keep everybody waiting for some ten milliseconds.
void Replica::CompactSome() {
  const raft::Index base = core_->log().base();
  if (base < compact_to_) core_->CompactLog({std::min(compact_to_.value, base.value + kCompactedAtOnce)});
}

// ---- what there is to know --------------------------------------------------------------------------------

LeaderHint Replica::leader() const {
  LeaderHint hint{core_->leader(), "", core_->term()};
  if (hint.node == options_.self) hint.client_endpoint = options_.client_endpoint;
  if (const auto known = client_endpoints_.find(hint.node); known != client_endpoints_.end())
    hint.client_endpoint = known->second;
  return hint;
}

std::vector<PeerStatus> Replica::peers() const {
  std::vector<PeerStatus> peers;
  for (const GroupMember& member : options_.group.members) {
    const raft::Progress* progress = core_->progress(member.node);
    if (progress == nullptr) continue;
    // Not recent_active, which is false for a moment whenever the core begins to count its majority anew.
    const auto heard = heard_.find(member.node);
    const bool answers = heard != heard_.end() && now_ - heard->second < options_.election_ticks * options_.tick;
    peers.push_back({member.node, member.endpoint, answers, progress->match});
  }
  return peers;
}

uint64_t Replica::dropped_messages() const {
  return core_->dropped_messages() + (links_ ? links_->dropped() : 0);
}

bool Replica::HandOver() {
  raft::NodeId best;
  raft::Index match;
  for (const PeerStatus& peer : peers()) {
    if (!peer.answers || (best.value != 0 && peer.match <= match)) continue;
    best = peer.node;
    match = peer.match;
  }
  return best.value != 0 && core_->Transfer(best);
}

// For the log of the process, and the counts.
void Replica::Notice() {
  const raft::RoleKind role = core_->role();
  const bool campaigns = role == raft::RoleKind::kCandidate || role == raft::RoleKind::kPreCandidate;
  if (campaigns && noticed_role_ != role) ++counts_.elections;
  if (core_->leader() != noticed_leader_ || (core_->leader().value != 0 && core_->term() != noticed_term_)) {
    noticed_leader_ = core_->leader();
    if (noticed_leader_.value != 0) ++counts_.leader_changes;
    if (!options_.group.alone()) {
      if (noticed_leader_.value == 0)
        LOG(INFO) << "term " << core_->term().value << ": no leader is known";
      else
        LOG(INFO) << "term " << core_->term().value << ": member " << noticed_leader_.value << " leads"
                  << (noticed_leader_ == options_.self ? ", which is this one" : "");
    }
  }
  noticed_role_ = role;
  noticed_term_ = core_->term();
}

}  // namespace mr::coordinator
