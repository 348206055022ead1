// The part of the agent's shell that finds out which member of a replicated coordinator leads.
#include "common/base/logging.h"
#include "common/base/strings.h"
#include "common/net/endpoint.h"
#include "worker/agent/agent.h"

namespace mr::worker {
namespace {

// A connection that is just being made refuses too.
constexpr Duration kConnectTime = std::chrono::milliseconds(300);

}  // namespace

void Agent::TakeRefusal(Channel channel) {
  Feed(SendRefused{channel});
  if (!several() || (!reached_ && clock_.Read().mono - connected_at_ < kConnectTime)) return;
  finder_.OnSilence();
  AskAnother();
}

void Agent::TakeSilence() {
  finder_.OnSilence();
  AskAnother();
}

void Agent::TakeNotLeader(const wire::NotLeaderResponse& response) {
  finder_.OnNotLeader(response.endpoint, response.term, clock_.Read().mono);
  AskAnother();
}

void Agent::AskAnother() {
  if (const Status connected = Connect(finder_.current()); !connected) LOG(WARNING) << connected.error().text;
  VLOG(1) << "asking " << net::SplitServerKey(endpoint_).endpoint;
  Feed(CoordinatorChanged{finder_.ask_at()});
}

}  // namespace mr::worker
