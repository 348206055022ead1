#include "worker/web/worker_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include "worker/web/status_server.h"

namespace mr::worker {
namespace {

using ::testing::HasSubstr;

wire::AttemptOutcome Outcome(Phase phase, std::optional<wire::FailureCause> cause) {
  wire::AttemptOutcome outcome;
  outcome.attempt.task = {JobId{3}, phase, 1};
  outcome.counters = {{"mr.map_input_bytes", 100}, {"words", 7}};
  if (cause) outcome.failure.emplace().cause = *cause;
  return outcome;
}

WorkerStatus MakeStatus() {
  WorkerStatus status;
  status.name = "w\"1";
  status.version = "1.2.3";
  status.state = "serving";
  status.registered = status.takes_work = true;
  status.slots = 2;
  status.scratch = {{"/scratch", 5 << 20, 1 << 20, true}, {"/full", 1 << 10, 1 << 20, false}};
  status.cpu_ms = 1500;
  WorkerStatus::Attempt attempt;
  attempt.id = {{JobId{3}, Phase::kMap, 1}, 2, 0};
  attempt.pid = 17;
  attempt.function = "map";
  attempt.record_no = 1234;
  attempt.input = "/in/a.txt";
  attempt.memory_bytes = 64 << 20;
  status.attempts.push_back(attempt);
  return status;
}

TEST(WorkerStatus, Text_SaysWhatRuns) {
  const std::string text = StatusText(MakeStatus());
  EXPECT_THAT(text, HasSubstr("serving"));
  EXPECT_THAT(text, HasSubstr("1 of 2 busy"));
  EXPECT_THAT(text, HasSubstr("/scratch, 5.0 MiB free, 1.0 MiB kept in reserve\n"));
  EXPECT_THAT(text, HasSubstr("/full, 1.0 KiB free, 1.0 MiB kept in reserve: left out\n"));
  EXPECT_THAT(text, HasSubstr("j3-m1.2  process 17, in map(), record 1,234 of /in/a.txt"));
}

TEST(WorkerStatus, Metrics_ArePrometheusText) {
  const std::string text = MetricsText(MakeStatus());
  EXPECT_THAT(text, HasSubstr("mr_worker_running_attempts{phase=\"map\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("mr_worker_memory_used_bytes 67108864\n"));
  EXPECT_THAT(text, HasSubstr("mr_worker_scratch_free_bytes{path=\"/full\"} 1024\n"));
  EXPECT_THAT(text, HasSubstr("mr_worker_scratch_free_bytes{path=\"/scratch\"} 5242880\n"));
  EXPECT_THAT(text, HasSubstr("process_cpu_seconds_total 1.500\n"));
}

TEST(WorkerTotals, Add_CountsByResultAndSumsOnlyWhatCompleted) {
  WorkerStatus status;
  status.totals.Add(Outcome(Phase::kMap, std::nullopt));
  status.totals.Add(Outcome(Phase::kMap, wire::FailureCause::kException));
  status.totals.Add(Outcome(Phase::kReduce, wire::FailureCause::kMemory));
  const std::string text = MetricsText(status);
  EXPECT_THAT(text, HasSubstr("mr_worker_attempts_total{phase=\"map\",result=\"ok\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("mr_worker_attempts_total{phase=\"map\",result=\"user_error\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("mr_worker_attempts_total{phase=\"reduce\",result=\"oom\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("mr_worker_input_bytes_total 100\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("words")));
}

TEST(StatusServer, Routes) {
  const auto server = StatusServer::Start({"127.0.0.1", 0}).value();
  httplib::Client client(server->url());
  EXPECT_EQ(client.Get("/healthz")->status, 200);
  EXPECT_EQ(client.Get("/readyz")->status, 503);
  server->Publish(std::make_shared<const WorkerStatus>(MakeStatus()));
  EXPECT_EQ(client.Get("/readyz")->status, 200);
  EXPECT_THAT(client.Get("/")->body, HasSubstr("j3-m1.2"));
  EXPECT_THAT(client.Get("/metrics")->get_header_value("Content-Type"), HasSubstr("0.0.4"));
}

TEST(StatusServer, Health_ALoopThatStandsStillIsSick) {
  EXPECT_EQ(Health(std::chrono::seconds(9)).status, 200);
  EXPECT_EQ(Health(std::chrono::seconds(11)).status, 503);
}

TEST(StatusServer, Readiness_DrainingIsNotReady) {
  WorkerStatus status = MakeStatus();
  status.takes_work = false;
  status.state = "stopping";
  EXPECT_EQ(Readiness(status).status, 503);
  EXPECT_EQ(Readiness(status).body, "stopping\n");
}

}  // namespace
}  // namespace mr::worker
