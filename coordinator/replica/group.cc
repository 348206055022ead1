#include "coordinator/replica/group.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>

#include "common/base/hash.h"
#include "common/base/strings.h"
#include "common/net/endpoint.h"

namespace mr::coordinator {
namespace {

constexpr std::string_view kForm = "write --peers 1=tcp://HOST:PORT,2=tcp://HOST:PORT,3=tcp://HOST:PORT";
constexpr std::string_view kSnapshotMagic = "MRREPL01";

tl::unexpected<Error> Reject(const std::string& text, std::string why) {
  return Fail(ErrorCode::kInvalidArgument, StrCat("--peers ", Printable(text, 200), ": ", std::move(why), "; ", kForm));
}

}  // namespace

const GroupMember* Group::Find(raft::NodeId node) const {
  const auto found = std::find_if(members.begin(), members.end(), [&](const auto& each) { return each.node == node; });
  return found == members.end() ? nullptr : &*found;
}

Result<Group> ParseGroup(const std::string& text) {
  Group group;
  for (const std::string_view part : Split(text, ',')) {
    const size_t equals = part.find('=');
    GroupMember member;
    const std::string_view number = part.substr(0, equals);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), member.node.value);
    if (equals == std::string_view::npos || error != std::errc() || end != number.data() + number.size() ||
        member.node.value == 0) {
      return Reject(text, StrCat("'", Printable(std::string(part), 100), "' is not NUMBER=ENDPOINT"));
    }
    member.endpoint = part.substr(equals + 1);
    const auto endpoint = net::ParseEndpoint(net::SplitServerKey(member.endpoint).endpoint);
    if (!endpoint) return Reject(text, endpoint.error().text);
    if (endpoint->tcp && endpoint->port == 0)
      return Reject(text, StrCat("member ", member.node.value, " needs a port that the others know"));
    for (const GroupMember& other : group.members) {
      if (other.node == member.node) return Reject(text, StrCat("member ", member.node.value, " is named twice"));
      if (other.endpoint == member.endpoint) return Reject(text, StrCat(member.endpoint, " is named twice"));
    }
    group.members.push_back(std::move(member));
  }
  if (group.members.size() != 3 && group.members.size() != 5) {
    return Reject(text, StrCat(group.members.size(), " members: a group has 3, which survive the loss of one, or 5, which "
                                                     "survive the loss of two"));
  }
  std::sort(group.members.begin(), group.members.end(), [](const auto& a, const auto& b) { return a.node < b.node; });
  return group;
}

std::string ToString(const Group& group) {
  std::string text;
  for (const GroupMember& member : group.members)
    text += StrCat(text.empty() ? "" : ",", member.node.value, "=", member.endpoint);
  return text;
}

GroupId GroupIdOf(const std::string& cluster, const Group& group, const std::string& lineage) {
  const std::string hex = Sha256Hex(StrCat("millrace group\n", cluster, "\n", ToString(group), "\n", lineage));
  return *ParseId(std::string_view(hex).substr(0, 2 * sizeof(GroupId)));
}

std::optional<GroupId> ParseId(std::string_view hex) {
  GroupId id{};
  if (hex.size() != 2 * id.size()) return std::nullopt;
  for (size_t i = 0; i < id.size(); ++i) {
    const char* digits = hex.data() + 2 * i;
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(digits, digits + 2, byte, 16);
    if (error != std::errc() || end != digits + 2) return std::nullopt;
    id.at(i) = static_cast<char>(byte);
  }
  return id;
}

std::string HexOf(const GroupId& id) { return ToHex(std::string_view(id.data(), id.size())); }

std::string EncodeReplicaSnapshot(const std::string& members, std::string_view state) {
  std::string bytes(kSnapshotMagic);
  const auto length = static_cast<uint32_t>(members.size());
  bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
  bytes += members;
  bytes += state;
  return bytes;
}

Result<ReplicaSnapshot> DecodeReplicaSnapshot(std::string_view bytes) {
  uint32_t length = 0;
  const size_t head = kSnapshotMagic.size() + sizeof length;
  if (bytes.size() >= head && bytes.starts_with(kSnapshotMagic)) {
    std::memcpy(&length, bytes.data() + kSnapshotMagic.size(), sizeof length);
    if (length <= bytes.size() - head)
      return ReplicaSnapshot{std::string(bytes.substr(head, length)), bytes.substr(head + length)};
  }
  return Fail(ErrorCode::kDataLoss, "a snapshot of the coordinator's state does not begin as one; restore the state "
                                    "directory from a copy");
}

}  // namespace mr::coordinator
