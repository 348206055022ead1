// The coordinator as commands see it: connect once, ask, send plugins and jobs.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/io/env.h"
#include "common/net/client.h"
#include "submit/settings.h"

namespace mr::submit {

class Cluster {
 public:
  // The endpoint that the settings name (default tcp://127.0.0.1:4610). Returns at once but for
  // file:PATH, which waits for the file as long as --connect-timeout.
  static Result<std::unique_ptr<Cluster>> Connect(const Settings& settings);
  static Result<std::unique_ptr<Cluster>> ConnectTo(const std::string& endpoint, Duration timeout);

  // The answer, or an error: kTimeout with the sentence for the user, kCancelled when
  // `interrupt_fd` is readable.
  template <class R>
  Result<R> Ask(wire::RequestBody body, int interrupt_fd = -1) {
    Result<R> answer = client_->Ask<R>(std::move(body), timeout_, interrupt_fd);
    if (!answer && answer.error().code == ErrorCode::kTimeout) return Fail(Unreachable());
    return answer;
  }

  // The newest state of `job` (0: my newest job), waiting up to wait_ms for something newer than
  // `since`.
  Result<wire::JobView> Watch(JobId job, uint64_t since, uint32_t wait_ms, int interrupt_fd = -1);
  // "j42", or "last".
  Result<JobId> FindJob(const std::string& text);

  // Stores the plugin unless the coordinator has it.
  Status Upload(const std::string& sha256, std::string_view bytes, int interrupt_fd = -1);
  Result<std::string> Download(const std::string& sha256);

  const std::string& endpoint() const { return client_->endpoint(); }
  Duration timeout() const { return timeout_; }

 private:
  Cluster() = default;
  Error Unreachable() const;
  std::unique_ptr<net::NetContext> context_;
  std::unique_ptr<net::Client> client_;
  Duration timeout_{};
  bool encrypted_ = false;
};

std::string UserName();

}  // namespace mr::submit
