#include "common/http/http_server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <thread>

#include "common/base/strings.h"

namespace mr::http {
namespace {

constexpr size_t kThreads = 4;
constexpr size_t kMaxBody = 64u << 10;

// The host of a Host header, without its port.
std::string HostOf(const std::string& header) {
  if (header.starts_with('[')) return header.substr(0, header.find(']') + 1);
  return header.substr(0, header.find(':'));
}

void Answer(const Response& from, httplib::Response& to) {
  to.status = from.status;
  to.set_content(from.body, from.type.c_str());
}

}  // namespace

struct Server::Impl {
  httplib::Server server;
  std::string url;
  bool local = true;  // bound to loopback: only local names may reach it
  Site site;
  std::thread thread;

  void Configure();
  void AddRoutes();
};

void Server::Impl::Configure() {
  server.new_task_queue = [] {
    return new httplib::ThreadPool(kThreads);
  };  // the library deletes it
  server.set_keep_alive_max_count(16);
  server.set_keep_alive_timeout(2);
  server.set_read_timeout(3);
  server.set_write_timeout(3);
  server.set_payload_max_length(kMaxBody);
  // The library's default adds SO_REUSEPORT, with which two programs would share a port without a
  // word.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  server.set_default_headers(
      {{"Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'"},
       {"X-Content-Type-Options", "nosniff"},
       {"Referrer-Policy", "no-referrer"},
       {"Cache-Control", "no-cache"}});
  server.set_pre_routing_handler(
      [this](const httplib::Request& request, httplib::Response& response) {
        if (!local || IsLocalName(HostOf(request.get_header_value("Host")))) {
          return httplib::Server::HandlerResponse::Unhandled;
        }
        Answer(site.refusal(403), response);
        return httplib::Server::HandlerResponse::Handled;
      });
  server.set_error_handler([this](const httplib::Request&, httplib::Response& response) {
    if (response.body.empty()) Answer(site.refusal(response.status), response);
  });
}

void Server::Impl::AddRoutes() {
  for (const Route& route : site.routes) {
    server.Get(route.pattern,
               [&route](const httplib::Request& request, httplib::Response& response) {
                 const auto& matches = request.matches;
                 Answer(route.handler(matches.size() > 1 ? matches[1].str() : std::string()),
                        response);
               });
  }
}

Result<std::unique_ptr<Server>> Server::Start(const Address& address, Site site) {
  auto impl = std::make_unique<Impl>();
  impl->local = IsLocalName(address.host);
  impl->site = std::move(site);
  impl->Configure();
  impl->AddRoutes();
  const char* host = address.host.c_str();
  const int bound = address.port == 0
                        ? impl->server.bind_to_any_port(host)
                        : (impl->server.bind_to_port(host, address.port) ? address.port : -1);
  if (bound < 0) {
    return Fail(ErrorCode::kAlreadyExists,
                StrCat("cannot listen on ", address.host, ":", address.port,
                       " for the status page: the address is in use or not this machine's; "
                       "give another --http or --http off"));
  }
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  impl->url =
      StrCat("http://", is_ipv6 ? "[" : "", address.host, is_ipv6 ? "]" : "", ":", bound);
  impl->thread = std::thread([server = &impl->server] { server->listen_after_bind(); });
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  // stop() before listen_after_bind() has begun would be forgotten.
  while (!impl_->server.is_running()) std::this_thread::yield();
  impl_->server.stop();
  impl_->thread.join();
}

const std::string& Server::url() const { return impl_->url; }

}  // namespace mr::http
