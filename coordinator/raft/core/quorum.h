// Majorities. Two sets, so that a change of members can ask for a majority of both; today the
// second is empty.
#pragma once

#include <functional>
#include <set>

#include "coordinator/raft/types.h"

namespace mr::raft {

struct Quorum {
  std::set<NodeId> incoming;
  std::set<NodeId> outgoing;  // of a change under way; empty: none

  bool Contains(NodeId id) const { return incoming.contains(id) || outgoing.contains(id); }
  std::set<NodeId> Members() const;
  bool IsMajority(const std::set<NodeId>& who) const;
  // The greatest value that a majority has reached; `reached` is asked for each member.
  uint64_t Reached(const std::function<uint64_t(NodeId)>& reached) const;
};

}  // namespace mr::raft
