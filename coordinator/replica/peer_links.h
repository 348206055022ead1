// The connections between members: one socket that takes what the others send, and two to each of them, so that a
// piece of a snapshot never stands before a heartbeat. Nothing here waits: what cannot leave at once is lost, and the
// log's protocol says it again.
//
// One thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/net/channel.h"
#include "common/net/data_channel.h"
#include "coordinator/replica/group.h"
#include "coordinator/replica/peer_message.h"

namespace mr::coordinator {

class PeerLinks {
 public:
  // Binds the endpoint of member `self`, connects to the others. Errors: as DataServer::Bind and DataChannel::Connect.
  static Result<std::unique_ptr<PeerLinks>> Open(net::NetContext& context, const Group& group, raft::NodeId self,
                                                 const GroupId& id, const DiskId& disk);

  // False: it could not leave.
  bool Send(raft::NodeId to, PeerBody body);
  void Broadcast(const PeerBody& body);
  // The next message to this member of this group, if any; others are dropped and counted.
  std::optional<PeerMessage> Receive();

  net::DataServer& server() { return *server_; }
  uint64_t dropped() const { return dropped_; }
  uint64_t unsent() const { return unsent_; }

 private:
  struct Peer {
    std::unique_ptr<net::DataChannel> control;
    std::unique_ptr<net::DataChannel> bulk;
  };
  PeerLinks(raft::NodeId self, const GroupId& id, const DiskId& disk) : self_(self), id_(id), disk_(disk) {}

  const raft::NodeId self_;
  const GroupId id_;
  const DiskId disk_;
  std::unique_ptr<net::DataServer> server_;
  std::map<raft::NodeId, Peer> peers_;
  uint64_t dropped_ = 0;
  uint64_t unsent_ = 0;
};

}  // namespace mr::coordinator
