#include "submit/outage.h"

#include <gtest/gtest.h>

namespace mr::submit {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using Verdict = Outage::Verdict;

TEST(Outage, IsSaidAtOnceThenEverMoreRarelyThenGivenUp) {
  Outage outage(minutes(10));
  const Time began{seconds(1000)};
  int said = 0;
  Duration lasted{};
  for (;; lasted += seconds(10)) {
    const Verdict verdict = outage.OnSilence(began + lasted);
    if (verdict == Verdict::kGiveUp) break;
    said += verdict == Verdict::kSayAndTryAgain ? 1 : 0;
    ASSERT_TRUE(said > 0) << "the first silence is said";
    ASSERT_LE(lasted, minutes(11));
  }
  EXPECT_EQ(lasted, minutes(10));
  EXPECT_EQ(outage.Lasted(began + lasted), minutes(10));
  EXPECT_EQ(said, 5);  // after 0, 30, 90, 210 and 450 s
}

TEST(Outage, AnswerEndsItAndTheNextBeginsAnew) {
  Outage outage(minutes(1));
  const Time began{seconds(1000)};
  EXPECT_FALSE(outage.OnAnswer());
  EXPECT_EQ(outage.OnSilence(began), Verdict::kSayAndTryAgain);
  EXPECT_TRUE(outage.OnAnswer());
  EXPECT_FALSE(outage.OnAnswer());
  EXPECT_EQ(outage.OnSilence(began + minutes(5)), Verdict::kSayAndTryAgain);
}

TEST(Outage, LimitOfZeroGivesUpAtOnce) {
  EXPECT_EQ(Outage(Duration::zero()).OnSilence(Time{seconds(1)}), Verdict::kGiveUp);
}

}  // namespace
}  // namespace mr::submit
