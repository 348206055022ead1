#include "worker/web/status_server.h"

#include "common/base/mutex.h"
#include "common/base/strings.h"

namespace mr::worker {
namespace {

constexpr Duration kStuckAfter = std::chrono::seconds(10);

}  // namespace

struct StatusServer::Impl {
  Mutex mutex;  // held for a pointer copy only
  std::shared_ptr<const WorkerStatus> status MR_GUARDED_BY(mutex) =
      std::make_shared<const WorkerStatus>();
  Time published_at MR_GUARDED_BY(mutex) = SystemClock().Read().mono;
  std::unique_ptr<http::Server> server;  // the last member: its threads use the others

  std::shared_ptr<const WorkerStatus> Newest() {
    const MutexLock lock(mutex);
    return status;
  }
  Duration Age() {
    const MutexLock lock(mutex);
    return SystemClock().Read().mono - published_at;
  }
};

http::Response Health(Duration age) {
  if (age <= kStuckAfter) return {200, http::kPlainText, "ok\n"};
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(age).count();
  return {503, http::kPlainText,
          StrCat("the worker's loop has not turned for ", seconds, " s\n")};
}

http::Response Readiness(const WorkerStatus& status) {
  if (!status.registered) return {503, http::kPlainText, "not registered with a coordinator\n"};
  if (!status.takes_work) return {503, http::kPlainText, status.state + "\n"};
  return {200, http::kPlainText, "ready\n"};
}

Result<std::unique_ptr<StatusServer>> StatusServer::Start(const http::Address& address) {
  auto impl = std::make_unique<Impl>();
  Impl* raw = impl.get();
  http::Site site;
  site.routes = {
      {"/",
       [raw](const std::string&) -> http::Response {
         return {200, http::kPlainText, StatusText(*raw->Newest())};
       }},
      {"/metrics",
       [raw](const std::string&) -> http::Response {
         return {200, http::kMetricsText, MetricsText(*raw->Newest())};
       }},
      {"/healthz",
       [raw](const std::string&) { return Health(raw->Age()); }},
      {"/readyz", [raw](const std::string&) { return Readiness(*raw->Newest()); }},
  };
  site.refusal = [](int status) -> http::Response {
    if (status == 403) return {403, http::kPlainText, "this server answers to local names only\n"};
    return {status, http::kPlainText, "there is nothing here; see / and /metrics\n"};
  };
  MR_ASSIGN_OR_RETURN(impl->server, http::Server::Start(address, std::move(site)));
  return std::unique_ptr<StatusServer>(new StatusServer(std::move(impl)));
}

StatusServer::StatusServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StatusServer::~StatusServer() = default;

void StatusServer::Publish(std::shared_ptr<const WorkerStatus> status) {
  const MutexLock lock(impl_->mutex);
  impl_->status = std::move(status);
  impl_->published_at = SystemClock().Read().mono;
}

const std::string& StatusServer::url() const { return impl_->server->url(); }

}  // namespace mr::worker
