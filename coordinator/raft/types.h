// The words of the replicated log: terms, positions, members, entries. Distinct types: a term never
// becomes an index by accident, and the distance of two indexes is checked.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>

namespace mr::raft {

// A reign of at most one leader; 0 before the first election.
struct Term {
  uint64_t value = 0;
  friend auto operator<=>(const Term&, const Term&) = default;
};

// Position of an entry in the log; the first is 1, 0 is "before the first".
struct Index {
  uint64_t value = 0;
  friend auto operator<=>(const Index&, const Index&) = default;
};

// A member of the group, from 1; 0 = none.
struct NodeId {
  uint64_t value = 0;
  friend auto operator<=>(const NodeId&, const NodeId&) = default;
};

inline Index Next(Index index) { return {index.value + 1}; }
Index Previous(Index index);  // CHECK: index > 0
// to - from. CHECK: from ≤ to. Two bounds that were taken at different moments once gave -2
// entries.
uint64_t Distance(Index from, Index to);

enum class EntryKind : uint8_t {
  kCommand = 1,  // payload is the state machine's business
  kNoOp = 2,     // a new leader's first entry: with it, everything older is committed too
  kMembers = 3,  // the group itself; always index 1
};

// Never changed once it is made.
struct Entry {
  Index index;
  Term term;
  EntryKind kind = EntryKind::kCommand;
  std::string payload;
  friend bool operator==(const Entry&, const Entry&) = default;
};
using EntryPtr = std::shared_ptr<const Entry>;

// What a member must never forget; durable before any message that follows from it leaves.
struct HardState {
  Term term;         // newest seen
  NodeId voted_for;  // in that term; 0 = nobody yet
  friend bool operator==(const HardState&, const HardState&) = default;
};

// The last entry that a snapshot contains.
struct SnapshotMeta {
  Index index;
  Term term;
  friend bool operator==(const SnapshotMeta&, const SnapshotMeta&) = default;
};

}  // namespace mr::raft
