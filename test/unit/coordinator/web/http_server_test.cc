#include "coordinator/web/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <nlohmann/json.hpp>

#include "coordinator/web/json.h"

namespace mr::coordinator {
namespace {

std::shared_ptr<Snapshot> MakeSnapshot() {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->unix_ms = 1'700'000'000'000;
  snapshot->cluster.version = "1.2.3";
  wire::WorkerView worker;
  worker.name = "w1";
  worker.alive = true;
  worker.slots = 4;
  worker.busy = 1;
  snapshot->cluster.workers.push_back(worker);
  wire::JobView job;
  job.id = JobId{7};
  job.name = "<script>\xff";
  job.state = wire::JobState::kRunning;
  job.map.total = 3;
  job.map.done = 1;
  snapshot->jobs.push_back(job);
  snapshot->replica.leader = 1;
  wire::TaskView task;
  task.id = {JobId{7}, Phase::kMap, 2};
  snapshot->tasks[JobId{7}] = std::make_shared<const TaskList>(TaskList{task});
  return snapshot;
}

class HttpServerTest : public testing::Test {
 protected:
  void SetUp() override {
    server_ = HttpServer::Start({"127.0.0.1", 0}).value();
    client_ = std::make_unique<httplib::Client>(server_->url());
  }
  httplib::Result Get(const std::string& path) { return client_->Get(path.c_str()); }
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<httplib::Client> client_;
};

TEST_F(HttpServerTest, Ready_OnlyAfterTheFirstSnapshot) {
  EXPECT_EQ(Get("/readyz")->status, 503);
  EXPECT_EQ(Get("/healthz")->status, 200);
  auto nobody_leads = MakeSnapshot();
  nobody_leads->replica.leader = 0;
  server_->Publish(std::move(nobody_leads));
  EXPECT_EQ(Get("/readyz")->status, 503);
  server_->Publish(MakeSnapshot());
  EXPECT_EQ(Get("/readyz")->status, 200);
  EXPECT_TRUE(server_->TakeInterest());
  EXPECT_FALSE(server_->TakeInterest());
}

TEST_F(HttpServerTest, Api_ServesTheSnapshot) {
  server_->Publish(MakeSnapshot());
  const auto jobs = nlohmann::json::parse(Get("/api/v1/jobs")->body);
  EXPECT_EQ(jobs["jobs"][0]["id"], "j7");
  EXPECT_EQ(jobs["jobs"][0]["phases"]["map"]["done"], 1);
  EXPECT_EQ(nlohmann::json::parse(Get("/api/v1/jobs/j7")->body)["state"], "running");
  EXPECT_EQ(nlohmann::json::parse(Get("/api/v1/jobs/j7/tasks")->body)["tasks"][0]["id"], "j7-m2");
  EXPECT_EQ(nlohmann::json::parse(Get("/api/v1/workers")->body)["workers"][0]["name"], "w1");
  EXPECT_EQ(nlohmann::json::parse(Get("/api/v1/cluster")->body)["slots_total"], 4);
  EXPECT_EQ(Get("/api/v1/jobs/j8")->status, 404);
  EXPECT_EQ(Get("/api/v1/jobs/x")->status, 404);
  EXPECT_EQ(Get("/nothing")->status, 404);
}

TEST_F(HttpServerTest, Page_LoadsNothingFromElsewhere) {
  const auto page = Get("/");
  EXPECT_EQ(page->status, 200);
  EXPECT_THAT(page->get_header_value("Content-Security-Policy"),
              testing::HasSubstr("default-src 'self'"));
  const auto script = Get("/app.js");
  EXPECT_THAT(script->body, testing::Not(testing::HasSubstr("innerHTML")));
}

TEST_F(HttpServerTest, ForeignHostHeader_IsRefused) {
  const httplib::Headers headers{{"Host", "evil.example"}};
  EXPECT_EQ(client_->Get("/api/v1/jobs", headers)->status, 403);
}

TEST_F(HttpServerTest, PortInUse_IsRefusedNamingIt) {
  const int port = std::stoi(server_->url().substr(server_->url().rfind(':') + 1));
  const auto second = HttpServer::Start({"127.0.0.1", port});
  ASSERT_FALSE(second.has_value());
  EXPECT_THAT(second.error().text, testing::HasSubstr(std::to_string(port)));
}

TEST(MetricsText, Snapshot_IsPrometheusText) {
  const std::string text = MetricsText(*MakeSnapshot());
  EXPECT_THAT(text, testing::HasSubstr("mr_jobs{state=\"running\"} 1\n"));
  EXPECT_THAT(text, testing::HasSubstr("mr_slots{state=\"free\"} 3\n"));
  EXPECT_THAT(text, testing::HasSubstr("mr_tasks{phase=\"map\",state=\"waiting\"} 2\n"));
}

}  // namespace
}  // namespace mr::coordinator
