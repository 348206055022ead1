// The judge is judged: histories that must be refused, others that must not, and all small ones against brute force.
#include "test/sim/linearizability.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "common/base/random.h"

namespace mr::test {
namespace {

using History = std::vector<Operation>;

Operation Op(OpKind kind, uint64_t called, uint64_t returned, uint64_t argument, uint64_t result,
             const std::string& key = "k") {
  return {kind, key, argument, called, returned, result};
}
Operation Submit(uint64_t called, uint64_t returned, uint64_t job, const std::string& key = "k") {
  return Op(OpKind::kSubmit, called, returned, 0, job, key);
}
Operation Kill(uint64_t called, uint64_t returned, bool existed) {
  return Op(OpKind::kKill, called, returned, 0, existed ? 1 : 0);
}
Operation Commit(uint64_t called, uint64_t returned, uint64_t attempt, uint64_t winner) {
  return Op(OpKind::kCommit, called, returned, attempt, winner);
}
Operation Status(uint64_t called, uint64_t returned, uint64_t result) {
  return Op(OpKind::kStatus, called, returned, 0, result);
}
Operation Swap(uint64_t called, uint64_t returned, uint64_t value, uint64_t before) {
  return Op(OpKind::kSwap, called, returned, value, before);
}
// No answer came: it may have happened, or not, or happen later.
Operation Unknown(OpKind kind, uint64_t called, uint64_t argument) {
  return {kind, "k", argument, called, kNever, std::nullopt};
}

TEST(Linearizability, RefusesBadHistories) {
  const std::map<std::string, History> bad = {
      {"stale read", {Submit(0, 1, 7), Status(2, 3, 0)}},
      {"stale read after a fresh one", {Submit(0, 10, 7), Status(1, 2, 7), Status(3, 4, 0)}},
      {"lost submission", {Submit(0, 1, 7), Kill(2, 3, false)}},
      {"two jobs for one request", {Submit(0, 1, 7), Submit(2, 3, 8)}},
      {"two jobs for one request at the same time", {Submit(0, 5, 7), Submit(1, 6, 8)}},
      {"one job for two requests", {Submit(0, 1, 7, "a"), Submit(2, 3, 7, "b")}},
      {"two winners", {Commit(0, 5, 1, 1), Commit(1, 6, 2, 2)}},
      {"winner that was not there yet", {Commit(0, 1, 1, 2), Commit(2, 3, 2, 2)}},
      {"winner that changes", {Commit(0, 1, 1, 1), Status(2, 3, 1), Status(4, 5, 2), Commit(4, 6, 2, 1)}},
      {"kill that is forgotten", {Submit(0, 1, 7), Kill(2, 3, true), Status(4, 5, 7)}},
      {"job before it was submitted", {Status(0, 1, 7), Submit(2, 3, 7)}},
      {"two that saw the same before them", {Swap(0, 1, 5, 0), Swap(2, 5, 6, 5), Swap(3, 6, 7, 5)}},
      {"swap that is undone", {Swap(0, 1, 5, 0), Swap(2, 3, 6, 5), Status(4, 5, 5)}},
      {"submission without an answer is seen, and then not",
       {Unknown(OpKind::kSubmit, 0, 0), Status(1, 2, 7), Status(3, 4, 0)}},
      {"submission without an answer is seen as two jobs",
       {Unknown(OpKind::kSubmit, 0, 0), Status(1, 2, 7), Status(3, 4, 8)}},
  };
  for (const auto& [name, history] : bad) {
    const Judgement judgement = Judge(history);
    EXPECT_EQ(judgement.verdict, Verdict::kNot) << name;
    EXPECT_NE(judgement.reason, "") << name;
  }
}

TEST(Linearizability, AcceptsGoodHistories) {
  const std::map<std::string, History> good = {
      {"nothing", {}},
      {"one after the other", {Submit(0, 1, 7), Status(2, 3, 7), Kill(4, 5, true), Status(6, 7, 7 | kKilledBit)}},
      {"read beside a submission: not yet", {Submit(0, 5, 7), Status(1, 2, 0), Status(6, 7, 7)}},
      {"read beside a submission: already", {Submit(0, 5, 7), Status(1, 2, 7)}},
      {"repeated submission", {Submit(0, 5, 7), Submit(1, 9, 7)}},
      {"one winner", {Commit(0, 5, 1, 2), Commit(1, 6, 2, 2), Status(7, 8, 2)}},
      {"unknown that happened", {Unknown(OpKind::kSwap, 0, 5), Swap(1, 2, 6, 5)}},
      {"unknown that did not", {Unknown(OpKind::kSwap, 0, 5), Swap(1, 2, 6, 0)}},
      {"unknown that happened late", {Unknown(OpKind::kSwap, 0, 5), Swap(1, 2, 6, 0), Status(3, 4, 6), Status(5, 6, 5)}},
      {"unknown submission", {Unknown(OpKind::kSubmit, 0, 0), Status(1, 2, 0), Status(3, 4, 7), Submit(5, 6, 7)}},
      {"touching at one instant", {Swap(0, 2, 5, 6), Swap(2, 3, 6, 0)}},
  };
  for (const auto& [name, history] : good) {
    const Judgement judgement = Judge(history);
    EXPECT_EQ(judgement.verdict, Verdict::kLinearizable) << name << ": " << judgement.reason;
  }
}

TEST(Linearizability, GivesUpWhenItIsTooHard) {
  History history;
  for (uint64_t i = 1; i <= 40; ++i) history.push_back(Swap(0, 100, i, i + 1000));
  EXPECT_EQ(Judge(history).verdict, Verdict::kNot);  // nobody can be the first
  history.clear();
  for (uint64_t i = 1; i <= 40; ++i) history.push_back(Unknown(OpKind::kSwap, 0, i));
  for (uint64_t i = 1; i <= 20; ++i) history.push_back(Swap(i, 1000, 1000 + i, i));
  history.push_back(Status(2000, 2001, 77));
  EXPECT_EQ(Judge(history, 10'000).verdict, Verdict::kTooHard);
}

// Every order that respects time, one after the other.
bool BruteForce(const History& history) {
  std::vector<size_t> order(history.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  do {
    uint64_t value = 0;
    bool fits = true;
    for (size_t i = 0; i < order.size() && fits; ++i) {
      const Operation& op = history[order[i]];
      for (size_t j = i + 1; j < order.size(); ++j) fits = fits && history[order[j]].returned_at >= op.called_at;
      fits = fits && *op.result == value;
      if (op.kind == OpKind::kSwap) value = op.argument;
    }
    if (fits) return true;
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

TEST(Linearizability, AgreesWithBruteForceOnSmallHistories) {
  Random random(17);
  int good = 0;
  for (int round = 0; round < 3000; ++round) {
    History history;
    const uint64_t size = 2 + random.Below(5);
    for (uint64_t i = 1; i <= size; ++i) {
      const uint64_t called = random.Below(20);
      const uint64_t returned = called + 1 + random.Below(12);
      const uint64_t seen = random.Below(std::min<uint64_t>(i + 1, 4));
      history.push_back(random.Chance(0.5) ? Swap(called, returned, i, seen) : Status(called, returned, seen));
    }
    const bool expected = BruteForce(history);
    good += expected ? 1 : 0;
    const Judgement judgement = Judge(history);
    ASSERT_EQ(judgement.verdict, expected ? Verdict::kLinearizable : Verdict::kNot) << round << judgement.reason;
  }
  EXPECT_GT(good, 100);
}

}  // namespace
}  // namespace mr::test
