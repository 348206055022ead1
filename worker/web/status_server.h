// mrworker's own small web server: its status in words, /metrics for Prometheus, /healthz and
// /readyz. Job pages are the coordinator's.
#pragma once

#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/http/http_server.h"
#include "worker/web/worker_status.h"

namespace mr::worker {

class StatusServer {
 public:
  // Listens at once. Errors: as http::Server::Start.
  static Result<std::unique_ptr<StatusServer>> Start(const http::Address& address);
  ~StatusServer();
  StatusServer(const StatusServer&) = delete;
  StatusServer& operator=(const StatusServer&) = delete;

  // From the loop's thread. Without news for 10 s, /healthz says that the loop is stuck.
  void Publish(std::shared_ptr<const WorkerStatus> status);
  const std::string& url() const;

 private:
  struct Impl;
  explicit StatusServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// "ok", or that the loop has not turned for `age`.
http::Response Health(Duration age);
http::Response Readiness(const WorkerStatus& status);

}  // namespace mr::worker
