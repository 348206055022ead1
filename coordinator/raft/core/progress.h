// What a leader knows of one follower's log, and how much may be on its way to it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "coordinator/raft/core/messages.h"

namespace mr::raft {

struct Progress {
  enum class State : uint8_t {
    kProbe,      // the common prefix is not known: one request at a time
    kReplicate,  // it is: requests are pipelined
    kSnapshot,   // what the follower needs is compacted away: a snapshot is on its way
  };
  State state = State::kProbe;
  // 0 ≤ match < next ≤ last + 1
  Index match;                 // equal and durable there up to here
  Index next;                  // the next entry to send
  Index sent_commit;           // newest commit index that a request carried
  bool paused = false;         // probe: wait for an answer or a heartbeat's answer
  bool nudge = false;          // replicate: something may be lost, ask with an empty request
  bool recent_active = false;  // heard of in this period of check-quorum
  uint64_t read_seq = 0;       // newest round of reads that was answered

  struct Inflight {
    Index last;
    uint64_t bytes = 0;
  };
  std::deque<Inflight> inflight;
  uint64_t inflight_bytes = 0;

  struct Transfer {
    Snapshot snapshot;  // shared: it stays whole while it is sent, whatever newer one is made
    uint64_t checksum = 0;
    uint64_t acked = 0;
    uint64_t sent = 0;
    std::optional<uint64_t> resent;  // the offset that was sent once more
    bool started = false;  // an empty snapshot still takes one part
    bool answered = true;  // since the last answer to a heartbeat
    uint32_t idle_ticks = 0;
  };
  Transfer transfer;  // only in kSnapshot

  // From what is known to match; a full answer, or its refusal, decides what follows.
  void BecomeProbe() {
    state = State::kProbe;
    next = Next(match);
    paused = nudge = false;
    DropInflight();
    transfer = {};
  }
  void BecomeReplicate() {
    BecomeProbe();
    state = State::kReplicate;
  }
  void DropInflight() {
    inflight.clear();
    inflight_bytes = 0;
  }
  void FreeInflightTo(Index index) {
    while (!inflight.empty() && inflight.front().last <= index) {
      inflight_bytes -= inflight.front().bytes;
      inflight.pop_front();
    }
  }
};

}  // namespace mr::raft
