#include "common/net/leader_finder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/base/random.h"

namespace mr::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::vector<std::string> kThree = {"tcp://a:1", "tcp://b:1", "tcp://c:1"};

class LeaderFinderTest : public ::testing::Test {
 protected:
  LeaderFinder Make(std::vector<std::string> endpoints, uint64_t seed = 1) {
    random_ = Random(seed);
    return LeaderFinder(std::move(endpoints), [this](uint64_t bound) { return random_.Below(bound); });
  }
  static std::string Another(const std::string& than, const std::string& and_than = "") {
    for (const std::string& one : kThree) {
      if (one != than && one != and_than) return one;
    }
    return "";
  }
  Duration Wait(const LeaderFinder& finder) const { return finder.ask_at() - now_; }

  Random random_{1};
  Time now_{seconds(100)};
};

TEST_F(LeaderFinderTest, FirstAskedIsAnyOfTheList) {
  std::set<std::string> first;
  for (uint64_t seed = 1; seed < 50; ++seed) first.insert(Make(kThree, seed).current());
  EXPECT_EQ(first.size(), 3u);
}

TEST_F(LeaderFinderTest, HintIsFollowedAtOnce) {
  auto finder = Make(kThree);
  const std::string leader = Another(finder.current());
  finder.OnNotLeader(leader, 5, now_);
  EXPECT_EQ(finder.current(), leader);
  EXPECT_EQ(Wait(finder), Duration::zero());
}

TEST_F(LeaderFinderTest, LeaderThatIsNotInTheListIsFollowedToo) {
  auto finder = Make({"tcp://a:1"});
  finder.OnNotLeader("tcp://d:1", 5, now_);
  EXPECT_EQ(finder.current(), "tcp://d:1");
  finder.OnSilence();
  EXPECT_EQ(finder.current(), "tcp://a:1");
}

TEST_F(LeaderFinderTest, HintWithoutAKeyGetsTheOneInTheList) {
  const std::string key(40, 'k'), other(40, 'o');
  auto finder = Make({"tcp://a:1#" + key, "tcp://b:1#" + other});
  const bool at_a = finder.current().starts_with("tcp://a");
  finder.OnNotLeader(at_a ? "tcp://b:1" : "tcp://a:1", 5, now_);
  EXPECT_EQ(finder.current(), at_a ? "tcp://b:1#" + other : "tcp://a:1#" + key);
  const std::string of_current = at_a ? other : key;
  finder.OnNotLeader("tcp://d:1", 5, now_);  // unknown: one key file for everybody
  EXPECT_EQ(finder.current(), "tcp://d:1#" + of_current);
}

TEST_F(LeaderFinderTest, HintOfAnOlderTermIsNotFollowed) {
  auto finder = Make(kThree);
  const std::string first = finder.current();
  const std::string second = Another(first);
  finder.OnNotLeader(second, 5, now_);
  finder.OnNotLeader(first, 4, now_);
  EXPECT_EQ(finder.current(), Another(first, second));
}

TEST_F(LeaderFinderTest, AnswersMakeOlderHintsStaleToo) {
  auto finder = Make(kThree);
  const std::string first = finder.current();
  ASSERT_TRUE(finder.OnAnswer(9));
  finder.OnSilence();
  const std::string second = finder.current();
  finder.OnNotLeader(first, 8, now_);
  EXPECT_EQ(finder.current(), Another(first, second));
}

// Members that have not noticed its death yet go on naming it.
TEST_F(LeaderFinderTest, WhoWasSilentIsNotAskedAgainBecauseOthersNameIt) {
  auto finder = Make(kThree);
  const std::string first = finder.current();
  ASSERT_TRUE(finder.OnAnswer(9));
  finder.OnSilence();
  const std::string second = finder.current();
  finder.OnNotLeader(first, 9, now_);
  EXPECT_EQ(finder.current(), Another(first, second));
  finder.OnNotLeader(first, 10, now_);
  EXPECT_EQ(finder.current(), first) << "it leads anew";
}

TEST_F(LeaderFinderTest, MalformedHintIsIgnored) {
  auto finder = Make(kThree);
  finder.OnNotLeader("rubbish", 5, now_);
  EXPECT_THAT(kThree, testing::Contains(finder.current()));
}

TEST_F(LeaderFinderTest, TwoThatNameEachOtherAreNoLoop) {
  auto finder = Make(kThree);
  const std::string first = finder.current();
  const std::string second = Another(first);
  std::vector<std::string> asked;
  Duration waited{};
  for (int i = 0; i < 9; ++i) {
    asked.push_back(finder.current());
    finder.OnNotLeader(finder.current() == first ? second : first, 5, now_);
    waited += Wait(finder);
  }
  EXPECT_THAT(asked, testing::Contains(Another(first, second)));
  EXPECT_GE(waited, milliseconds(50));
}

TEST_F(LeaderFinderTest, RoundWithoutALeaderIsFollowedByAPauseThatGrows) {
  auto finder = Make(kThree);
  std::vector<Duration> pauses;
  for (int round = 0; round < 10; ++round) {
    std::set<std::string> asked;
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(i == 0 || Wait(finder) == Duration::zero());
      asked.insert(finder.current());
      finder.OnNotLeader("", 5, now_);
    }
    EXPECT_EQ(asked.size(), 3u);
    pauses.push_back(Wait(finder));
    now_ = finder.ask_at();
  }
  EXPECT_GE(pauses.front(), milliseconds(25));
  EXPECT_LE(pauses.front(), milliseconds(50));
  EXPECT_GE(pauses.back(), milliseconds(250));
  EXPECT_LE(pauses.back(), milliseconds(500));
}

TEST_F(LeaderFinderTest, AnswerEndsTheBackOff) {
  auto finder = Make(kThree);
  for (int i = 0; i < 30; ++i) finder.OnNotLeader("", 5, now_);
  ASSERT_TRUE(finder.OnAnswer(6));
  for (int i = 0; i < 3; ++i) finder.OnNotLeader("", 6, now_);
  EXPECT_LE(Wait(finder), milliseconds(50));
}

TEST_F(LeaderFinderTest, SilenceIsTheNextOnesTurnWithoutAPause) {
  auto finder = Make(kThree);
  std::set<std::string> asked;
  for (int i = 0; i < 3; ++i) {
    asked.insert(finder.current());
    finder.OnSilence();
    EXPECT_LE(finder.ask_at(), now_);
  }
  EXPECT_EQ(asked.size(), 3u);
}

TEST_F(LeaderFinderTest, OneAloneIsAskedAgain) {
  auto finder = Make({"tcp://a:1"});
  finder.OnSilence();
  EXPECT_EQ(finder.current(), "tcp://a:1");
  finder.OnNotLeader("", 3, now_);
  EXPECT_EQ(finder.current(), "tcp://a:1");
  EXPECT_GT(finder.ask_at(), now_);
}

TEST_F(LeaderFinderTest, AnswerOfADeposedLeaderIsNotBelieved) {
  auto finder = Make(kThree);
  EXPECT_TRUE(finder.OnAnswer(6));
  EXPECT_FALSE(finder.OnAnswer(5));
  EXPECT_TRUE(finder.OnAnswer(6));
}

// It may have campaigned in vain, behind a cut: the leader of the older term still leads.
TEST_F(LeaderFinderTest, TermThatNobodyLeadsDoesNotSilenceTheLeader) {
  auto finder = Make(kThree);
  finder.OnNotLeader("", 8, now_);
  EXPECT_TRUE(finder.OnAnswer(7));
}

TEST(EndpointsText, NamesAllWithoutKeys) {
  EXPECT_EQ(EndpointsText({"tcp://a:1"}), "tcp://a:1");
  EXPECT_EQ(EndpointsText({"tcp://a:1#" + std::string(40, 'k'), "tcp://b:1", "tcp://c:1"}),
            "tcp://a:1, tcp://b:1 or tcp://c:1");
}

}  // namespace
}  // namespace mr::net
