// What the MapReduce paper (Dean and Ghemawat, OSDI 2004) says about execution and faults, claim by claim, asked of the
// coordinator's core. The claims about the programming model are in mapreduce_paper_jobs_test.cc; those about speed, local
// runs and status pages are measured and run elsewhere (test/bench, test/system).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "test/unit/coordinator/support/script.h"

namespace mr::coordinator {
namespace {

using test::Script;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Paper : public testing::Test {
 protected:
  // Runs the lines; the answer of the last one.
  std::string Run(std::initializer_list<const char*> lines) {
    std::string last;
    for (const char* line : lines) last = script_.Run(line);
    return last;
  }
  // Two maps and a reduce; the maps are finished, the first by w1, the second by w2.
  void FinishMaps() {
    Run({"plugin", "submit maps=2 reducers=1", "register w1", "register w2", "work w1", "report w1 done=j1-m0.0",
         "work w2", "report w2 done=j1-m1.0"});
  }
  // Ten seconds in which only w2 is heard of.
  std::string LoseW1() { return Run({"advance 6s", "report w2", "advance 6s"}); }
  void TearDown() override { EXPECT_THAT(script_.invariants().problems(), IsEmpty()); }

  Script script_;
};

// 3.1: "The [coordinator] picks idle workers and assigns each one a map task or a reduce task."
TEST_F(Paper, S31_IdleWorkersAreGivenTasks) {
  Run({"plugin", "submit maps=2 reducers=1", "register w1", "register w2"});
  EXPECT_THAT(Run({"work w1"}), HasSubstr("assigned j1-m0.0 /in[0,100)"));
  EXPECT_THAT(Run({"work w2"}), HasSubstr("assigned j1-m1.0 /in[100,200)"));
}

// 3.1: "The locations of these buffered pairs on the local disk are passed back to the [coordinator], who is responsible for
// forwarding these locations to the reduce workers."
TEST_F(Paper, S31_ReduceWorkersHearWhereAllMapOutputsLie) {
  FinishMaps();
  EXPECT_THAT(Run({"work w1"}), HasSubstr("assigned j1-r0.0 partition 0 from j1-m0.0@w1 j1-m1.0@w2"));
}

// 3.1: "When all map tasks and reduce tasks have been completed, the [coordinator] wakes up the user program."
TEST_F(Paper, S31_TheUserProgramIsWokenAtTheEnd) {
  FinishMaps();
  Run({"work w1", "report w1 commit=j1-r0.0", "report w1 done=j1-r0.0", "work w1"});
  const uint64_t seen = script_.core().runs().at(JobId{1}).version;
  script_.Run("watch j1 wait=1s since=" + std::to_string(seen));
  EXPECT_THAT(Run({"report w1 done=j1-c0.0"}), HasSubstr("client< j1 succeeded"));
}

// 3.2: "For each map task and reduce task, it stores the state (idle, in-progress, or completed), and the identity of the
// worker machine."
TEST_F(Paper, S32_TheCoordinatorKnowsEachTasksStateAndWorker) {
  Run({"plugin", "submit maps=3 reducers=1", "register w1", "work w1", "report w1 done=j1-m0.0", "work w1"});
  const std::string tasks = Run({"tasks j1"});
  EXPECT_THAT(tasks, AllOf(HasSubstr("j1-m0 completed"), HasSubstr("j1-m1 running"), HasSubstr("j1-m2 pending"),
                           HasSubstr("w1")));
}

// 3.3: "The [coordinator] pings every worker periodically. If no response is received from a worker in a certain amount of time,
// the [coordinator] marks the worker as failed." "Any map task or reduce task in progress on a failed worker is also reset to idle
// and becomes eligible for rescheduling."
TEST_F(Paper, S33_TasksInProgressOnASilentWorkerAreRescheduled) {
  Run({"plugin", "submit maps=1 reducers=1", "register w1", "register w2", "work w1", "report w1 running=j1-m0.0"});
  LoseW1();
  EXPECT_THAT(Run({"work w2"}), HasSubstr("assigned j1-m0.1"));
}

// 3.3: "Completed map tasks are re-executed on a failure because their output is stored on the local disk(s) of the failed
// machine and is therefore inaccessible."
TEST_F(Paper, S33_CompletedMapsOfAFailedWorkerRunAgain) {
  FinishMaps();
  EXPECT_THAT(LoseW1(), HasSubstr("MapOutputLost j1-m0.0"));
  EXPECT_THAT(Run({"work w2"}), HasSubstr("assigned j1-m0.1"));
}

// 3.3: "Completed reduce tasks do not need to be re-executed since their output is stored in a global file system."
TEST_F(Paper, S33_CompletedReducesOfAFailedWorkerDoNot) {
  Run({"plugin", "submit maps=1 reducers=2", "register w1", "register w2", "work w2", "report w2 done=j1-m0.0",
       "work w1", "report w1 commit=j1-r0.0", "report w1 done=j1-r0.0"});
  LoseW1();
  EXPECT_THAT(Run({"work w2"}), HasSubstr("assigned j1-r1.0"));
  Run({"report w2 commit=j1-r1.0", "report w2 done=j1-r1.0"});
  EXPECT_THAT(Run({"jobs"}), HasSubstr("reduce 2/2"));
}

// 3.3: "When a map task is executed first by worker A and then later executed by worker B (because A failed), all workers
// executing reduce tasks are notified of the re-execution. Any reduce task that has not already read the data from worker A
// will read the data from worker B."
TEST_F(Paper, S33_ReducesReadWhatTheSecondExecutionWrote) {
  FinishMaps();
  Run({"work w2", "report w2 running=j1-r0.0"});  // it has not fetched everything
  LoseW1();
  EXPECT_THAT(Run({"report w2 running=j1-r0.0"}), HasSubstr("cancel [j1-r0.0]"));
  Run({"report w2 failed=j1-r0.0:cancelled", "work w2", "report w2 done=j1-m0.1"});
  EXPECT_THAT(Run({"work w2"}), HasSubstr("from j1-m0.1@w2 j1-m1.0@w2"));
}

// 3.3: "If the [coordinator] receives a completion message for an already completed map task, it ignores the message."
TEST_F(Paper, S33_ASecondCompletionOfAMapIsIgnored) {
  Run({"plugin", "submit maps=1 reducers=1", "register w1", "register w2", "work w1", "report w1 running=j1-m0.0"});
  LoseW1();
  Run({"work w2", "report w2 done=j1-m0.1", "register w1"});
  EXPECT_THAT(Run({"report w1 done=j1-m0.0"}), Not(HasSubstr("+ MapCompleted")));
  EXPECT_THAT(Run({"work w2"}), HasSubstr("from j1-m0.1@w2"));
}

// 3.3: "If the same reduce task is executed on multiple machines, multiple rename calls will be executed for the same final
// output file. We rely on the atomic rename operation […] to guarantee that the final file system state contains just the
// data produced by one execution." Here the coordinator decides whose.
TEST_F(Paper, S33_OneExecutionOfAReducePublishes) {
  Run({"plugin", "submit maps=1 reducers=1", "register w1", "register w2", "work w2", "report w2 done=j1-m0.0",
       "work w1", "report w1 commit=j1-r0.0"});
  LoseW1();
  Run({"work w2"});
  EXPECT_THAT(Run({"report w2 commit=j1-r0.1"}), HasSubstr("granted [j1-r0.1]"));
  Run({"register w1"});
  EXPECT_THAT(Run({"report w1 commit=j1-r0.0"}), HasSubstr("cancel [j1-r0.0]"));
  EXPECT_THAT(Run({"report w2 done=j1-r0.1"}), HasSubstr("+ ReduceCommitted j1-r0.1"));
}

// 3.3: "It is easy to make the [coordinator] write periodic checkpoints of the [coordinator] data structures described above. If the
// [coordinator] task dies, a new copy can be started from the last checkpointed state."
TEST_F(Paper, S33_ACoordinatorThatDiesGoesOnFromWhatItWrote) {
  FinishMaps();
  Run({"restart", "register w1 outputs=j1-m0.0@1", "register w2 outputs=j1-m1.0@1", "advance 4s"});
  EXPECT_THAT(Run({"work w1"}), HasSubstr("assigned j1-r0.0 partition 0 from j1-m0.0"));
}

// 3.5: "The [coordinator] must make O(M + R) scheduling decisions": a task is given out once while nothing fails.
TEST_F(Paper, S35_EachTaskIsScheduledOnce) {
  Run({"plugin", "submit maps=3 reducers=2", "register w1"});
  int assigned = 0;
  for (const char* task : {"m0", "m1", "m2"}) {
    assigned += Run({"work w1"}).find(std::string("assigned j1-") + task) != std::string::npos ? 1 : 0;
    script_.Run(std::string("report w1 done=j1-") + task + ".0");
  }
  for (const char* task : {"r0", "r1"}) {
    assigned += Run({"work w1"}).find(std::string("assigned j1-") + task) != std::string::npos ? 1 : 0;
    script_.Run(std::string("report w1 commit=j1-") + task + ".0");
    script_.Run(std::string("report w1 done=j1-") + task + ".0");
  }
  EXPECT_EQ(assigned, 5);
  EXPECT_THAT(Run({"jobs"}), AllOf(HasSubstr("map 3/3"), HasSubstr("reduce 2/2")));
}

}  // namespace
}  // namespace mr::coordinator
