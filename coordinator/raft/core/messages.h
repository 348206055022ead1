// What members of the group say to each other. Each message is complete when it is built: it owns
// its bytes or shares immutable entries, so nothing that happens later in the sender can change it.
//
// All messages are one-way. Each may be lost, doubled, reordered or arbitrarily late, also across
// restarts: every answer follows durable state and carries its sender's term.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/raft/types.h"

namespace mr::raft {

// A snapshot of the state machine, shared: whoever sends it keeps it alive.
struct Snapshot {
  SnapshotMeta meta;
  std::shared_ptr<const std::string> data;  // null: there is no snapshot
};

// "Vote for me", or with `pre` "would you?": a pre-vote changes nothing at either side.
// Message::term is the term to be elected in, for a pre-vote the sender's term + 1.
struct VoteRequest {
  bool pre = false;
  bool transfer = false;  // the leader asked for this election: it is not a disruption
  Index last_index;       // of the sender's log, durable when this leaves
  Term last_term;
};

// Message::term is the answering member's, but a granted pre-vote repeats the term that was asked
// for.
struct VoteResponse {
  bool pre = false;
  bool granted = false;
};

struct AppendRequest {
  Index prev_index;  // of the entry before entries[0]
  Term prev_term;
  std::vector<EntryPtr> entries;  // contiguous; may be empty
  Index commit;                   // of the leader
};

struct AppendResponse {
  Index request_prev;  // AppendRequest::prev_index, repeated
  bool ok = false;
  Index match;       // if ok: the logs are equal, and durable here, up to this index
  Index hint_index;  // if not: last index here, at or before prev_index, with a term ≤ prev_term
  Term hint_term;    // its term
};

struct Heartbeat {
  Index commit;           // min(match of the receiver, commit of the leader)
  uint64_t read_seq = 0;  // newest round of reads that this heartbeat stands for
};

struct HeartbeatResponse {
  uint64_t read_seq = 0;  // repeated
};

struct SnapshotPart {
  SnapshotMeta meta;
  uint64_t offset = 0;       // of `data` in the snapshot
  uint64_t total_bytes = 0;  // of the snapshot
  uint64_t checksum = 0;     // XXH3-64 of the whole snapshot
  std::string data;
};

struct SnapshotResponse {
  SnapshotMeta meta;         // of the part that is answered
  uint64_t next_offset = 0;  // the byte that is wanted next; 0: from the start
  bool done = false;         // everything up to meta.index is durable here
};

// "Campaign now": from a leader that hands over.
struct TimeoutNow {};

struct Message {
  NodeId from;
  NodeId to;
  Term term;  // of the sender when it built this
  std::variant<VoteRequest, VoteResponse, AppendRequest, AppendResponse, Heartbeat,
               HeartbeatResponse, SnapshotPart, SnapshotResponse, TimeoutNow>
      body;
};

}  // namespace mr::raft
