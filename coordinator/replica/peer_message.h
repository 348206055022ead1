// What members of a group send each other, in bytes. Each message is whole and checked by itself: any may be lost,
// doubled, late, or come from a group or a disk that is no part of this one. Layout: FORMAT.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/result.h"
#include "coordinator/raft/core/messages.h"
#include "coordinator/replica/group.h"

namespace mr::coordinator {

// Drawn when a member's directory is made: a member whose disk was lost and made anew is another one.
using DiskId = std::array<char, 16>;

// How many workers were alive, and the leader who counted them. Term 0: nobody knows.
struct WorkerCount {
  raft::Term counted_in{};
  uint32_t alive = 0;
  friend bool operator==(const WorkerCount&, const WorkerCount&) = default;
};
// "I am here", now and then.
struct PeerHello {
  std::string client_endpoint;  // where workers and clients reach the sender; without a key
  WorkerCount workers;          // the newest count that the sender knows
};
// "I have this plugin; do you?"
struct PluginOffer {
  std::string sha256;
  bool answer = false;  // to an offer, or after a fetch: nothing is asked
};
// "Send me this plugin from this byte on."
struct PluginAsk {
  std::string sha256;
  uint64_t offset = 0;
};
struct PluginPart {
  std::string sha256;
  uint64_t total_bytes = 0;
  uint64_t offset = 0;
  std::string bytes;
};

// raft::Message first; its from, to are those of the envelope.
using PeerBody = std::variant<raft::Message, PeerHello, PluginOffer, PluginAsk, PluginPart>;

struct PeerMessage {
  GroupId group{};
  DiskId disk{};  // the sender's
  raft::NodeId from;
  raft::NodeId to;
  PeerBody body;
};

std::string EncodePeerMessage(const PeerMessage& message);
// Errors: kInvalidArgument saying what is wrong; kUnsupported for another version.
Result<PeerMessage> DecodePeerMessage(std::string_view bytes);

}  // namespace mr::coordinator
