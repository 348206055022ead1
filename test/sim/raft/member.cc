#include "test/sim/raft/member.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <sstream>

#include "common/base/hash.h"
#include "common/base/logging.h"
#include "test/sim/raft/checker.h"

namespace mr::raft::test {

const std::string& ActiveMutant() {
  static const std::string name = [] {
    const char* text = std::getenv("MR_RAFT_MUTANT");
    return std::string(text == nullptr ? "" : text);
  }();
  return name;
}

std::optional<Term> Disk::TermAt(Index index) const {
  if (index == snapshot.meta.index) return snapshot.meta.term;
  return TermInLog(index);
}

std::optional<Term> Disk::TermInLog(Index index) const {
  if (index == base.index) return base.term;
  if (index < base.index || index > last()) return std::nullopt;
  return entries[Distance(Next(base.index), index)]->term;
}

void Disk::Write(const std::vector<EntryPtr>& news) {
  if (news.empty()) return;
  const Index first = news.front()->index;
  CHECK(first > base.index && first <= Next(last()))
      << "written at " << first.value << " of " << base.index.value << ".." << last().value;
  entries.resize(Distance(Next(base.index), first));
  entries.insert(entries.end(), news.begin(), news.end());
}

void Disk::Install(const Snapshot& news) {
  const bool keeps = TermInLog(news.meta.index) == news.meta.term;
  snapshot = news;
  if (keeps) return;
  base = news.meta;
  entries.clear();
}

void Disk::Compact(const Snapshot& news, Index keep_after) {
  snapshot = news;
  while (!entries.empty() && base.index < keep_after) {
    base = {entries.front()->index, entries.front()->term};
    entries.pop_front();
  }
}

std::string MakeCommand(uint32_t client, uint32_t number, size_t bytes) {
  std::string text(std::max<size_t>(bytes, 8), 'x');
  for (size_t i = 0; i < 4; ++i) {
    text[i] = static_cast<char>(client >> (8 * i));
    text[4 + i] = static_cast<char>(number >> (8 * i));
  }
  return text;
}

Command ParseCommand(const std::string& payload) {
  Command command;
  for (size_t i = 0; i < 4 && payload.size() >= 8; ++i) {
    command.client |= static_cast<uint32_t>(static_cast<unsigned char>(payload[i])) << (8 * i);
    command.number |= static_cast<uint32_t>(static_cast<unsigned char>(payload[4 + i])) << (8 * i);
  }
  return command;
}

uint64_t StateMachine::Apply(const Entry& entry) {
  applied = entry.index;
  if (entry.kind != EntryKind::kCommand) return 0;
  const Command command = ParseCommand(entry.payload);
  Session* session = command.client == 0 ? nullptr : &last_of_client[command.client];
  if (session != nullptr && command.number <= session->number) return session->result;
  const uint64_t before = registers[command.target()];
  registers[command.target()] = command.value();
  if (session != nullptr) *session = {command.number, before};
  hash = Hash64(entry.payload, hash);
  ++commands;
  return before;
}

std::string StateMachine::Save() const {
  std::ostringstream text;
  text << applied.value << ' ' << hash << ' ' << commands;
  for (const uint64_t value : registers) text << ' ' << value;
  for (const auto& [client, session] : last_of_client)
    text << ' ' << client << ' ' << session.number << ' ' << session.result;
  return text.str();
}

void StateMachine::Load(const std::string& saved) {
  *this = {};
  std::istringstream text(saved);
  text >> applied.value >> hash >> commands;
  for (uint64_t& value : registers) text >> value;
  Session session;
  for (uint32_t client = 0; text >> client >> session.number >> session.result;) last_of_client[client] = session;
}

Member::Member(MemberOptions options, uint64_t seed, Checker* checker)
    : options_(std::move(options)), random_(seed), checker_(checker) {}

void Member::Boot() {
  CHECK(!alive());
  ++boot_;
  Restored restored{disk_.hard_state, disk_.snapshot, {}};
  // The rule of the real storage: a log that does not contain the snapshot's last entry is
  // discarded.
  if (disk_.TermInLog(disk_.snapshot.meta.index) != disk_.snapshot.meta.term) {
    disk_.base = disk_.snapshot.meta;
    disk_.entries.clear();
  }
  restored.entries.assign(disk_.entries.begin(), disk_.entries.end());
  state_ = {};
  if (disk_.snapshot.data) state_.Load(*disk_.snapshot.data);
  core_ = std::make_unique<RaftCore>(options_.raft, std::move(restored),
                                     [this](uint64_t bound) { return random_.Below(bound); });
  checker_->OnBoot(*this);
}

bool Member::Begin() {
  CHECK(!writing());
  checker_->OnEvent(*this);
  if (!core_->HasReady()) return false;
  pending_ = core_->TakeReady();
  if (ActiveMutant() == "L19SendsBeforeSync")
    for (const Message& message : pending_->messages) checker_->OnSend(*this, message);
  return true;
}

uint64_t Member::pending_steps() const {
  if (!pending_) return 0;
  return (pending_->hard_state ? 1 : 0) + (pending_->snapshot ? 1 : 0) + pending_->entries.size();
}

void Member::Persist(uint64_t steps) {
  const auto step = [&steps] { return steps != 0 && steps-- != 0; };
  if (pending_->hard_state && step()) disk_.hard_state = *pending_->hard_state;
  if (pending_->snapshot && step()) disk_.Install(*pending_->snapshot);
  std::vector<EntryPtr> written;
  for (const EntryPtr& entry : pending_->entries)
    if (step()) written.push_back(entry);
  disk_.Write(written);
}

Member::Output Member::Finish() {
  CHECK(writing());
  if (!pending_->entries.empty() || pending_->hard_state || pending_->snapshot) ++sync_count_;
  Persist(std::numeric_limits<uint64_t>::max());
  checker_->OnDurable(*this);
  Output output;
  output.messages = std::move(pending_->messages);
  for (const Message& message : output.messages) checker_->OnSend(*this, message);
  if (pending_->snapshot) {
    state_.Load(*pending_->snapshot->data);
    checker_->OnInstall(*this, pending_->snapshot->meta);
  }
  for (const EntryPtr& entry : pending_->committed) ApplyOne(entry, output);
  output.reads = std::move(pending_->reads);
  pending_.reset();
  core_->Advance();
  MaybeSnapshot();
  checker_->OnEvent(*this);
  return output;
}

void Member::ApplyOne(const EntryPtr& entry, Output& output) {
  checker_->OnApply(*this, *entry);
  const uint64_t result = state_.Apply(*entry);
  output.applied.push_back({entry->index, entry->term,
                            entry->kind == EntryKind::kCommand ? ParseCommand(entry->payload) : Command{}, result});
}

void Member::MaybeSnapshot() {
  const Index applied = core_->applied();
  if (options_.snapshot_every == 0 || state_.applied != applied ||
      applied.value < core_->snapshot().meta.index.value + options_.snapshot_every)
    return;
  const Snapshot snapshot{{applied, *core_->log().TermAt(applied)},
                          std::make_shared<const std::string>(state_.Save())};
  const Index keep_after{applied.value - std::min<uint64_t>(applied.value, options_.keep_entries)};
  disk_.Compact(snapshot, keep_after);
  core_->Compact(snapshot, keep_after);
}

void Member::Crash(uint64_t steps) {
  CHECK(alive());
  if (pending_) Persist(steps);
  pending_.reset();
  checker_->OnDurable(*this);
  checker_->OnCrash(*this);
  core_.reset();
}

}  // namespace mr::raft::test
