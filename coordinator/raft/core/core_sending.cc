// Building messages. Each is completed here, in one call, from one consistent view of term, log and
// commit index.
#include <algorithm>

#include "common/base/hash.h"
#include "common/base/logging.h"
#include "coordinator/raft/core/mutants.h"
#include "coordinator/raft/core/raft_core.h"

namespace mr::raft {

void RaftCore::Send(NodeId to, decltype(Message::body) body) {
  SendIn(to, term(), std::move(body));
}

void RaftCore::SendIn(NodeId to, Term term, decltype(Message::body) body) {
  outbox_.push_back(Message{options_.self, to, term, std::move(body)});
}

// Requests to followers are built when the owner asks for a Ready: whatever was proposed since the
// last one travels together, and nothing ever waits for company.
void RaftCore::Flush() {
  if (!dirty_) return;
  dirty_ = false;
  if (leader_state() == nullptr) return;
  StartReads();
  for (auto& [id, progress] : leader_state()->progress) SendAppends(id, progress);
}

void RaftCore::SendAppends(NodeId to, Progress& progress) {
  using State = Progress::State;
  if (progress.state == State::kSnapshot) return SendSnapshotParts(to, progress);
  if (progress.state == State::kProbe) {
    if (progress.paused) return;
    if (SendAppend(to, progress, PackingEnd(progress.next))) progress.paused = true;
    return;
  }
  const auto window_open = [&] {
    return progress.inflight.size() < options_.max_inflight &&
           progress.inflight_bytes < options_.max_inflight_bytes;
  };
  const Index last = log_.last();
  if (Mutated(Mutant::kL23WaitsForTwenty) && progress.next.value + 20 > last.value + 1 &&
      !progress.nudge && last > leader_state()->term_start)
    return;
  while (progress.next <= last && window_open())
    if (!SendAppend(to, progress, PackingEnd(progress.next))) return;
  const bool commit_news = progress.sent_commit < std::min(commit_, Previous(progress.next));
  // Also with a full window: a refusal of this is how a lost request is found out.
  if (progress.nudge || (commit_news && window_open())) SendAppend(to, progress, progress.next);
  progress.nudge = false;
}

// One request with the entries [next, end). False: what is needed is compacted away, and a snapshot
// goes instead as soon as the follower is known to be there.
bool RaftCore::SendAppend(NodeId to, Progress& progress, Index end) {
  const Index prev = Previous(progress.next);
  const std::optional<Term> prev_term = log_.TermAt(prev);
  if (!prev_term) {
    progress.BecomeProbe();
    progress.paused = true;
    if (progress.recent_active) {
      StartSnapshot(progress);
      SendSnapshotParts(to, progress);
    }
    return false;
  }
  AppendRequest request{prev, *prev_term, log_.Slice(progress.next, end), commit_};
  uint64_t bytes = 0;
  for (const EntryPtr& entry : request.entries) bytes += entry->payload.size();
  if (Mutated(Mutant::kF27PackingSkips) && request.entries.size() > 2)
    request.entries.erase(request.entries.begin() + 1);
  if (progress.state == Progress::State::kReplicate && end > progress.next) {
    progress.inflight.push_back({Previous(end), bytes});
    progress.inflight_bytes += bytes;
    progress.next = end;
  }
  progress.sent_commit = std::max(progress.sent_commit, std::min(commit_, Previous(end)));
  Send(to, std::move(request));
  return true;
}

// One past the last entry of a request that begins at `from`. Stops at the first entry that does
// not fit.
Index RaftCore::PackingEnd(Index from) const {
  Index end = from;
  if (from <= log_.base()) return end;  // compacted away
  uint64_t bytes = 0;
  while (end <= log_.last() && Distance(from, end) < options_.max_append_entries) {
    bytes += log_.At(end)->payload.size();
    if (end > from && bytes > options_.max_append_bytes) break;
    end = Next(end);
  }
  return end;
}

void RaftCore::StartSnapshot(Progress& progress) {
  CHECK(snapshot_.data != nullptr) << "the log was compacted without a snapshot";
  progress.BecomeProbe();
  progress.state = Progress::State::kSnapshot;
  progress.transfer.snapshot = snapshot_;
  progress.transfer.checksum = Hash64(*snapshot_.data);
}

void RaftCore::SendSnapshotParts(NodeId to, Progress& progress) {
  Progress::Transfer& transfer = progress.transfer;
  const std::string& data = *transfer.snapshot.data;
  const uint64_t window = options_.snapshot_part_bytes * options_.snapshot_window;
  while (!transfer.started ||
         (transfer.sent < data.size() && transfer.sent - transfer.acked < window)) {
    transfer.started = true;
    SendSnapshotPart(to, transfer, transfer.sent);
    transfer.sent += std::min<uint64_t>(options_.snapshot_part_bytes, data.size() - transfer.sent);
  }
}

void RaftCore::SendSnapshotPart(NodeId to, const Progress::Transfer& transfer, uint64_t offset) {
  const std::string& data = *transfer.snapshot.data;
  Send(to, SnapshotPart{transfer.snapshot.meta, offset, data.size(), transfer.checksum,
                        data.substr(offset, options_.snapshot_part_bytes)});
}

}  // namespace mr::raft
