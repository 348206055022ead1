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

Client::Client(NetContext& context, LeaderFinder finder, std::string cluster)
    : context_(context), finder_(std::move(finder)), cluster_(std::move(cluster)), client_(RandomSeed()) {}

Result<std::unique_ptr<Client>> Client::Connect(NetContext& context, std::vector<std::string> endpoints,
                                                const std::string& cluster) {
  LeaderFinder finder(std::move(endpoints), [random = Random(RandomSeed())](uint64_t bound) mutable { return random.Below(bound); });
  auto client = std::make_unique<Client>(context, std::move(finder), cluster);
  MR_RETURN_IF_ERROR(client->Follow());
  return client;
}

// Connects to whom the finder names.
Status Client::Follow() {
  if (channel_) poller_.Remove(kChannelKey);
  connected_to_ = finder_.current();
  MR_ASSIGN_OR_RETURN(channel_, RequestChannel::Connect(context_, connected_to_));
  poller_.Add(*channel_, kChannelKey);
  return {};
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
    if (const auto* other = std::get_if<wire::NotLeaderResponse>(&response->body)) {
      leaderless_ = true;
      finder_.OnNotLeader(other->endpoint, other->term, SteadyNow());
      return std::nullopt;
    }
    const bool alone = finder_.endpoints().size() == 1;  // it may have been set up anew
    if (!finder_.OnAnswer(response->epoch) && !alone) continue;  // of one that led once and does not know better
    epoch_ = std::max(epoch_, response->epoch);
    leaderless_ = false;
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

  const bool several = finder_.endpoints().size() > 1;
  bool ever_sent = false;
  bool connecting = false;
  Duration patience = kFirstTry;
  Time next_send = started;
  for (Time now = started; now < deadline; now = SteadyNow()) {
    if (now >= next_send) {
      // Sent, and no answer in time, or no connection: of several the next one is asked.
      if (several && next_send != started && connected_to_ == finder_.current()) finder_.OnSilence();
      if (connected_to_ != finder_.current()) MR_RETURN_IF_ERROR(Follow());
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
    const bool lost = channel_->TakeLost();
    if (lost && connected_to_ == finder_.current() && !connecting) {
      next_send = SteadyNow();  // whoever had the request is gone
      continue;
    }
    if (connecting && connected_to_ == finder_.current()) {  // what woke us up is the connection
      const Status sent = channel_->Send(bytes);
      if (!sent) continue;
      connecting = false;
      ever_sent = true;
      next_send = SteadyNow() + held + patience;
    } else if (connected_to_ != finder_.current() || finder_.ask_at() > now) {
      next_send = finder_.ask_at();  // it does not lead
      patience = kFirstTry;
    }
  }
  return Fail(NoAnswer(timeout, ever_sent));
}

Error Client::NoAnswer(Duration timeout, bool ever_sent) const {
  const std::string waited = FormatElapsed(std::chrono::duration_cast<milliseconds>(timeout).count());
  const std::string whom = EndpointsText(finder_.endpoints());
  if (ever_sent) return {ErrorCode::kTimeout, StrCat("no answer from the coordinator at ", whom, " within ", waited)};
  return {ErrorCode::kTimeout,
          StrCat("cannot connect to the coordinator at ", whom, " within ", waited, ": is mrcoordinator running there?")};
}

}  // namespace mr::net
