#include "coordinator/web/http_server.h"

#include <atomic>
#include <optional>

#include "common/base/mutex.h"
#include "common/base/strings.h"
#include "coordinator/web/json.h"
#include "coordinator/web/page.h"

namespace mr::coordinator {
namespace {

constexpr const char* kJson = "application/json";

http::Response Refusal(int status) {
  if (status == 403)
    return {403, kJson, ErrorJson("forbidden", "this server answers to local names only")};
  return {status, kJson,
          ErrorJson(StrCat("http_", status), "there is nothing here; see /api/v1/jobs")};
}

}  // namespace

struct HttpServer::Impl {
  std::atomic<bool> asked{false};
  Mutex mutex;  // held for a pointer copy only
  std::shared_ptr<const Snapshot> snapshot MR_GUARDED_BY(mutex) = std::make_shared<const Snapshot>();
  std::unique_ptr<http::Server> server;  // the last member: its threads use the others

  std::shared_ptr<const Snapshot> Newest() {
    asked.store(true, std::memory_order_relaxed);
    const MutexLock lock(mutex);
    return snapshot;
  }

  http::Route File(const std::string& path, std::string_view body, const char* type);
  http::Route Json(const std::string& path, std::string (*make)(const Snapshot&), const char* type);
  http::Route Job(const std::string& pattern,
                  std::optional<std::string> (*make)(const Snapshot&, JobId));
  http::Site MakeSite();
};

http::Route HttpServer::Impl::File(const std::string& path, std::string_view body,
                                   const char* type) {
  return {path, [body, type](const std::string&) -> http::Response {
            return {200, type, std::string(body)};
          }};
}

http::Route HttpServer::Impl::Json(const std::string& path, std::string (*make)(const Snapshot&),
                                   const char* type) {
  return {path, [this, make, type](const std::string&) -> http::Response {
            return {200, type, make(*Newest())};
          }};
}

http::Route HttpServer::Impl::Job(const std::string& pattern,
                                  std::optional<std::string> (*make)(const Snapshot&, JobId)) {
  return {pattern, [this, make](const std::string& name) -> http::Response {
            const Result<JobId> job = ParseJobId(name);
            std::optional<std::string> body;
            if (job) body = make(*Newest(), *job);
            if (body) return {200, kJson, std::move(*body)};
            return {404, kJson,
                    ErrorJson("not_found", StrCat("there is no job ", Printable(name, 40)))};
          }};
}

http::Site HttpServer::Impl::MakeSite() {
  http::Site site;
  site.routes = {
      File("/", kPageHtml, "text/html; charset=utf-8"),
      File("/app.js", kPageScript, "text/javascript; charset=utf-8"),
      File("/app.css", kPageStyle, "text/css; charset=utf-8"),
      Json("/api/v1/cluster", ClusterJson, kJson),
      Json("/api/v1/jobs", JobsJson, kJson),
      Json("/api/v1/workers", WorkersJson, kJson),
      Job(R"(/api/v1/jobs/([A-Za-z0-9]{1,24}))", JobJson),
      Job(R"(/api/v1/jobs/([A-Za-z0-9]{1,24})/tasks)", TasksJson),
      Json("/metrics", MetricsText, http::kMetricsText),
      File("/healthz", "ok\n", http::kPlainText),
      {"/readyz",
       [this](const std::string&) -> http::Response {
         if (Newest()->unix_ms == 0) return {503, http::kPlainText, "starting\n"};
         if (Newest()->replica.leader == 0) return {503, http::kPlainText, "no leader is known\n"};
         return {200, http::kPlainText, "ready\n"};
       }},
  };
  site.refusal = Refusal;
  return site;
}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const http::Address& address) {
  auto impl = std::make_unique<Impl>();
  MR_ASSIGN_OR_RETURN(impl->server, http::Server::Start(address, impl->MakeSite()));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

void HttpServer::Publish(std::shared_ptr<const Snapshot> snapshot) {
  const MutexLock lock(impl_->mutex);
  impl_->snapshot = std::move(snapshot);
}

bool HttpServer::TakeInterest() { return impl_->asked.exchange(false, std::memory_order_relaxed); }

const std::string& HttpServer::url() const { return impl_->server->url(); }

}  // namespace mr::coordinator
