// Who the members are, and what tells their disks apart.
#include "coordinator/replica/group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/replica/disk_book.h"
#include "test/support/memory_env.h"

namespace mr::coordinator {
namespace {

using ::testing::HasSubstr;

constexpr const char* kThree = "2=tcp://b:4620,1=tcp://a:4620,3=ipc:///run/m3#abc";

TEST(Group, Parse_GivesMembersByNumber) {
  const auto group = ParseGroup(kThree);
  ASSERT_TRUE(group.has_value()) << group.error().text;
  EXPECT_EQ(ToString(*group), "1=tcp://a:4620,2=tcp://b:4620,3=ipc:///run/m3#abc");
  EXPECT_EQ(*ParseGroup(ToString(*group)), *group);
  EXPECT_EQ(group->Find({2})->endpoint, "tcp://b:4620");
  EXPECT_EQ(group->Find({4}), nullptr);
  EXPECT_FALSE(group->alone());
}

TEST(Group, Parse_RefusesWhatIsNoGroup) {
  const auto text = [](const std::string& peers) { return ParseGroup(peers).error().text; };
  EXPECT_THAT(text("tcp://a:1,tcp://b:1,tcp://c:1"), HasSubstr("'tcp://a:1' is not NUMBER=ENDPOINT; write --peers 1="));
  EXPECT_THAT(text("0=tcp://a:1,2=tcp://b:1,3=tcp://c:1"), HasSubstr("'0=tcp://a:1' is not NUMBER=ENDPOINT"));
  EXPECT_THAT(text("1=tcp://a:1,1=tcp://b:1,3=tcp://c:1"), HasSubstr("member 1 is named twice"));
  EXPECT_THAT(text("1=tcp://a:1,2=tcp://a:1,3=tcp://c:1"), HasSubstr("tcp://a:1 is named twice"));
  EXPECT_THAT(text("1=tcp://a:1,2=tcp://b:0,3=tcp://c:1"), HasSubstr("member 2 needs a port"));
  EXPECT_THAT(text("1=tcp://a:1,2=tcp://b:1"), HasSubstr("2 members: a group has 3"));
  EXPECT_THAT(text("1=a,2=b,3=c"), HasSubstr("--peers 1=a,2=b,3=c"));
}

TEST(Group, Id_IsTheSameForEqualGroupsOnly) {
  const Group group = *ParseGroup(kThree);
  const GroupId id = GroupIdOf("blue", group, "");
  EXPECT_EQ(id, GroupIdOf("blue", *ParseGroup(ToString(group)), ""));
  EXPECT_NE(id, GroupIdOf("red", group, ""));
  EXPECT_NE(id, GroupIdOf("blue", group, HexOf(id))) << "what was made from it is another group";
  EXPECT_EQ(HexOf(id).size(), 32u);
}

TEST(Group, Snapshot_CarriesTheMembers) {
  const std::string bytes = EncodeReplicaSnapshot("1=tcp://a:1", "state");
  const auto decoded = DecodeReplicaSnapshot(bytes);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->members, "1=tcp://a:1");
  EXPECT_EQ(decoded->state, "state");
  EXPECT_EQ(DecodeReplicaSnapshot("state").error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(DecodeReplicaSnapshot(std::string_view(bytes).substr(0, 14)).error().code, ErrorCode::kDataLoss);
}

TEST(DiskBook, Admit_RemembersTheFirstDisk) {
  mr::test::MemoryEnv env;
  ASSERT_TRUE(env.CreateDirectories("/m"));
  EXPECT_EQ(DiskBook::Open(env, "/m").error().code, ErrorCode::kDataLoss);
  ASSERT_TRUE(DiskBook::Create(env, "/m"));
  DiskId first{}, second{};
  first.fill('a');
  second.fill('b');
  DiskId own{};
  {
    const auto book = DiskBook::Open(env, "/m");
    ASSERT_TRUE(book.has_value()) << book.error().text;
    own = (*book)->own();
    EXPECT_NE(own, DiskId{});
    EXPECT_TRUE(*(*book)->Admit({2}, first));
    EXPECT_TRUE(*(*book)->Admit({2}, first));
    EXPECT_FALSE(*(*book)->Admit({2}, second)) << "it has lost its disk";
    EXPECT_TRUE(*(*book)->Admit({3}, second));
  }
  const auto again = DiskBook::Open(env, "/m");
  ASSERT_TRUE(again.has_value()) << again.error().text;
  EXPECT_EQ((*again)->own(), own);
  EXPECT_FALSE(*(*again)->Admit({2}, second));
  EXPECT_TRUE(*(*again)->Admit({3}, second));
}

}  // namespace
}  // namespace mr::coordinator
