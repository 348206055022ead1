// A small read-only HTTP server for status pages: GET only, four threads of its own, bounded in
// everything. The one room of cpp-httplib, which is included by http_server.cc alone.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/http/http_address.h"

namespace mr::http {

inline constexpr const char* kPlainText = "text/plain; charset=utf-8";
// Of the Prometheus text format.
inline constexpr const char* kMetricsText = "text/plain; version=0.0.4; charset=utf-8";

struct Response {
  int status = 200;
  std::string type = kPlainText;
  std::string body;
};

// `captured`: what the route's first parenthesis matched; empty without one. Runs on one of the
// server's threads, at the same time as others.
using Handler = std::function<Response(const std::string& captured)>;

struct Route {
  std::string pattern;  // a path, or a regular expression
  Handler handler;
};

struct Site {
  std::vector<Route> routes;
  // The body for a request that was not served; `status` is the HTTP status, 403 for a foreign Host.
  std::function<Response(int status)> refusal;
};

class Server {
 public:
  // Listens at once; port 0 picks one. Bound to loopback, it answers only to local names in the
  // Host header: a foreign web page must not reach it through a DNS name of its own. Errors:
  // kAlreadyExists when the address is in use or not this machine's.
  static Result<std::unique_ptr<Server>> Start(const Address& address, Site site);
  ~Server();  // stops and joins
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  const std::string& url() const;  // "http://127.0.0.1:4611"

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mr::http
