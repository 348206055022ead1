// Messages between members: what goes in comes out, and nothing else does.
#include "coordinator/replica/peer_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "common/base/random.h"

namespace mr::coordinator {
namespace {

using ::testing::HasSubstr;

PeerMessage Envelope(PeerBody body) {
  PeerMessage message;
  message.group.fill('g');
  message.disk.fill('d');
  message.from = {1};
  message.to = {2};
  message.body = std::move(body);
  return message;
}

template <class Body>
PeerBody OfRaft(Body body) {
  return raft::Message{{1}, {2}, {7}, std::move(body)};
}

std::vector<PeerMessage> OneOfEachKind() {
  raft::AppendRequest append{{4}, {3}, {}, {2}};
  append.entries.push_back(std::make_shared<raft::Entry>(raft::Entry{{5}, {7}, raft::EntryKind::kCommand, "payload"}));
  append.entries.push_back(std::make_shared<raft::Entry>(raft::Entry{{6}, {7}, raft::EntryKind::kNoOp, ""}));
  std::vector<PeerMessage> all;
  for (PeerBody body :
       {OfRaft(raft::VoteRequest{true, false, {9}, {6}}), OfRaft(raft::VoteResponse{false, true}), OfRaft(append),
        OfRaft(raft::AppendResponse{{4}, true, {6}, {0}, {0}}), OfRaft(raft::Heartbeat{{5}, 11}),
        OfRaft(raft::HeartbeatResponse{11}), OfRaft(raft::SnapshotPart{{{9}, {6}}, 5, 100, 42, std::string("\0data", 5)}),
        OfRaft(raft::SnapshotResponse{{{9}, {6}}, 10, true}), OfRaft(raft::TimeoutNow{}),
        PeerBody(PeerHello{"tcp://a:4610", {{3}, 7}}), PeerBody(PluginOffer{"abc", true}), PeerBody(PluginAsk{"abc", 1 << 20}),
        PeerBody(PluginPart{"abc", 300, 100, "bytes"})})
    all.push_back(Envelope(std::move(body)));
  return all;
}

TEST(PeerMessage, EachKind_SurvivesTheWay) {
  for (const PeerMessage& message : OneOfEachKind()) {
    const std::string bytes = EncodePeerMessage(message);
    const auto decoded = DecodePeerMessage(bytes);
    ASSERT_TRUE(decoded.has_value()) << decoded.error().text;
    EXPECT_EQ(decoded->group, message.group);
    EXPECT_EQ(decoded->disk, message.disk);
    EXPECT_EQ(decoded->from, message.from);
    EXPECT_EQ(decoded->to, message.to);
    EXPECT_EQ(decoded->body.index(), message.body.index());
    EXPECT_EQ(EncodePeerMessage(*decoded), bytes) << "every field";
  }
}

TEST(PeerMessage, Fields_AreWhatTheyWere) {
  const auto all = OneOfEachKind();
  const auto message = std::get<raft::Message>(DecodePeerMessage(EncodePeerMessage(all[2]))->body);
  EXPECT_EQ(message.term, raft::Term{7});
  EXPECT_EQ(message.from, raft::NodeId{1});
  const auto& append = std::get<raft::AppendRequest>(message.body);
  EXPECT_EQ(append.prev_index, raft::Index{4});
  EXPECT_EQ(append.commit, raft::Index{2});
  ASSERT_EQ(append.entries.size(), 2u);
  EXPECT_EQ(*append.entries[0], (raft::Entry{{5}, {7}, raft::EntryKind::kCommand, "payload"}));
  EXPECT_EQ(append.entries[1]->kind, raft::EntryKind::kNoOp);
}

// Damage of any single byte, and every cut, is noticed.
TEST(PeerMessage, Damage_IsRefused) {
  for (const PeerMessage& message : OneOfEachKind()) {
    const std::string bytes = EncodePeerMessage(message);
    for (size_t i = 0; i < bytes.size(); ++i) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x40);
      EXPECT_FALSE(DecodePeerMessage(damaged).has_value()) << "byte " << i;
      EXPECT_FALSE(DecodePeerMessage(std::string_view(bytes).substr(0, i)).has_value()) << "cut at " << i;
    }
    EXPECT_FALSE(DecodePeerMessage(bytes + "x").has_value());
  }
}

TEST(PeerMessage, Strangers_AreToldApart) {
  EXPECT_THAT(DecodePeerMessage("GET / HTTP/1.1").error().text, HasSubstr("shorter than its head"));
  EXPECT_THAT(DecodePeerMessage(std::string(200, 'x')).error().text, HasSubstr("no message of a coordinator's member"));
  std::string newer = EncodePeerMessage(OneOfEachKind().front());
  newer[4] = 9;
  EXPECT_EQ(DecodePeerMessage(newer).error().code, ErrorCode::kUnsupported);
}

// Random bytes behind a right head and checksum: refused or understood, never more.
TEST(PeerMessage, Garbage_DoesNoHarm) {
  Random random(5);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = EncodePeerMessage(OneOfEachKind()[random.Below(13)]);
    for (uint64_t flips = 1 + random.Below(4); flips > 0; --flips)
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Next());
    (void)DecodePeerMessage(bytes);
  }
}

}  // namespace
}  // namespace mr::coordinator
