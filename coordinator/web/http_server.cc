#include "coordinator/web/http_server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <optional>
#include <thread>

#include "common/base/mutex.h"
#include "common/base/strings.h"
#include "coordinator/web/json.h"
#include "coordinator/web/page.h"

namespace mr::coordinator {
namespace {

constexpr size_t kThreads = 4;
constexpr size_t kMaxBody = 64u << 10;
constexpr const char* kJson = "application/json";

bool IsLocalName(const std::string& host) {
  return host == "localhost" || host == "::1" || host == "[::1]" || host.starts_with("127.");
}

// The host of a Host header, without its port.
std::string HostOf(const std::string& header) {
  if (header.starts_with('[')) return header.substr(0, header.find(']') + 1);
  return header.substr(0, header.find(':'));
}

}  // namespace

struct HttpServer::Impl {
  httplib::Server server;
  std::string url;
  bool local = true;  // bound to loopback: only local names may reach it
  std::thread thread;
  std::atomic<bool> asked{false};
  Mutex mutex;  // held for a pointer copy only
  std::shared_ptr<const Snapshot> snapshot MR_GUARDED_BY(mutex) = std::make_shared<const Snapshot>();

  std::shared_ptr<const Snapshot> Newest() {
    asked.store(true, std::memory_order_relaxed);
    const MutexLock lock(mutex);
    return snapshot;
  }

  void Configure();
  void Route();
  void ServeFile(const std::string& path, std::string_view body, const char* type);
  void ServeJson(const std::string& path, std::string (*make)(const Snapshot&), const char* type);
  void ServeJob(const std::string& pattern,
                std::optional<std::string> (*make)(const Snapshot&, JobId));
};

void HttpServer::Impl::Configure() {
  server.new_task_queue = [] {
    return new httplib::ThreadPool(kThreads);
  };  // the library deletes it
  server.set_keep_alive_max_count(16);
  server.set_keep_alive_timeout(2);
  server.set_read_timeout(3);
  server.set_write_timeout(3);
  server.set_payload_max_length(kMaxBody);
  // The library's default adds SO_REUSEPORT, with which two coordinators would share a port without
  // a word.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  server.set_default_headers(
      {{"Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'"},
       {"X-Content-Type-Options", "nosniff"},
       {"Referrer-Policy", "no-referrer"},
       {"Cache-Control", "no-cache"}});
  // A foreign web page must not reach a loopback server through a DNS name of its own.
  server.set_pre_routing_handler([this](const httplib::Request& request,
                                        httplib::Response& response) {
    if (!local || IsLocalName(HostOf(request.get_header_value("Host")))) {
      return httplib::Server::HandlerResponse::Unhandled;
    }
    response.status = 403;
    response.set_content(ErrorJson("forbidden", "this server answers to local names only"), kJson);
    return httplib::Server::HandlerResponse::Handled;
  });
  server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (!response.body.empty()) return;
    response.set_content(
        ErrorJson(StrCat("http_", response.status), "there is nothing here; see /api/v1/jobs"),
        kJson);
  });
}

void HttpServer::Impl::ServeFile(const std::string& path, std::string_view body, const char* type) {
  server.Get(path, [body, type](const httplib::Request&, httplib::Response& response) {
    response.set_content(body.data(), body.size(), type);
  });
}

void HttpServer::Impl::ServeJson(const std::string& path, std::string (*make)(const Snapshot&),
                                 const char* type) {
  server.Get(path, [this, make, type](const httplib::Request&, httplib::Response& response) {
    response.set_content(make(*Newest()), type);
  });
}

void HttpServer::Impl::ServeJob(const std::string& pattern,
                                std::optional<std::string> (*make)(const Snapshot&, JobId)) {
  server.Get(pattern, [this, make](const httplib::Request& request, httplib::Response& response) {
    const Result<JobId> job = ParseJobId(request.matches[1].str());
    std::optional<std::string> body;
    if (job) body = make(*Newest(), *job);
    if (!body) {
      response.status = 404;
      body = ErrorJson("not_found",
                       StrCat("there is no job ", Printable(request.matches[1].str(), 40)));
    }
    response.set_content(*body, kJson);
  });
}

void HttpServer::Impl::Route() {
  ServeFile("/", kPageHtml, "text/html; charset=utf-8");
  ServeFile("/app.js", kPageScript, "text/javascript; charset=utf-8");
  ServeFile("/app.css", kPageStyle, "text/css; charset=utf-8");
  ServeJson("/api/v1/cluster", ClusterJson, kJson);
  ServeJson("/api/v1/jobs", JobsJson, kJson);
  ServeJson("/api/v1/workers", WorkersJson, kJson);
  ServeJob(R"(/api/v1/jobs/([A-Za-z0-9]{1,24}))", JobJson);
  ServeJob(R"(/api/v1/jobs/([A-Za-z0-9]{1,24})/tasks)", TasksJson);
  ServeJson("/metrics", MetricsText, "text/plain; version=0.0.4; charset=utf-8");
  ServeFile("/healthz", "ok\n", "text/plain");
  server.Get("/readyz", [this](const httplib::Request&, httplib::Response& response) {
    const bool ready = Newest()->unix_ms != 0;
    if (!ready) response.status = 503;
    response.set_content(ready ? "ready\n" : "starting\n", "text/plain");
  });
}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& host, int port) {
  auto impl = std::make_unique<Impl>();
  impl->local = IsLocalName(host);
  impl->Configure();
  impl->Route();
  const int bound = port == 0 ? impl->server.bind_to_any_port(host.c_str())
                              : (impl->server.bind_to_port(host.c_str(), port) ? port : -1);
  if (bound < 0) {
    return Fail(ErrorCode::kAlreadyExists,
                StrCat("cannot listen on ", host, ":", port,
                       " for the status page: the address is in use or not this machine's; "
                       "give another --http or --http off"));
  }
  const bool is_ipv6 = host.find(':') != std::string::npos;
  impl->url = StrCat("http://", is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", ":", bound);
  impl->thread = std::thread([server = &impl->server] { server->listen_after_bind(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() {
  // stop() before listen_after_bind() has begun would be forgotten.
  while (!impl_->server.is_running()) std::this_thread::yield();
  impl_->server.stop();
  impl_->thread.join();
}

void HttpServer::Publish(std::shared_ptr<const Snapshot> snapshot) {
  const MutexLock lock(impl_->mutex);
  impl_->snapshot = std::move(snapshot);
}

bool HttpServer::TakeInterest() { return impl_->asked.exchange(false, std::memory_order_relaxed); }

const std::string& HttpServer::url() const { return impl_->url; }

}  // namespace mr::coordinator
