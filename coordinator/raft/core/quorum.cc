#include "coordinator/raft/core/quorum.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace mr::raft {
namespace {

bool MajorityOf(const std::set<NodeId>& members, const std::set<NodeId>& who) {
  const auto count =
      std::count_if(members.begin(), members.end(), [&](NodeId id) { return who.contains(id); });
  return members.empty() || 2 * static_cast<size_t>(count) > members.size();
}

uint64_t ReachedBy(const std::set<NodeId>& members,
                   const std::function<uint64_t(NodeId)>& reached) {
  if (members.empty()) return std::numeric_limits<uint64_t>::max();
  std::vector<uint64_t> values;
  values.reserve(members.size());
  for (const NodeId id : members) values.push_back(reached(id));
  std::sort(values.begin(), values.end(), std::greater<>());
  return values[values.size() / 2];
}

}  // namespace

std::set<NodeId> Quorum::Members() const {
  std::set<NodeId> all = incoming;
  all.insert(outgoing.begin(), outgoing.end());
  return all;
}

bool Quorum::IsMajority(const std::set<NodeId>& who) const {
  return !incoming.empty() && MajorityOf(incoming, who) && MajorityOf(outgoing, who);
}

uint64_t Quorum::Reached(const std::function<uint64_t(NodeId)>& reached) const {
  if (incoming.empty()) return 0;
  return std::min(ReachedBy(incoming, reached), ReachedBy(outgoing, reached));
}

}  // namespace mr::raft
