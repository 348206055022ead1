// Messages between members of a replicated coordinator (coordinator/replica/FORMAT.md), with length and checksum made
// right, so that what is behind them is reached.
#include <cstring>
#include <memory>

#include "common/base/logging.h"
#include "coordinator/raft/crc32c.h"
#include "coordinator/replica/peer_message.h"
#include "test/fuzz/fuzz.h"

namespace mr::fuzz {
namespace {

using namespace mr::coordinator;

constexpr size_t kHeadBytes = 72;

std::string Message(raft::Message message) {
  PeerMessage peer;
  peer.from = {1};
  peer.to = {2};
  peer.body = std::move(message);
  return EncodePeerMessage(peer);
}
std::string Other(PeerBody body) {
  PeerMessage peer;
  peer.from = {1};
  peer.to = {2};
  peer.body = std::move(body);
  return EncodePeerMessage(peer);
}

}  // namespace

void OneInput(std::string_view bytes) {
  (void)DecodePeerMessage(bytes);
  if (bytes.size() < kHeadBytes) return;
  std::string sealed(bytes);
  const auto length = static_cast<uint32_t>(sealed.size() - kHeadBytes);
  std::memcpy(sealed.data() + 64, &length, sizeof length);
  const uint32_t crc = raft::Crc32c(std::string_view(sealed).substr(kHeadBytes), raft::Crc32c(std::string_view(sealed).substr(0, 68)));
  std::memcpy(sealed.data() + 68, &crc, sizeof crc);
  const auto message = DecodePeerMessage(sealed);
  if (!message) return;
  const std::string again = EncodePeerMessage(*message);
  CHECK_EQ(again.size(), sealed.size());
  CHECK(std::string_view(again).substr(kHeadBytes) == std::string_view(sealed).substr(kHeadBytes));
}

std::vector<std::string> Seeds() {
  raft::AppendRequest append{{4}, {3}, {}, {2}};
  append.entries.push_back(std::make_shared<raft::Entry>(raft::Entry{{5}, {7}, raft::EntryKind::kCommand, "payload"}));
  return {Message({{1}, {2}, {7}, raft::VoteRequest{true, false, {9}, {6}}}),
          Message({{1}, {2}, {7}, append}),
          Message({{1}, {2}, {7}, raft::AppendResponse{{4}, false, {0}, {3}, {2}}}),
          Message({{1}, {2}, {7}, raft::SnapshotPart{{{9}, {6}}, 5, 100, 42, "data"}}),
          Other(PeerHello{"tcp://a:4610", {{2}, 3}}),
          Other(PluginOffer{"abc", true}),
          Other(PluginPart{"abc", 300, 100, "bytes"})};
}

}  // namespace mr::fuzz
