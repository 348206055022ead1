#include "submit/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/base/strings.h"
#include "common/io/env.h"
#include "submit/json_views.h"
#include "test/support/paths.h"

namespace mr::submit {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// Compares with test/golden/NAME; MR_REWRITE_GOLDEN=1 writes it instead, for review as a diff.
void ExpectGolden(const std::string& name, const std::string& text) {
  const std::string path = StrCat(MR_SOURCE_DIR, "/test/golden/", name);
  if (std::getenv("MR_REWRITE_GOLDEN") != nullptr) {
    ASSERT_TRUE(WriteFileAtomically(PosixEnv(), path, text).has_value());
  }
  const Result<std::string> wanted = ReadWholeFile(PosixEnv(), path);
  ASSERT_TRUE(wanted.has_value()) << wanted.error().text;
  EXPECT_EQ(text, *wanted) << "rewrite with MR_REWRITE_GOLDEN=1";
}

wire::JobView Totals() {
  wire::JobView job;
  job.id = JobId{43};
  job.name = "totals";
  job.job_name = "totals";
  job.plugin_name = "join.so";
  job.output_dir = "/data/out/totals";
  job.submitted_unix_ms = 1'700'000'000'000;
  job.ended_unix_ms = 1'700'000'006'100;
  job.input_bytes = 27'594'326'016;
  job.map = {412, 411, 0, 2, 0, 0, {600, 610, 2500}};
  job.reduce = {16, 0, 0, 0, 0, 0, {2900}};
  return job;
}

wire::JobView FailedTotals() {
  wire::JobView job = Totals();
  job.state = wire::JobState::kFailed;
  job.reason = "j43-m107 failed too often";
  wire::FailureReport report;
  report.attempt = AttemptId{TaskId{JobId{43}, Phase::kMap, 107}, 4, 1};
  report.worker_name = "node03";
  report.earlier_workers = {"node01", "node05", "node03"};
  report.attempts_failed = 4;
  report.same_record = true;
  wire::Failure& failure = report.failure;
  failure.cause = wire::FailureCause::kException;
  failure.type = "std::invalid_argument";
  failure.message = "not a number: 'n/a'";
  failure.function = "map";
  failure.input_path = "/data/orders/2025-11.tsv";
  failure.line_no = 1'402'117;
  failure.record_offset = 201'337'012;
  failure.record_no = 88'214;
  failure.excerpt = "o9913427\tu551\tn/a\t2025-11-19";
  failure.record_bytes = failure.excerpt.size();
  failure.log_tail =
      "09:14:02.118 I  88,000 records\n09:14:02.119 E  exception in map(): not a number: 'n/a'\n";
  job.failure = report;
  return job;
}

ReportContext Cluster() {
  ReportContext context;
  context.max_attempts = 4;
  context.output = "/data/out/totals";
  context.hints = true;
  context.build = {1, 0, "3f9c1b7e55aa00ff", 1'763'888'520'000};
  return context;
}

TEST(FailureReportText, Exception_Golden) {
  ExpectGolden("submit_failure_exception.txt", FailureReportText(FailedTotals(), Cluster()));
}

TEST(FailureReportText, SignalInBinaryRecord_Golden) {
  wire::JobView job = FailedTotals();
  wire::Failure& failure = job.failure->failure;
  failure.cause = wire::FailureCause::kSignal;
  failure.type = "SIGSEGV";
  failure.message = "read of address 0x10";
  failure.stack = {"Parser::field(int) at parser.cpp:88", "Totals::map at join.cpp:31"};
  failure.excerpt = std::string("o1\tu\xff\x00\x01", 7);
  failure.record_bytes = 2113;
  failure.line_no = 0;
  failure.log_tail.clear();
  ExpectGolden("submit_failure_signal.txt", FailureReportText(job, Cluster()));
}

TEST(FailureReportText, LongFrame_IsCutBeforeItsPlace) {
  wire::JobView job = FailedTotals();
  const std::string name = "Visits::map(" + std::string(200, 'x');
  job.failure->failure.stack = {name + ") at visits.cpp:88 (visits.so)", name + ") (visits.so)", name};
  const std::string text = FailureReportText(job, Cluster());
  EXPECT_THAT(text, ContainsRegex("stack    Visits::map\\(x+… at visits\\.cpp:88 \\(visits\\.so\\)\n"));
  EXPECT_THAT(text, ContainsRegex("         Visits::map\\(x+… \\(visits\\.so\\)\n"));
  EXPECT_THAT(text, ContainsRegex("         Visits::map\\(x+…\n"));
}

TEST(FailureReportText, Local_SuggestsNothingThatNeedsACluster) {
  ReportContext context = Cluster();
  context.local = true;
  const std::string text = FailureReportText(FailedTotals(), context);
  EXPECT_THAT(text, HasSubstr("local totals failed"));
  EXPECT_THAT(text, Not(HasSubstr("mrsubmit logs")));
}

TEST(FailureReportText, NoAttempt_SaysTheReason) {
  wire::JobView job = FailedTotals();
  job.failure.reset();
  EXPECT_THAT(FailureReportText(job, Cluster()),
              HasSubstr("totals failed in 0:06.1: j43-m107 failed too often\n"));
}

TEST(PausedReport, Text_SaysWhatToType) {
  wire::JobView job = FailedTotals();
  job.state = wire::JobState::kPaused;
  job.reason = "j43-m107 failed 4 times (--max-attempts 4): not a number";
  ReportContext context = Cluster();
  const std::string text = PausedReport(job, context);
  EXPECT_THAT(text, HasSubstr(" j43 totals is paused: j43-m107 failed 4 times"));
  EXPECT_THAT(text, HasSubstr("  error    std::invalid_argument: not a number: 'n/a'"));
  EXPECT_THAT(text, HasSubstr("411 map tasks finished, which is kept; nothing runs\n"));
  EXPECT_THAT(text, HasSubstr("mrsubmit set j43 plugin=NEW.so"));
  EXPECT_THAT(text, HasSubstr("mrsubmit kill j43\n"));
  context.endpoint = "ipc:///tmp/x";  // a job of run --local is reached by its private address
  EXPECT_THAT(PausedReport(job, context), HasSubstr("mrsubmit -c ipc:///tmp/x set j43"));
}

TEST(FailureReportText, Resume_IsOfferedOnlyWhileItWorks) {
  wire::JobView job = FailedTotals();
  EXPECT_THAT(FailureReportText(job, Cluster()), Not(HasSubstr("--resume")));
  job.kept_maps = 411;
  EXPECT_THAT(FailureReportText(job, Cluster()),
              HasSubstr("mrsubmit run --like j43 --resume PLUGIN -o /data/out/totals    after a fix that changes "
                        "nothing for them: 411 finished map tasks are reused\n"));
  job.state = wire::JobState::kKilled;
  EXPECT_THAT(KilledReport(job, Cluster()), HasSubstr("run --like j43 --resume -o "));
}

TEST(FailureReportText, SkipBadRecords_IsOfferedWhereARecordIsToBlame) {
  wire::JobView job = FailedTotals();
  const std::string hint = "mrsubmit run --like j43 --skip-bad-records 10 -o /data/out/totals    without such records\n";
  EXPECT_THAT(FailureReportText(job, Cluster()), Not(HasSubstr("--skip-bad-records"))) << "it may not be the record";
  job.failure->failure.at_record = true;
  EXPECT_THAT(FailureReportText(job, Cluster()), HasSubstr(hint));
  job.failure->same_record = false;
  EXPECT_THAT(FailureReportText(job, Cluster()), Not(HasSubstr("--skip-bad-records")));
  job.failure->failure.cause = wire::FailureCause::kBadRecord;
  EXPECT_THAT(FailureReportText(job, Cluster()), HasSubstr(hint));
  job.failure->failure.cause = wire::FailureCause::kFatal;
  EXPECT_THAT(FailureReportText(job, Cluster()), Not(HasSubstr("--skip-bad-records")));
}

TEST(EndReport, WhatWasLeftBehind_IsSaid) {
  wire::JobView job;
  job.id = JobId{43};
  job.state = wire::JobState::kKilled;
  job.output_dir = "/data/out";
  EXPECT_THAT(EndReport(job, Cluster()), HasSubstr("nothing of the job is left in /data/out"));
  job.left_behind = "no worker cleaned up in time; temporary files may remain in /data/out";
  EXPECT_THAT(EndReport(job, Cluster()), HasSubstr("; no worker cleaned up in time; temporary files may remain in /data/out"));
  EXPECT_THAT(EndReport(job, Cluster()), Not(HasSubstr("nothing of the job is left")));
}

TEST(SuccessReport, SkippedRecords_AreCountedAndFound) {
  wire::JobView job;
  job.id = JobId{43};
  job.output_dir = "/data/out";
  ReportContext context;
  EXPECT_THAT(SuccessReport(job, context), Not(HasSubstr("skipped")));
  job.counters["mr.skipped_records"] = 1;
  EXPECT_THAT(SuccessReport(job, context), HasSubstr("  skipped   1 bad record, listed in /data/out/_bad\n"));
  context.local = true;
  context.output = "out/";
  job.counters["mr.skipped_records"] = 1234;
  EXPECT_THAT(SuccessReport(job, context), HasSubstr("  skipped   1,234 bad records, listed in out/_bad\n"));
  context.output = "-";
  EXPECT_THAT(SuccessReport(job, context), HasSubstr("  skipped   1,234 bad records\n"));
}

TEST(SuccessReport, Cluster_Golden) {
  wire::JobView job = Totals();
  job.state = wire::JobState::kSucceeded;
  job.map.done = 412;
  job.shuffle.bytes_total = 5'580'000'000;
  job.files = {{"part-r-00000", 1000, 10, 0}, {"part-r-00001", 2000, 20, 0}};
  job.cpu_ms = 531'000;
  job.peak_memory_bytes = 612u << 20;
  job.counters = {{"words", 4'312'998'120}, {"lines_skipped", 17}, {"mr.output_records", 30}};
  ExpectGolden("submit_success.txt", SuccessReport(job, Cluster()));
  ReportContext local = Cluster();
  local.local = true;
  local.slots = 2;
  local.output = "out";
  EXPECT_THAT(SuccessReport(job, local),
              HasSubstr("✓ local totals succeeded in 0:06.1   412 map, 16 reduce tasks on 2 slots  "
                        " out/ 2 files, 2.9 KiB\n"));
}

TEST(SuccessReport, GivenUpTasks_AreSaid) {
  wire::JobView job = Totals();
  job.state = wire::JobState::kSucceeded;
  job.map.failed = 2;
  job.reason = "without 2 of 412 map tasks";
  EXPECT_THAT(SuccessReport(job, Cluster()), HasSubstr("  missing   without 2 of 412 map tasks\n"));
  ReportContext local = Cluster();
  local.local = true;
  EXPECT_THAT(SuccessReport(job, local), HasSubstr("  missing   without 2 of 412 map tasks\n"));
}

wire::JobView SmallLocalJob() {
  wire::JobView job = Totals();
  job.state = wire::JobState::kSucceeded;
  job.map = {3, 3, 0, 0, 0, 0, {30, 40, 50}};
  job.ended_unix_ms = job.submitted_unix_ms + 200;
  job.shuffle.bytes_total = 1 << 20;
  job.counters = {{"mr.map_output_bytes", 4 << 20}, {"mr.spills", 5}};
  job.cpu_ms = 120;
  return job;
}

ReportContext LocalRun() {
  ReportContext context = Cluster();
  context.local = true;
  context.slots = 2;
  context.output = "out";
  return context;
}

TEST(SuccessReport, LocalSmall_IsOneLineUnlessAskedForMore) {
  EXPECT_THAT(SuccessReport(SmallLocalJob(), LocalRun()), Not(HasSubstr("median")));
  ReportContext verbose = LocalRun();
  verbose.verbose = true;
  const std::string text = SuccessReport(SmallLocalJob(), verbose);
  EXPECT_THAT(text, HasSubstr("  map       3 tasks   median 0.04 s   p95 0.05 s   max 0.05 s\n"));
  EXPECT_THAT(text, HasSubstr("25.7 GiB read → 4.0 MiB mapped → 1.0 MiB shuffled (4.0× less) → 0 B written; 2 spills\n"));
  EXPECT_THAT(text, HasSubstr("  cost      0.1 s CPU\n"));
}

TEST(SuccessReport, LocalLarge_TellsAllAtATerminalOnly) {
  wire::JobView job = SmallLocalJob();
  job.ended_unix_ms = job.submitted_unix_ms + 60'000;
  EXPECT_THAT(SuccessReport(job, LocalRun()), HasSubstr("median"));
  ReportContext pipe = LocalRun();
  pipe.hints = false;
  EXPECT_THAT(SuccessReport(job, pipe), Not(HasSubstr("median")));
}

TEST(KilledReport, Text_HasReason) {
  wire::JobView job = Totals();
  job.state = wire::JobState::kKilled;
  job.reason = "killed by ada";
  EXPECT_THAT(EndReport(job, Cluster()),
              HasSubstr("j43 totals was killed after 0:06.1: killed by ada\n"));
}

TEST(EndReport, Ascii_WhenTheLocaleIsNotUtf8) {
  ReportContext context = Cluster();
  context.style.utf8 = false;
  EXPECT_THAT(FailureReportText(FailedTotals(), context), HasSubstr("FAIL j43 totals failed"));
}

TEST(ResultJson, Line_IsOneLineEvenForBinaryRecords) {
  wire::JobView job = FailedTotals();
  job.failure->failure.excerpt = "\xff\n\x01";
  const std::string line = ResultJson(job, 1, 1'700'000'000'000);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_THAT(
      line,
      HasSubstr(
          R"({"v":1,"type":"result","time":"2023-11-14T22:13:20.000Z","job":"j43","state":"failed","exit_code":1)"));
  EXPECT_THAT(line, HasSubstr(R"("code":"MR1001")"));
}

}  // namespace
}  // namespace mr::submit
