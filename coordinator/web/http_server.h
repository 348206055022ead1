// The status page, the read-only JSON API and the metrics, over HTTP.
//
// The server's own threads serve the newest published snapshot; the coordinator's loop never waits for them.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/http/http_server.h"
#include "coordinator/web/snapshot.h"

namespace mr::coordinator {

class HttpServer {
 public:
  // Listens at once; port 0 picks one. Errors: kAlreadyExists when the address is in use.
  static Result<std::unique_ptr<HttpServer>> Start(const http::Address& address);
  ~HttpServer();  // stops and joins
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // From the loop's thread.
  void Publish(std::shared_ptr<const Snapshot> snapshot);
  // Somebody has asked for something since the last call: fresh snapshots are worth their cost.
  bool TakeInterest();
  const std::string& url() const;  // "http://127.0.0.1:4611"

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mr::coordinator
