// How plugins' bytes get to every member of a group. They are too large for the log, so the log carries their names, and
// a member that applies a name fetches the bytes from whoever has them. A plugin is announced to the log only when a
// majority has its bytes: then no loss of a minority takes it away.
//
// One thread. Messages may be lost; what is missing is asked for again.
#pragma once

#include <map>
#include <set>
#include <string>

#include "common/base/clock.h"
#include "coordinator/replica/peer_links.h"
#include "coordinator/server/blob_store.h"

namespace mr::coordinator {

class PluginExchange {
 public:
  // All must outlive it.
  PluginExchange(BlobStore& blobs, PeerLinks& links, const Group& group, raft::NodeId self)
      : blobs_(blobs), links_(links), group_(group), self_(self) {}

  void On(raft::NodeId from, const PluginOffer& offer, Time now);
  void On(raft::NodeId from, const PluginAsk& ask, Time now);
  void On(raft::NodeId from, const PluginPart& part, Time now);
  void On(raft::NodeId /*from*/, const raft::Message& /*other*/, Time /*now*/) {}
  void On(raft::NodeId /*from*/, const PeerHello& /*other*/, Time /*now*/) {}

  // This member should have it; fetches it unless it is here.
  void Want(const std::string& sha256);
  // This member has it, and the others should.
  void Offer(const std::string& sha256, Time now);
  bool HeldByMajority(const std::string& sha256) const;
  // Nobody wants it any more.
  void Forget(const std::string& sha256);
  // Says again what got no answer.
  void Tick(Time now);
  bool busy() const { return !wanted_.empty() || !offered_.empty(); }

 private:
  struct Wanted {
    uint64_t offset = 0;
    raft::NodeId from;   // who was asked; 0: nobody yet
    Time asked_at{};
  };
  void Ask(const std::string& sha256, Wanted& wanted, raft::NodeId from, Time now);
  raft::NodeId NextSource(const std::string& sha256, raft::NodeId after) const;

  BlobStore& blobs_;
  PeerLinks& links_;
  const Group& group_;
  const raft::NodeId self_;
  std::map<std::string, std::set<raft::NodeId>> holders_;  // of the others
  std::map<std::string, Time> offered_;                    // not by a majority yet; when it was last said
  std::map<std::string, Wanted> wanted_;
};

}  // namespace mr::coordinator
