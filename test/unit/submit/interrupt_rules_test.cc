#include "submit/interrupt_rules.h"

#include <gtest/gtest.h>

namespace mr::submit {
namespace {

const Time kStart = Time(std::chrono::hours(1));
const Event kCtrlC{EventKind::kInterrupt, 0};
const Event kTerm{EventKind::kTerminate, 0};
const Event kHup{EventKind::kHangup, 0};
Event Key(char key) { return {EventKind::kKey, key}; }

TEST(InterruptRules, Terminal_AskKillLeave) {
  InterruptRules rules({true, OnInterrupt::kAsk, false});
  EXPECT_EQ(rules.OnEvent(kCtrlC, kStart), Decision::kAsk);
  EXPECT_EQ(rules.OnEvent(kCtrlC, kStart), Decision::kKill);
  EXPECT_EQ(rules.OnEvent(kCtrlC, kStart), Decision::kLeave);
  EXPECT_EQ(rules.KilledExitCode(), 130);
}

TEST(InterruptRules, Question_DetachesAfter10Seconds) {
  InterruptRules rules({true, OnInterrupt::kAsk, false});
  rules.OnEvent(kCtrlC, kStart);
  EXPECT_EQ(rules.OnTime(kStart + std::chrono::milliseconds(9999)), Decision::kNothing);
  EXPECT_EQ(rules.OnTime(kStart + std::chrono::seconds(10)), Decision::kDetach);
}

TEST(InterruptRules, Question_KeysAnswer) {
  InterruptRules go_on({true, OnInterrupt::kAsk, false});
  go_on.OnEvent(kCtrlC, kStart);
  EXPECT_EQ(go_on.OnEvent(Key('x'), kStart), Decision::kNothing);
  EXPECT_EQ(go_on.OnEvent(Key('c'), kStart), Decision::kGoOn);
  EXPECT_EQ(go_on.OnTime(kStart + std::chrono::hours(1)), Decision::kNothing);
  EXPECT_EQ(go_on.OnEvent(Key('k'), kStart), Decision::kAsk);
  EXPECT_EQ(go_on.OnEvent(Key('k'), kStart), Decision::kKill);
  InterruptRules detach({true, OnInterrupt::kAsk, false});
  EXPECT_EQ(detach.OnEvent(Key('d'), kStart), Decision::kDetach);
}

TEST(InterruptRules, NoTerminal_KillsAndWaits10Seconds) {
  InterruptRules rules({false, OnInterrupt::kAsk, false});
  EXPECT_EQ(rules.OnEvent(kTerm, kStart), Decision::kKill);
  EXPECT_EQ(rules.KilledExitCode(), 143);
  EXPECT_EQ(rules.OnTime(kStart + std::chrono::seconds(9)), Decision::kNothing);
  EXPECT_EQ(rules.OnTime(kStart + std::chrono::seconds(10)), Decision::kLeave);
}

TEST(InterruptRules, Hangup_DetachesButNeverLocally) {
  InterruptRules cluster({false, OnInterrupt::kKill, false});
  InterruptRules local({false, OnInterrupt::kKill, true});
  EXPECT_EQ(cluster.OnEvent(kHup, kStart), Decision::kDetach);
  EXPECT_EQ(local.OnEvent(kHup, kStart), Decision::kKill);
}

TEST(InterruptRules, OnInterrupt_ChosenBeforehand) {
  InterruptRules kill({true, OnInterrupt::kKill, false});
  InterruptRules detach({false, OnInterrupt::kDetach, false});
  EXPECT_EQ(kill.OnEvent(kCtrlC, kStart), Decision::kKill);
  EXPECT_EQ(detach.OnEvent(kCtrlC, kStart), Decision::kDetach);
}

TEST(InterruptRules, Local_DetachKillsInstead) {
  InterruptRules rules({true, OnInterrupt::kAsk, true});
  EXPECT_EQ(rules.OnEvent(Key('d'), kStart), Decision::kNothing);
  EXPECT_EQ(rules.OnEvent(kCtrlC, kStart), Decision::kAsk);
  EXPECT_EQ(rules.OnEvent(Key('d'), kStart), Decision::kKill);
}

}  // namespace
}  // namespace mr::submit
