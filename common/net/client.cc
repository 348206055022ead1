#include "common/net/client.h"

#include <algorithm>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/wire/codec.h"

namespace mr::net {
namespace {

using std::chrono::milliseconds;

constexpr int kChannelKey = 0;
constexpr int kInterruptKey = 1;
// Without an answer for this long the request goes out again: it, or its answer, may be lost.
constexpr Duration kFirstTry = milliseconds(1000);
constexpr Duration kLongestTry = milliseconds(5000);
// How long to wait for a connection before looking again; the poller reports it earlier.
constexpr Duration kConnectPause = milliseconds(250);

// How long the coordinator may hold the request on purpose; asking again earlier would only start
// it anew.
Duration HeldFor(const wire::RequestBody& body) {
  if (const auto* watch = std::get_if<wire::WatchJobRequest>(&body))
    return milliseconds(watch->wait_ms);
  if (const auto* work = std::get_if<wire::WorkRequest>(&body)) return milliseconds(work->hold_ms);
  return Duration::zero();
}

Time SteadyNow() { return SystemClock().Read().mono; }

}  // namespace

Client::Client(std::unique_ptr<RequestChannel> channel, std::string cluster)
    : channel_(std::move(channel)), cluster_(std::move(cluster)), client_(RandomSeed()) {
  poller_.Add(*channel_, kChannelKey);
}

Result<std::unique_ptr<Client>> Client::Connect(NetContext& context, const std::string& endpoint,
                                                const std::string& cluster) {
  MR_ASSIGN_OR_RETURN(auto channel, RequestChannel::Connect(context, endpoint));
  return std::make_unique<Client>(std::move(channel), cluster);
}

std::optional<Result<wire::ResponseBody>> Client::TakeAnswer(uint64_t request_id) {
  while (std::optional<std::string> bytes = channel_->Receive()) {
    Result<wire::Response> response = wire::Decode<wire::Response>(*bytes);
    if (!response) {
      return Fail(response.error().code == ErrorCode::kUnsupported ? ErrorCode::kUnsupported
                                                                   : ErrorCode::kInternal,
                  StrCat("cannot read the answer of ", endpoint(), ": ", response.error().text,
                         "; are this program and the coordinator of the same version?"));
    }
    if (response->protocol != wire::kProtocolVersion) {
      return Fail(ErrorCode::kUnsupported,
                  StrCat("the coordinator at ", endpoint(), " speaks protocol ", response->protocol,
                         ", this program speaks ", wire::kProtocolVersion,
                         ": install the same version on both"));
    }
    const auto* refusal = std::get_if<wire::ErrorResponse>(&response->body);
    // Id 0: a coordinator that could not even read the request refuses it.
    const bool unread = response->request_id == 0 && refusal != nullptr;
    if (response->request_id != request_id && !unread) continue;
    epoch_ = std::max(epoch_, response->epoch);
    if (refusal != nullptr) return Fail(refusal->code, refusal->text);
    return std::move(response->body);
  }
  return std::nullopt;
}

Result<wire::ResponseBody> Client::Call(wire::RequestBody body, Duration timeout,
                                        int interrupt_fd) {
  const Time started = SteadyNow();
  const Time deadline = started + timeout;
  const Duration held = HeldFor(body);
  const uint64_t request_id = next_request_id_++;
  wire::Request request{.cluster = cluster_,
                        .client = client_,
                        .request_id = request_id,
                        .epoch = epoch_,
                        .body = std::move(body)};
  const std::string bytes = wire::Encode(request);
  if (interrupt_fd >= 0) poller_.AddFd(interrupt_fd, kInterruptKey);
  struct Remover {
    Poller& poller;
    ~Remover() { poller.Remove(kInterruptKey); }
  } remover{poller_};

  bool ever_sent = false;
  bool connecting = false;
  Duration patience = kFirstTry;
  Time next_send = started;
  for (Time now = started; now < deadline; now = SteadyNow()) {
    if (now >= next_send) {
      const Status sent = channel_->Send(bytes);
      if (!sent && sent.error().code != ErrorCode::kUnavailable) return Fail(sent.error());
      next_send = now + (sent ? held + patience : kConnectPause);
      connecting = !sent;
      if (sent) patience = std::min(patience * 3 / 2, kLongestTry);
      ever_sent = ever_sent || sent.has_value();
    }
    MR_ASSIGN_OR_RETURN(const std::vector<int> ready,
                        poller_.Wait(std::min(next_send, deadline) - now));
    if (std::find(ready.begin(), ready.end(), kInterruptKey) != ready.end()) {
      return Fail(ErrorCode::kCancelled, "interrupted");
    }
    if (std::find(ready.begin(), ready.end(), kChannelKey) == ready.end()) continue;
    if (auto answer = TakeAnswer(request_id)) return std::move(*answer);
    if (connecting) next_send = now;  // what woke us up is the connection
  }
  const std::string waited =
      FormatElapsed(std::chrono::duration_cast<milliseconds>(timeout).count());
  return Fail(ErrorCode::kTimeout,
              ever_sent
                  ? StrCat("no answer from the coordinator at ", endpoint(), " within ", waited)
                  : StrCat("cannot connect to the coordinator at ", endpoint(), " within ", waited,
                           ": is mrcoordinator running there?"));
}

}  // namespace mr::net
