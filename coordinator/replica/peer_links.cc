#include "coordinator/replica/peer_links.h"

#include <utility>

#include "common/base/logging.h"
#include "common/base/strings.h"
#include "common/net/endpoint.h"
#include "common/net/leader_finder.h"
#include "common/wire/control.h"

namespace mr::coordinator {
namespace {

// An entry is a record, and the largest record is what came in one request; some room for the rest.
constexpr uint64_t kMaxPeerBytes = wire::kMaxMessageBytes + (1u << 20);

bool IsBulk(const PeerBody& body) {
  if (const auto* message = std::get_if<raft::Message>(&body))
    return std::holds_alternative<raft::SnapshotPart>(message->body);
  return std::holds_alternative<PluginPart>(body);
}

}  // namespace

Result<std::unique_ptr<PeerLinks>> PeerLinks::Open(net::NetContext& context, const Group& group, raft::NodeId self,
                                                   const GroupId& id, const DiskId& disk) {
  std::unique_ptr<PeerLinks> links(new PeerLinks(self, id, disk));
  const std::string own = net::SplitServerKey(group.Find(self)->endpoint).endpoint;
  MR_ASSIGN_OR_RETURN(links->server_, net::DataServer::Bind(context, own, kMaxPeerBytes));
  // With encryption the members of a group have one key pair, unless an endpoint says otherwise.
  const std::string key = net::SplitServerKey(links->server_->endpoint()).server_key;
  for (const GroupMember& member : group.members) {
    if (member.node == self) continue;
    const std::string endpoint = net::WithKeyOf({}, member.endpoint, key);
    Peer& peer = links->peers_[member.node];
    MR_ASSIGN_OR_RETURN(peer.control, net::DataChannel::Connect(context, endpoint, kMaxPeerBytes));
    MR_ASSIGN_OR_RETURN(peer.bulk, net::DataChannel::Connect(context, endpoint, kMaxPeerBytes));
  }
  return links;
}

bool PeerLinks::Send(raft::NodeId to, PeerBody body) {
  const auto peer = peers_.find(to);
  if (peer == peers_.end()) return false;
  net::DataChannel& channel = IsBulk(body) ? *peer->second.bulk : *peer->second.control;
  if (channel.Send(EncodePeerMessage({id_, disk_, self_, to, std::move(body)}))) return true;
  ++unsent_;
  return false;
}

void PeerLinks::Broadcast(const PeerBody& body) {
  for (const auto& [node, peer] : peers_) (void)Send(node, body);
}

std::optional<PeerMessage> PeerLinks::Receive() {
  while (const auto incoming = server_->Receive()) {
    Result<PeerMessage> message = DecodePeerMessage(incoming->bytes);
    std::string why;
    if (!message) {
      why = message.error().text;
    } else if (message->group != id_) {
      why = StrCat("it comes from group ", HexOf(message->group), ", this one is ", HexOf(id_));
    } else if (message->to != self_ || !peers_.contains(message->from)) {
      why = StrCat("it is from ", message->from.value, " to ", message->to.value);
    } else {
      return std::move(*message);
    }
    ++dropped_;
    LOG_EVERY_N(WARNING, 100) << "a message to member " << self_.value << " was dropped: " << why;
  }
  return std::nullopt;
}

}  // namespace mr::coordinator
