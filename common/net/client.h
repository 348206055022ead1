// What a client of the coordinator needs: find it, ask it, ask again when no answer came.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/net/channel.h"
#include "common/net/leader_finder.h"
#include "common/wire/control.h"

namespace mr::net {

// The rendezvous file: JSON, written atomically with mode 0600 by mrcoordinator --rendezvous.
struct Rendezvous {
  std::string control;  // tcp://n17:40113
  std::string http;     // or empty
  std::string cluster;
  std::string server_key;  // public key under --auth curve, or empty
  uint64_t pid = 0;
  int64_t started_unix_ms = 0;
};
Status WriteRendezvous(const std::string& path, const Rendezvous& rendezvous);
Result<Rendezvous> ReadRendezvous(const std::string& path);
// What RequestChannel::Connect takes: `control`, with #server_key behind it if there is one.
std::string KeyedControl(const Rendezvous& rendezvous);

// tcp://host:port and ipc://path stay as they are; file:PATH is read (the answer then carries the
// coordinator's key, if it has one), waiting up to `timeout` for the file to appear. Errors: kTimeout naming the file, kInvalidArgument for anything else.
Result<std::string> ResolveEndpoint(const std::string& endpoint, Duration timeout);
// The same for a list with commas: the members of a replicated coordinator. Of several rendezvous files those that are
// there by then are enough. Never empty.
Result<std::vector<std::string>> ResolveEndpoints(const std::string& endpoints, Duration timeout);

// Ask-and-wait, for programs that have nothing else to do meanwhile. Of a replicated coordinator it asks whoever leads.
// One thread.
class Client {
 public:
  // `context` must outlive it. Errors: as RequestChannel::Connect.
  static Result<std::unique_ptr<Client>> Connect(NetContext& context, std::vector<std::string> endpoints,
                                                 const std::string& cluster = "");

  // The answer to `body`, or: kTimeout (no answer; it may or may not have happened), or the
  // coordinator's own error. The request goes out again, with the same id, each time a try got no
  // answer. `interrupt_fd` (-1: none): when readable, gives up with kCancelled.
  Result<wire::ResponseBody> Call(wire::RequestBody body, Duration timeout, int interrupt_fd = -1);

  // Call, and take the one response type that fits; any other is kInternal.
  template <class R>
  Result<R> Ask(wire::RequestBody body, Duration timeout, int interrupt_fd = -1) {
    MR_ASSIGN_OR_RETURN(wire::ResponseBody response, Call(std::move(body), timeout, interrupt_fd));
    if (R* wanted = std::get_if<R>(&response)) return std::move(*wanted);
    return Fail(ErrorCode::kInternal,
                "the coordinator answered with another kind of message than was asked for");
  }

  uint64_t epoch() const { return epoch_; }
  const std::string& endpoint() const { return channel_->endpoint(); }  // who is asked at the moment
  const std::vector<std::string>& endpoints() const { return finder_.endpoints(); }  // may carry keys
  // The newest answer was of a member that does not lead: somebody is there, but nobody has said yet that it leads.
  bool leaderless() const { return leaderless_; }

  Client(NetContext& context, LeaderFinder finder, std::string cluster);  // for Connect

 private:
  Status Follow();
  // The answer to request `request_id`, if it has come.
  std::optional<Result<wire::ResponseBody>> TakeAnswer(uint64_t request_id);
  Error NoAnswer(Duration timeout, bool ever_sent) const;

  NetContext& context_;
  LeaderFinder finder_;
  std::string connected_to_;
  bool leaderless_ = false;
  std::unique_ptr<RequestChannel> channel_;
  Poller poller_;
  std::string cluster_;
  uint64_t client_ = 0;
  uint64_t next_request_id_ = 1;
  uint64_t epoch_ = 0;
};

}  // namespace mr::net
