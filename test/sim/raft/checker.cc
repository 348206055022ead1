#include "test/sim/raft/checker.h"

#include <algorithm>
#include <cstdlib>

#include "common/base/hash.h"
#include "test/sim/raft/member.h"

namespace mr::raft::test {
namespace {

// MR_RAFT_ONLY: all others are not looked at, to see that each finds something by itself.
const std::string& OnlyRule() {
  static const std::string rule = [] {
    const char* text = std::getenv("MR_RAFT_ONLY");
    return std::string(text == nullptr ? "" : text);
  }();
  return rule;
}

}  // namespace

void Checker::Report(const std::string& rule, const Member* member, const std::string& text) {
  if (!problem_.empty() || (!OnlyRule().empty() && rule != OnlyRule())) return;
  problem_ = rule + ": ";
  if (member != nullptr) problem_ += "node " + std::to_string(member->id().value) + ": ";
  problem_ += text;
}

Checker::Seen& Checker::SeenOf(const Member& member) {
  const size_t id = member.id().value;
  if (seen_.size() <= id) seen_.resize(id + 1);
  return seen_[id];
}

std::optional<NodeId> Checker::LeaderOf(Term term) const {
  const auto found = leaders_.find(term);
  return found == leaders_.end() ? std::nullopt : std::optional(found->second);
}

uint64_t Checker::AppliedHash(Index index) const {
  return index.value < applied_.size() ? applied_[index.value].first : 0;
}

void Checker::OnBoot(const Member& member) {
  Seen& seen = SeenOf(member);
  seen.alive = true;
  seen.role = member.core().role();
  seen.term = member.core().term();
  seen.commit = seen.applied = seen.applied_by_machine = member.core().applied();
  seen.base = member.core().log().base();
  seen.entries.clear();
  seen.snapshot = {};
  seen.silent_ticks = 0;
  CheckEvent(member, /*tick=*/false);
  if (seen.role == RoleKind::kLeader) CheckNewLeader(member);
}

void Checker::OnTick(const Member& member) {
  CheckEvent(member, /*tick=*/true);
  Seen& seen = SeenOf(member);
  seen.silent_ticks = seen.role == RoleKind::kLeader ? 0 : seen.silent_ticks + 1;
  // 2T, and once more when half a snapshot had to be dropped first; and a little for requests that
  // were never sent.
  if (seen.silent_ticks > 5 * member.core().options().election_ticks)
    Report("R10", &member, "waits for ever without a leader");
}

void Checker::OnStep(const Member& member, const Message& message) {
  Seen& seen = SeenOf(member);
  const Progress* progress = member.core().progress(message.from);
  if (progress != nullptr && seen.role == RoleKind::kLeader && seen.term == member.core().term() &&
      message.term < seen.term && progress->match != seen.matches[message.from.value])
    Report("I10", &member, "a reply of an older term moved match");
  CheckEvent(member, /*tick=*/false);
  const bool of_leader = std::holds_alternative<AppendRequest>(message.body) ||
                         std::holds_alternative<Heartbeat>(message.body) ||
                         std::holds_alternative<SnapshotPart>(message.body);
  if (of_leader && message.term == member.core().term()) seen.silent_ticks = 0;
}

// A group of one forgets a reign that was not durable yet, and begins it again with other entries.
// In a larger group nobody leads before the others have durable votes.
void Checker::OnCrash(const Member& member) {
  Seen& seen = SeenOf(member);
  seen.alive = false;
  const EntryLog& log = member.core().log();
  if (members_.size() != 1) return;
  for (Index index = Next(std::max(log.base(), member.disk().last())); index <= log.last();
       index = Next(index))
    chain_.erase({index.value, log.TermAt(index)->value});
}

void Checker::CheckEvent(const Member& member, bool tick) {
  Seen& seen = SeenOf(member);
  const RaftCore& core = member.core();
  const bool was_leader = seen.role == RoleKind::kLeader;
  const bool leads = core.role() == RoleKind::kLeader;
  if (core.term() < seen.term || core.commit() < seen.commit || core.applied() < seen.applied)
    Report("I8", &member, "term, commit or applied index went back");
  if (core.applied() > core.commit() || core.commit() > core.log().last())
    Report("I8", &member, "not applied ≤ commit ≤ last");
  const bool campaigns =
      core.role() == RoleKind::kCandidate || core.role() == RoleKind::kPreCandidate;
  if (was_leader && (campaigns || (tick && core.term() != seen.term)))
    Report("I12", &member, "a leader campaigned");
  const size_t entries_before = seen.entries.size();
  CheckLog(member, seen);
  if (leads && seen.entries.size() > entries_before) CheckUncommitted(member);
  if (core.snapshot().meta.index != seen.snapshot) CheckSnapshot(member);
  seen.snapshot = core.snapshot().meta.index;
  const bool elected = leads && (!was_leader || core.term() != seen.term);
  const Index commit_before = seen.commit;
  seen.role = core.role();
  seen.term = core.term();
  seen.commit = core.commit();
  seen.applied = core.applied();
  if (elected) CheckNewLeader(member);
  if (leads && core.commit() > commit_before) CheckCommit(member, commit_before);
  if (leads) CheckProgress(member);
}

// Walks back from the end to the first entry that is as it was: the work is that of what changed.
void Checker::CheckLog(const Member& member, Seen& seen) {
  const EntryLog& log = member.core().log();
  if (log.base() != seen.base) {
    const uint64_t gone =
        log.base() > seen.base ? Distance(seen.base, log.base()) : seen.entries.size();
    if (gone >= seen.entries.size())
      seen.entries.clear();
    else
      seen.entries.erase(seen.entries.begin(),
                         seen.entries.begin() + static_cast<std::ptrdiff_t>(gone));
    seen.base = log.base();
  }
  const uint64_t size = Distance(log.base(), log.last());
  const bool leads = member.core().role() == RoleKind::kLeader && seen.role == RoleKind::kLeader &&
                     member.core().term() == seen.term;
  if (leads && size < seen.entries.size()) Report("I4", &member, "a leader's log became shorter");
  uint64_t same = std::min<uint64_t>(size, seen.entries.size());
  while (same > 0 && log.At({seen.base.value + same}).get() != seen.entries[same - 1]) --same;
  if (leads && same < seen.entries.size()) Report("I4", &member, "a leader replaced an entry");
  seen.entries.resize(same);
  for (uint64_t i = same; i < size; ++i) {
    const Index index{seen.base.value + i + 1};
    const EntryPtr& entry = log.At(index);
    seen.entries.push_back(entry.get());
    const uint64_t chain = ChainOf(member, *entry, *log.TermAt(Previous(index)));
    const auto [known, news] = chain_.try_emplace({index.value, entry->term.value}, chain);
    if (!news && known->second != chain)
      Report("I3", &member, "another log before entry " + std::to_string(index.value));
  }
}

uint64_t Checker::ChainOf(const Member& member, const Entry& entry, Term previous_term) {
  const Key key{entry.index.value - 1, previous_term.value};
  const auto previous = chain_.find(key);
  if (previous == chain_.end() && key.index != 0)
    Report("I3", &member, "follows an entry that nobody wrote: " + std::to_string(key.index));
  const uint64_t before = previous == chain_.end() ? 0 : previous->second;
  const uint64_t words[3] = {before, entry.term.value, Hash64(entry.payload)};
  return Hash64({reinterpret_cast<const char*>(words), sizeof words}, entry.index.value);
}

void Checker::CheckNewLeader(const Member& member) {
  const RaftCore& core = member.core();
  const auto [leader, news] = leaders_.try_emplace(core.term(), member.id());
  if (!news && leader->second != member.id())
    Report("I1", &member, "second leader of term " + std::to_string(core.term().value));
  std::set<NodeId> votes{member.id()};
  for (const Member* other : members_) {
    const auto vote = votes_.find({other->id(), core.term()});
    if (vote != votes_.end() && vote->second == member.id()) votes.insert(other->id());
  }
  for (const Member* other : members_)
    if (const Progress* progress = core.progress(other->id());
        progress && progress->match != Index{})
      Report("I10", &member,
             "a new leader believes to know node " + std::to_string(other->id().value));
  if (!core.options().quorum.IsMajority(votes)) Report("I12", &member, "leads without a majority");
  // A late leader of an older reign need not have it: it commits nothing any more.
  const bool has = core.term() <= committed_term_ || committed_ <= core.log().base() ||
                   core.log().Has(committed_, committed_term_);
  if (!has) Report("I6", &member, "leads without entry " + std::to_string(committed_.value));
}

void Checker::CheckCommit(const Member& member, Index) {
  const RaftCore& core = member.core();
  const Index commit = core.commit();
  const std::optional<Term> term = core.log().TermAt(commit);
  if (term != core.term()) Report("I7", &member, "committed an entry of another term by counting");
  std::set<NodeId> holders;
  for (const Member* other : members_)
    if (other->disk().TermAt(commit) == term || other->disk().snapshot.meta.index >= commit)
      holders.insert(other->id());
  if (!core.options().quorum.IsMajority(holders))
    Report("I7", &member,
           "entry " + std::to_string(commit.value) + " is committed, but durable on " +
               std::to_string(holders.size()) + " only");
  if (commit > committed_) {
    committed_ = commit;
    committed_term_ = term.value_or(Term{});
  }
}

void Checker::CheckProgress(const Member& member) {
  const RaftCore& core = member.core();
  for (const Member* other : members_) {
    const Progress* progress = core.progress(other->id());
    if (progress == nullptr) continue;
    std::vector<Index>& matches = SeenOf(member).matches;
    if (matches.size() <= other->id().value) matches.resize(other->id().value + 1);
    matches[other->id().value] = progress->match;
    const bool ordered =
        progress->match < progress->next && progress->next <= Next(core.log().last());
    if (!ordered) Report("I10", &member, "not match < next ≤ last + 1");
    const std::optional<Term> mine = core.log().TermAt(progress->match);
    const bool same_term = other->disk().hard_state.term == core.term();
    const bool covered = other->disk().snapshot.meta.index >= progress->match;
    if (same_term && mine && !covered && other->disk().TermAt(progress->match) != mine)
      Report("I10", &member,
             "match " + std::to_string(progress->match.value) + " of node " +
                 std::to_string(other->id().value) + " is not durable there");
    if (progress->inflight.size() > core.options().max_inflight)
      Report("I15", &member, "more requests on their way than allowed");
  }
}

// What a leader took in its own term and could not commit yet: one command, or as much as it may.
void Checker::CheckUncommitted(const Member& member) {
  const RaftCore& core = member.core();
  uint64_t bytes = 0, commands = 0;
  for (Index index = core.log().last(); index > core.commit() && core.log().At(index)->term == core.term();
       index = Previous(index)) {
    bytes += core.log().At(index)->payload.size();
    commands += core.log().At(index)->kind == EntryKind::kCommand ? 1 : 0;
  }
  if (commands > 1 && bytes > core.options().max_uncommitted_bytes)
    Report("I15", &member, "takes more than may be uncommitted");
}

void Checker::CheckSnapshot(const Member& member) {
  const Snapshot& snapshot = member.core().snapshot();
  if (!snapshot.data) return;
  const auto [known, news] = snapshots_.try_emplace(snapshot.meta.index, snapshot.data);
  if (!news && *known->second != *snapshot.data)
    Report("I5", &member, "another snapshot at " + std::to_string(snapshot.meta.index.value));
}

void Checker::CheckPart(const Member& member, const Message& message, const SnapshotPart& part) {
  const auto leader = LeaderOf(message.term);
  if (!leader || *leader != member.id()) Report("I11", &member, "sends a snapshot in a term that is not its own");
  const uint64_t index = part.meta.index.value;
  if (index >= applied_.size() || applied_[index].second != part.meta.term)
    Report("I11", &member, "sends a snapshot of what nobody has applied");
  const auto known = snapshots_.find(part.meta.index);
  if (known == snapshots_.end()) return Report("I11", &member, "sends a snapshot that nobody made");
  const std::string& whole = *known->second;
  const bool fits = part.total_bytes == whole.size() && part.checksum == Hash64(whole) &&
                    part.offset <= whole.size() && whole.substr(part.offset, part.data.size()) == part.data;
  if (!fits) Report("I11", &member, "a part that is not of its snapshot");
  if (part.data.size() > member.core().options().snapshot_part_bytes)
    Report("I11", &member, "a part above its limit");
}

void Checker::OnDurable(const Member& member) {
  Seen& seen = SeenOf(member);
  const HardState& durable = member.disk().hard_state;
  if (durable.term < seen.durable_term) Report("I8", &member, "the durable term went back");
  seen.durable_term = durable.term;
  if (durable.voted_for != NodeId{}) CheckVote(member, durable.term, durable.voted_for);
}

void Checker::CheckVote(const Member& member, Term term, NodeId candidate) {
  const auto [vote, news] = votes_.try_emplace({member.id(), term}, candidate);
  if (!news && vote->second != candidate)
    Report("I2", &member, "voted twice in term " + std::to_string(term.value));
}

void Checker::OnSend(const Member& member, const Message& message) {
  const Disk& disk = member.disk();
  const auto* request = std::get_if<VoteRequest>(&message.body);
  const auto* response = std::get_if<VoteResponse>(&message.body);
  const bool hypothetical =
      (request != nullptr && request->pre) || (response != nullptr && response->pre);
  if (!hypothetical && message.term > disk.hard_state.term)
    Report("I9", &member,
           "speaks of term " + std::to_string(message.term.value) + " before it is durable");
  if (response != nullptr && !response->pre && response->granted) {
    const bool voted = disk.hard_state == HardState{message.term, message.to};
    if (!voted) Report("I9", &member, "a vote left before it was durable");
    CheckVote(member, message.term, message.to);
  }
  if (request != nullptr || (response != nullptr && !response->pre && response->granted))
    SeenOf(member).silent_ticks = 0;
  if (request != nullptr && !request->pre) {
    if (disk.hard_state != HardState{message.term, member.id()})
      Report("I9", &member, "asks for votes before its own is durable");
    CheckVote(member, message.term, member.id());
  }
  if (request != nullptr && disk.TermAt(request->last_index) != request->last_term)
    Report("I9", &member, "boasts of entries that are not durable");
  if (const auto* append = std::get_if<AppendRequest>(&message.body))
    CheckAppend(member, message, *append);
  if (const auto* part = std::get_if<SnapshotPart>(&message.body)) CheckPart(member, message, *part);
  if (const auto* appended = std::get_if<AppendResponse>(&message.body); appended && appended->ok) {
    const bool durable =
        appended->match <= disk.snapshot.meta.index ||
        (disk.TermAt(appended->match) &&
         disk.TermAt(appended->match) == member.core().log().TermAt(appended->match));
    if (!durable)
      Report(
          "I9", &member,
          "acknowledges entry " + std::to_string(appended->match.value) + " before it is durable");
  }
  if (const auto* part = std::get_if<SnapshotResponse>(&message.body); part && part->done)
    if (disk.last() < part->meta.index && disk.snapshot.meta.index < part->meta.index)
      Report("I9", &member, "acknowledges a snapshot before it is durable");
}

void Checker::CheckAppend(const Member& member, const Message& message,
                          const AppendRequest& request) {
  const auto leader = LeaderOf(message.term);
  if (leader && *leader != member.id())
    Report("I1", &member, "sends entries in a term that is another's");
  if (!leader) Report("I11", &member, "sends entries without having been elected");
  Index index = request.prev_index;
  Term term = request.prev_term;
  if (index.value != 0 && !chain_.contains({index.value, term.value}) &&
      index > member.core().snapshot().meta.index)
    Report("I11", &member, "the entry before the first is nobody's");
  uint64_t bytes = 0;
  for (const EntryPtr& entry : request.entries) {
    if (entry->index != Next(index) || entry->term < term || entry->term > message.term)
      Report("I11", &member, "entries with a hole, or with falling terms");
    const auto known = chain_.find({entry->index.value, entry->term.value});
    if (known == chain_.end() || known->second != ChainOf(member, *entry, term))
      Report("I11", &member, "an entry that was changed on its way");
    index = entry->index;
    term = entry->term;
    bytes += entry->payload.size();
  }
  const RaftOptions& limits = member.core().options();
  if (request.entries.size() > limits.max_append_entries ||
      (request.entries.size() > 1 && bytes > limits.max_append_bytes))
    Report("I11", &member, "a request above its limits");
}

void Checker::OnApply(const Member& member, const Entry& entry) {
  Seen& seen = SeenOf(member);
  if (entry.index != Next(seen.applied_by_machine))
    Report("I5", &member,
           "applied " + std::to_string(entry.index.value) + " after " +
               std::to_string(seen.applied_by_machine.value));
  seen.applied_by_machine = entry.index;
  const auto chain = chain_.find({entry.index.value, entry.term.value});
  const uint64_t value = chain == chain_.end() ? 0 : chain->second;
  if (applied_.size() <= entry.index.value) applied_.resize(entry.index.value + 1);
  auto& known = applied_[entry.index.value];
  if (known.first == 0) known = {value, entry.term};
  if (known.first != value)
    Report("I5", &member, "applied another entry " + std::to_string(entry.index.value));
}

void Checker::OnInstall(const Member& member, const SnapshotMeta& meta) {
  SeenOf(member).applied_by_machine = meta.index;
  if (meta.index.value >= applied_.size() || applied_[meta.index.value].second != meta.term)
    Report("I5", &member, "installed a snapshot of what nobody has applied");
}

void Checker::OnAcknowledged(Index index, Term term) {
  if (index.value >= applied_.size() || applied_[index.value].second != term)
    Report("I13", nullptr, "acknowledged what is not applied");
  acknowledged_ = std::max(acknowledged_, index);
}

void Checker::OnRead(Index acknowledged_before, Index index) {
  if (index < acknowledged_before)
    Report("I14", nullptr,
           "a read of entry " + std::to_string(index.value) + " misses " +
               std::to_string(acknowledged_before.value));
}

}  // namespace mr::raft::test
