// The members of a replicated coordinator, and what tells their group from every other. Static: a group with other
// members is another group, made off-line from this one's state.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "coordinator/raft/types.h"

namespace mr::coordinator {

struct GroupMember {
  raft::NodeId node;
  std::string endpoint;  // where the other members reach it; may carry its public key
  friend bool operator==(const GroupMember&, const GroupMember&) = default;
};

struct Group {
  std::vector<GroupMember> members;  // by number; empty: a coordinator alone
  friend bool operator==(const Group&, const Group&) = default;

  bool alone() const { return members.empty(); }
  const GroupMember* Find(raft::NodeId node) const;
};

// In the header of every message and file of the group: what is of another group is dropped or refused.
using GroupId = std::array<char, 16>;

// "1=tcp://a:4620,2=tcp://b:4620,3=tcp://c:4620": three or five. Errors: kInvalidArgument.
Result<Group> ParseGroup(const std::string& text);
// The same form back.
std::string ToString(const Group& group);

// The same for every member that is told the same; `lineage` is what the group was made from, empty at first.
GroupId GroupIdOf(const std::string& cluster, const Group& group, const std::string& lineage);
// Ids of groups and disks as people read them.
std::string HexOf(const GroupId& id);
std::optional<GroupId> ParseId(std::string_view hex);

// A snapshot's bytes: the members, and the state that `state` encodes. Decoding errors: kDataLoss.
std::string EncodeReplicaSnapshot(const std::string& members, std::string_view state);
struct ReplicaSnapshot {
  std::string members;
  std::string_view state;  // into the decoded bytes
};
Result<ReplicaSnapshot> DecodeReplicaSnapshot(std::string_view bytes);

}  // namespace mr::coordinator
