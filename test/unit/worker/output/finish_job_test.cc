#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/io/env.h"
#include "test/support/fault_env.h"
#include "test/support/memory_env.h"
#include "test/unit/worker/output/output_test_util.h"
#include "worker/output/output_layout.h"

namespace mr::worker::test {
namespace {

using mr::test::Fault;
using mr::test::FaultCall;
using mr::test::FaultEnv;
using mr::test::MemoryEnv;

const Tree kOldContent{{"/out/_SUCCESS", "old manifest"},
                       {"/out/part-r-00000", "old 0\n"},
                       {"/out/part-r-00002", "old 2\n"},
                       {"/out/_bad/part-m-00001.jsonl", "left out then\n"},
                       {"/out/_bad/part-m-00003.jsonl", "left out then\n"},
                       {"/out/notes/read.me", "a directory of the user\n"}};
const Tree kNewContent{{"/out/_SUCCESS", "{\"job\": \"j42\"}"},
                       {"/out/part-r-00000", "new 0\n"},
                       {"/out/part-r-00001", "new 1\n"},
                       {"/out/_bad/part-m-00003.jsonl", "{\"record\": 7}\n"}};

// A job of two partitions whose tasks are all committed, with attempts that died on the way.
class Job {
 public:
  explicit Job(bool overwrite) : config_(MakeConfig("/out", overwrite)) {
    if (overwrite) {
      for (const auto& [path, content] : kOldContent) env_.Write(path, content);
    }
    // Published before it died, with an output that the next attempt does not have.
    EXPECT_TRUE(RunAttempt(env_, config_, MakeAttempt(0, 0), {{"", "new 0\n"}, {"lost", "x\n"}})
                    .has_value());
    for (const uint32_t partition : {0u, 1u}) {
      const std::string content = "new " + std::to_string(partition) + "\n";
      const auto files = RunAttempt(env_, config_, MakeAttempt(1, partition), {{"", content}});
      EXPECT_TRUE(files.has_value());
      files_.push_back(files->front());
    }
    abandoned_ = std::move(*WriteAttempt(env_, config_, MakeAttempt(3, 1), {{"", "zombie\n"}}));
  }

  MemoryEnv& env() { return env_; }
  Status Commit(Env& env) const { return FinishJob(env, JobId{42}, config_, WithBadRecords(Success(files_))); }
  Status Commit() { return Commit(env_); }
  Status Undo(Env& env) const { return FinishJob(env, JobId{42}, config_, WithBadRecords(Failure(files_))); }
  Status Undo() { return Undo(env_); }
  Tree content() { return env_.Tree("/out"); }
  const wire::JobConfig& config() const { return config_; }
  const std::vector<wire::OutputFile>& files() const { return files_; }

  // _SUCCESS vouches for all files of its own generation.
  void ExpectSuccessIsTrue() {
    const std::string success = env_.Read("/out/_SUCCESS");
    if (!env_.Exists("/out/_SUCCESS")) return;
    for (const auto& [path, content] : success == "old manifest" ? kOldContent : kNewContent) {
      EXPECT_EQ(env_.Read(path), content) << path;
    }
  }

 private:
  static wire::FinishWork WithBadRecords(wire::FinishWork work) {
    work.bad_records = {{"part-m-00003.jsonl", work.success ? "{\"record\": 7}\n" : ""}};
    return work;
  }

  MemoryEnv env_;
  wire::JobConfig config_;
  std::vector<wire::OutputFile> files_;
  std::unique_ptr<OutputWriter> abandoned_;
};

using Ending = Status (Job::*)(Env&) const;

uint64_t CountCalls(bool overwrite, Ending run) {
  Job job(overwrite);
  FaultEnv env(job.env());
  EXPECT_TRUE((job.*run)(env).has_value());
  return env.call_count();
}

// What a failed job leaves: nothing, or what was there before.
Tree Before(bool overwrite) { return overwrite ? kOldContent : Tree{}; }

TEST(FinishJob, Success_LeavesPartsAndManifestOnly) {
  for (const bool overwrite : {false, true}) {
    Job job(overwrite);
    ASSERT_TRUE(job.Commit().has_value());
    EXPECT_EQ(job.content(), kNewContent);
    ASSERT_TRUE(job.Commit().has_value());  // again
    EXPECT_EQ(job.content(), kNewContent);
  }
}

// The stages before have written to OUT/_stage1: that is no old content. What an earlier chain left is.
TEST(FinishJob, Success_OfTheLastStage_LeavesTheStagesBeforeIt) {
  MemoryEnv env;
  env.Write("/out/part-r-00000", "old\n");
  env.Write("/out/_stage1/part-r-00000", "between\n");
  env.Write("/out/_stage2/part-r-00000", "of an older, longer chain\n");
  wire::JobConfig config = MakeConfig("/out", true);
  config.stage = config.stages = 2;
  const auto files = RunAttempt(env, config, MakeAttempt(0), {{"", "new\n"}});
  ASSERT_TRUE(files.has_value());
  ASSERT_TRUE(FinishJob(env, JobId{42}, config, Success(*files)).has_value());
  EXPECT_EQ(env.Tree("/out"), (Tree{{"/out/_SUCCESS", "{\"job\": \"j42\"}"},
                                    {"/out/part-r-00000", "new\n"},
                                    {"/out/_stage1/part-r-00000", "between\n"}}));
}

TEST(FinishJob, Failure_LeavesWhatWasThereBefore) {
  for (const bool overwrite : {false, true}) {
    Job job(overwrite);
    ASSERT_TRUE(job.Undo().has_value());
    EXPECT_EQ(job.content(), Before(overwrite));
    ASSERT_TRUE(job.Undo().has_value());  // again
    EXPECT_EQ(job.content(), Before(overwrite));
  }
}

TEST(FinishJob, Failure_WithoutTheListOfFiles_KnowsWhatWasPublished) {
  Job job(false);
  ASSERT_TRUE(FinishJob(job.env(), JobId{42}, job.config(), Failure()).has_value());
  EXPECT_EQ(job.content(), Tree{});
}

TEST(FinishJob, Failure_KeepsADirectoryThatTheJobDidNotMake_AndFilesOfTheUser) {
  MemoryEnv env;
  const wire::JobConfig config = MakeConfig("/out");
  ASSERT_TRUE(env.CreateDirectories("/out").has_value());
  ASSERT_TRUE(RunAttempt(env, config, MakeAttempt(0), {{"", "x\n"}}).has_value());
  ASSERT_TRUE(FinishJob(env, JobId{42}, config, Failure()).has_value());
  EXPECT_EQ(env.Tree("/"), (Tree{{"/out/", ""}}));

  Job ours(false);
  ours.env().Write("/out/thesis.txt", "put here meanwhile");
  ASSERT_TRUE(ours.Undo().has_value());
  EXPECT_EQ(ours.content(), (Tree{{"/out/thesis.txt", "put here meanwhile"}}));
}

TEST(FinishJob, Failure_OfAJobThatWroteNothing_TouchesNothing) {
  MemoryEnv env;
  env.Write("/out/_SUCCESS", "of another job");
  ASSERT_TRUE(FinishJob(env, JobId{42}, MakeConfig("/out"), Failure()).has_value());
  ASSERT_TRUE(FinishJob(env, JobId{42}, MakeConfig("/none"), Failure()).has_value());
  EXPECT_EQ(env.Tree("/"), (Tree{{"/out/_SUCCESS", "of another job"}}));
}

TEST(FinishJob, Success_OfAJobWithoutTasks_WritesTheManifest) {
  for (const bool overwrite : {false, true}) {
    MemoryEnv env;
    if (overwrite) env.Write("/out/old", "old");
    const wire::JobConfig config = MakeConfig("/out", overwrite);
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(FinishJob(env, JobId{42}, config, Success({})).has_value());
      EXPECT_EQ(env.Tree("/"), (Tree{{"/out/_SUCCESS", Success({}).manifest_json}}));
    }
  }
}

TEST(FinishJob, Success_WithAMissingOrShortPart_IsRefusedAndWritesNoManifest) {
  Job job(false);
  job.env().Write("/out/part-r-00001", "new");
  EXPECT_EQ(job.Commit().error().code, ErrorCode::kDataLoss);
  ASSERT_TRUE(job.env().RemoveFile("/out/part-r-00001").has_value());
  EXPECT_EQ(job.Commit().error().code, ErrorCode::kDataLoss);
  EXPECT_FALSE(job.env().Exists("/out/_SUCCESS"));
}

TEST(FinishJob, Names_ThatLeaveTheDirectory_AreRefused) {
  MemoryEnv env;
  env.Write("/secret", "x");
  for (const char* name : {"../secret", "", ".millrace", "a/b"}) {
    wire::OutputFile file;
    file.name = name;
    EXPECT_EQ(FinishJob(env, JobId{42}, MakeConfig("/out"), Failure({file})).error().code,
              ErrorCode::kInvalidArgument);
  }
  EXPECT_TRUE(env.Exists("/secret"));
}

TEST(FinishJob, OtherJobsInTheSameDirectory_AreLeftAlone) {
  Job job(false);
  job.env().Write("/out/.millrace/j43/x", "busy");
  ASSERT_TRUE(job.Commit().has_value());
  Tree expected = kNewContent;
  expected["/out/.millrace/j43/x"] = "busy";
  EXPECT_EQ(job.content(), expected);
}

TEST(FinishJob, OnARealFileSystem_SwapsAndUndoes) {
  for (const bool success : {true, false}) {
    const std::string root = *CreateTemporaryDirectory(testing::TempDir() + "/mr-finish-");
    Env& env = PosixEnv();
    const wire::JobConfig config = MakeConfig(root, true);
    ASSERT_TRUE(WriteFileAtomically(env, root + "/part-r-00000", "old\n").has_value());
    ASSERT_TRUE(env.CreateDirectories(root + "/user/deep").has_value());
    const auto files = RunAttempt(env, config, MakeAttempt(0), {{"", "new\n"}});
    ASSERT_TRUE(files.has_value()) << files.error().text;
    const Status status =
        FinishJob(env, JobId{42}, config, success ? Success(*files) : Failure(*files));
    ASSERT_TRUE(status.has_value()) << status.error().text;
    EXPECT_EQ(*ReadWholeFile(env, root + "/part-r-00000"), success ? "new\n" : "old\n");
    EXPECT_EQ(*env.ListDirectory(root), success
                                            ? (std::vector<std::string>{"_SUCCESS", "part-r-00000"})
                                            : (std::vector<std::string>{"part-r-00000", "user"}));
    ASSERT_TRUE(env.RemoveTree(root).has_value());
  }
}

// A file system without renameat2 makes it of link and unlink; a crash in between leaves both names.
TEST(FinishJob, Success_AfterHalfARename_CompletesIt) {
  const std::string root = *CreateTemporaryDirectory(testing::TempDir() + "/mr-finish-");
  Env& env = PosixEnv();
  const wire::JobConfig config = MakeConfig(root, true);
  ASSERT_TRUE(WriteFileAtomically(env, root + "/part-r-00000", "old\n").has_value());
  const auto files = RunAttempt(env, config, MakeAttempt(0), {{"", "new\n"}});
  ASSERT_TRUE(files.has_value());
  const OutputLayout layout(JobId{42}, config);
  std::filesystem::create_hard_link(root + "/part-r-00000", layout.job + "/old/part-r-00000");
  const Status finished = FinishJob(env, JobId{42}, config, Success(*files));
  ASSERT_TRUE(finished.has_value()) << finished.error().text;
  EXPECT_EQ(*ReadWholeFile(env, root + "/part-r-00000"), "new\n");
  ASSERT_TRUE(env.RemoveTree(root).has_value());
}

// ---- crashes
// ------------------------------------------------------------------------------------------------------

struct Crash {
  Fault fault = Fault::kFail;
  bool power_loss = false;
};
const Crash kCrashes[] = {
    {Fault::kFail, false}, {Fault::kTorn, false}, {Fault::kFailAfter, false}, {Fault::kFail, true}};

TEST(FinishJob, Lesson06_CrashAtEveryCallOfSuccess_ThenAgain_EndsTheSame) {
  for (const bool overwrite : {false, true}) {
    const uint64_t calls = CountCalls(overwrite, &Job::Commit);
    for (const Crash& crash : kCrashes) {
      for (uint64_t call = 1; call <= calls; ++call) {
        SCOPED_TRACE(testing::Message() << "overwrite " << overwrite << " call " << call);
        Job job(overwrite);
        FaultEnv env(job.env());
        env.CrashAt(call, crash.fault);
        [[maybe_unused]] const Status cut_off = job.Commit(env);
        if (crash.power_loss) job.env().LosePower();
        job.ExpectSuccessIsTrue();
        const Status again = job.Commit();
        ASSERT_TRUE(again.has_value()) << again.error().text;
        ASSERT_EQ(job.content(), kNewContent);
      }
    }
  }
}

TEST(FinishJob, Lesson06_CrashAtEveryCallOfFailure_ThenAgain_EndsTheSame) {
  for (const bool overwrite : {false, true}) {
    const uint64_t calls = CountCalls(overwrite, &Job::Undo);
    for (const Crash& crash : kCrashes) {
      for (uint64_t call = 1; call <= calls; ++call) {
        SCOPED_TRACE(testing::Message() << "overwrite " << overwrite << " call " << call);
        Job job(overwrite);
        FaultEnv env(job.env());
        env.CrashAt(call, crash.fault);
        [[maybe_unused]] const Status cut_off = job.Undo(env);
        if (crash.power_loss) job.env().LosePower();
        const Status again = job.Undo();
        ASSERT_TRUE(again.has_value()) << again.error().text;
        Tree left = job.content();
        if (!overwrite) left.erase("/out/");  // the marker was gone, the directory not yet
        ASSERT_EQ(left, Before(overwrite));
      }
    }
  }
}

// The job commits and is cut off anywhere; then it is declared failed, and that is cut off anywhere
// too.
TEST(FinishJob, Lesson06_FailureAfterHalfASuccess_BringsTheOldContentBack) {
  const uint64_t commit_calls = CountCalls(true, &Job::Commit);
  for (uint64_t call = 1; call <= commit_calls; ++call) {
    for (uint64_t undo_call = 1;; ++undo_call) {
      SCOPED_TRACE(testing::Message()
                   << "success cut at " << call << ", failure cut at " << undo_call);
      Job job(true);
      FaultEnv env(job.env());
      env.CrashAt(call);
      [[maybe_unused]] const Status cut_off = job.Commit(env);
      FaultEnv undo_env(job.env());
      undo_env.CrashAt(undo_call);
      const Status undone = job.Undo(undo_env);
      job.ExpectSuccessIsTrue();
      const Status again = job.Undo();
      ASSERT_TRUE(again.has_value()) << again.error().text;
      // When even the old content had been removed, the job had succeeded.
      const bool too_late = call + 1 >= commit_calls;
      ASSERT_TRUE(job.content() == kOldContent || (too_late && job.content() == kNewContent));
      if (undone.has_value() && undo_env.call_count() < undo_call) break;
    }
  }
}

// ---- zombies
// ------------------------------------------------------------------------------------------------------

// Runs `first`, and inside it, before its call number `call`, all of `second`.
Status Interleave(Job& job, Ending first, uint64_t call, Ending second) {
  FaultEnv env(job.env());
  env.SetPlan([&](const FaultCall& now) {
    if (now.number == call) {
      [[maybe_unused]] const Status other = (job.*second)(job.env());
    }
    return Fault::kNone;
  });
  return (job.*first)(env);
}

TEST(FinishJob, Zombie_TwoSuccessesAtOnce_EndAsOne) {
  for (const bool overwrite : {false, true}) {
    const uint64_t calls = CountCalls(overwrite, &Job::Commit);
    for (uint64_t call = 1; call <= calls; ++call) {
      SCOPED_TRACE(testing::Message() << "overwrite " << overwrite << " call " << call);
      Job job(overwrite);
      [[maybe_unused]] const Status zombie = Interleave(job, &Job::Commit, call, &Job::Commit);
      ASSERT_TRUE(job.Commit().has_value());
      ASSERT_EQ(job.content(), kNewContent);
    }
  }
}

TEST(FinishJob, Zombie_TwoFailuresAtOnce_EndAsOne) {
  for (const bool overwrite : {false, true}) {
    const uint64_t calls = CountCalls(overwrite, &Job::Undo);
    for (uint64_t call = 1; call <= calls; ++call) {
      SCOPED_TRACE(testing::Message() << "overwrite " << overwrite << " call " << call);
      Job job(overwrite);
      [[maybe_unused]] const Status zombie = Interleave(job, &Job::Undo, call, &Job::Undo);
      ASSERT_TRUE(job.Undo().has_value());
      ASSERT_EQ(job.content(), Before(overwrite));
    }
  }
}

// Two runs of the same work, where one is cut off while the other sleeps: at every pair of places.
TEST(FinishJob, Zombie_AnotherRunCutOffInTheMiddle_EndsTheSame) {
  for (const auto& [ending, expected] : {std::pair<Ending, Tree>{&Job::Commit, kNewContent},
                                         std::pair<Ending, Tree>{&Job::Undo, kOldContent}}) {
    const uint64_t calls = CountCalls(true, ending);
    for (uint64_t call = 1; call <= calls; ++call) {
      for (uint64_t cut = 1; cut <= calls; ++cut) {
        SCOPED_TRACE(testing::Message() << "sleeps at " << call << ", the other is cut at " << cut);
        Job job(true);
        FaultEnv env(job.env());
        FaultEnv other(job.env());
        other.CrashAt(cut);
        env.SetPlan([&](const FaultCall& now) {
          if (now.number == call) {
            [[maybe_unused]] const Status cut_off = (job.*ending)(other);
          }
          return Fault::kNone;
        });
        [[maybe_unused]] const Status sleeper = (job.*ending)(env);
        job.ExpectSuccessIsTrue();
        const Status again = (job.*ending)(job.env());
        ASSERT_TRUE(again.has_value()) << again.error().text;
        ASSERT_EQ(job.content(), expected);
      }
    }
  }
}

// The coordinator gave up on the success and undid it, while the process was only slow.
TEST(FinishJob, Zombie_SuccessThatWakesUpAfterTheFailure_ChangesNothing) {
  for (const bool overwrite : {false, true}) {
    const uint64_t calls = CountCalls(overwrite, &Job::Commit);
    for (uint64_t call = 1; call <= calls; ++call) {
      SCOPED_TRACE(testing::Message() << "overwrite " << overwrite << " call " << call);
      Job job(overwrite);
      [[maybe_unused]] const Status zombie = Interleave(job, &Job::Commit, call, &Job::Undo);
      const bool too_late = overwrite && call + 1 >= calls;  // the old content had been removed
      Tree left = job.content();
      if (!overwrite) left.erase("/out/");  // the marker was gone, the directory not yet
      ASSERT_TRUE(left == Before(overwrite) || (too_late && left == kNewContent))
          << testing::PrintToString(left);
    }
  }
}

// A reduce attempt whose commit was granted and that sleeps anywhere in Publish while the whole job
// ends.
TEST(FinishJob, Zombie_AttemptThatWakesUpAfterTheEnd_PublishesNothing) {
  for (const bool overwrite : {false, true}) {
    for (const Ending end : {static_cast<Ending>(&Job::Commit), static_cast<Ending>(&Job::Undo)}) {
      bool ended = true;
      for (uint64_t call = 1; ended; ++call) {
        SCOPED_TRACE(testing::Message() << "overwrite " << overwrite << " call " << call);
        Job job(overwrite);
        FaultEnv env(job.env());
        auto zombie =
            WriteAttempt(env, job.config(), MakeAttempt(9, 1), {{"", "zombie\n"}, {"more", "x\n"}});
        ASSERT_TRUE(zombie.has_value());
        const uint64_t before = env.call_count();
        Tree finished;
        ended = false;
        env.SetPlan([&](const FaultCall& now) {
          if (now.number == before + call) {
            ended = (job.*end)(job.env()).has_value();
            finished = job.content();
          }
          return Fault::kNone;
        });
        [[maybe_unused]] const auto published = (*zombie)->Publish();
        zombie->reset();
        if (ended) {
          ASSERT_EQ(job.content(), finished);
        }
      }
    }
  }
}

}  // namespace
}  // namespace mr::worker::test
