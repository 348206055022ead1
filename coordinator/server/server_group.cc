// The part of the server that deals with leadership, and with the other members.
#include <algorithm>
#include <utility>

#include "common/base/logging.h"
#include "common/base/strings.h"
#include "coordinator/server/server.h"

namespace mr::coordinator {
namespace {

constexpr Duration kHandOverTime = std::chrono::seconds(1);

}  // namespace

Status Server::HandlePeers() {
  if (!exchange_) return {};
  if (core_ && !core_->settling()) parts_.replica.CountWorkers(core_->workers().alive_count());
  MR_ASSIGN_OR_RETURN(const std::vector<Replica::News> news, parts_.replica.Receive());
  const Time now = parts_.clock.Read().mono;
  for (const Replica::News& each : news)
    std::visit([&](const auto& body) { exchange_->On(each.from, body, now); }, each.body);
  // It began before it knew.
  if (core_ && core_->settling() && core_->options().expected_workers != parts_.replica.workers().alive) {
    core_->ExpectWorkers(parts_.replica.workers().alive);
    next_deadline_ = now;
  }
  return {};
}

// After each Pump: what the group has decided about who leads becomes true here.
Status Server::FollowLeadership() {
  const bool leads = parts_.replica.leading();
  if (core_ && (!leads || parts_.replica.term().value != core_->options().epoch))
    StopLeading(leads ? "it leads anew" : "it leads no more");
  KeepPlugins();
  if (core_ || !leads) return {};
  return BeginToLead();
}

// Everything that was agreed on before this term has been applied: the core goes on from there, in a life of its own.
Status Server::BeginToLead() {
  CoreOptions options = parts_.core_options();
  options.epoch = parts_.replica.term().value;
  options.expected_workers = parts_.replica.workers().alive;
  if (!alone()) {
    LOG(INFO) << "leading from entry " << parts_.replica.applied().value << " on; workers before: "
              << options.expected_workers;
  }
  core_.emplace(options, parts_.clock.Read(), parts_.state.ForCore());
  parts_.state.LentTo(&*core_);
  next_deadline_ = parts_.clock.Read().mono;
  if (!alone()) return {};
  // What lies there from an upload whose record was lost.
  for (const BlobStored& blob : parts_.blobs.found()) Step(blob);
  return parts_.replica.Propose(std::exchange(records_, {})) ? parts_.replica.Pump()
                                                              : Fail(ErrorCode::kInternal, "alone and not leading");
}

// Whoever waits asks the new leader the same again.
void Server::StopLeading(const std::string& why) {
  LOG(INFO) << "leading no more: " << why;
  parts_.state.LentTo(nullptr);
  core_.reset();
  records_.clear();
  replies_.clear();
  batches_.clear();
  cached_tasks_.clear();
  for (const WaitingPut& put : std::exchange(waiting_puts_, {})) AnswerNotLeader(put.token, put.request_id);
  for (const auto& [token, request_id] : std::exchange(open_, {})) AnswerNotLeader(token, request_id);
}

void Server::AnswerNotLeader(const std::string& token, uint64_t request_id) {
  LeaderHint hint = parts_.replica.leader();
  // It may still be catching up with its own election; ask again, here or elsewhere.
  if (hint.node == parts_.replica.self()) hint.client_endpoint.clear();
  Answer(token, request_id, wire::NotLeaderResponse{hint.client_endpoint, hint.term.value});
}

// Uploads whose bytes a majority has.
void Server::FinishPuts() {
  for (auto put = waiting_puts_.begin(); put != waiting_puts_.end();) {
    if (exchange_ && !exchange_->HeldByMajority(put->sha256)) {
      ++put;
      continue;
    }
    Step(BlobStored{put->sha256, put->response.received_bytes});
    wire::Response response;
    response.request_id = put->request_id;
    response.epoch = epoch();
    response.body = put->response;
    replies_.push_back({put->token, std::move(response)});
    put = waiting_puts_.erase(put);
  }
}

// Plugins that are agreed on are fetched, those that are removed go.
void Server::KeepPlugins() {
  const std::vector<std::string> removed = parts_.state.TakeRemovedPlugins();
  if (!exchange_) return;
  for (const std::string& sha256 : removed) {
    exchange_->Forget(sha256);
    if (!core_) parts_.blobs.Forget(sha256);
  }
  for (const auto& [sha256, bytes] : parts_.state.state().plugins) exchange_->Want(sha256);
}

// A leader that ends hands over first: the group goes on at once instead of after a time-out.
void Server::BeginToEnd() {
  if (!alone() && core_ && !hand_over_until_ && parts_.replica.HandOver()) {
    hand_over_until_ = parts_.clock.Read().mono + kHandOverTime;
    return;
  }
  if (core_) Step(StopAsked{});
  stop_ = true;
}

void Server::ShowMembers(wire::ClusterResponse& cluster) const {
  const Replica& replica = parts_.replica;
  if (replica.group().alone()) return;
  cluster.term = replica.term().value;
  cluster.commit_index = replica.commit().value;
  cluster.applied_index = replica.applied().value;
  const std::vector<PeerStatus> peers = replica.peers();
  for (const GroupMember& member : replica.group().members) {
    wire::MemberView view;
    view.node = member.node.value;
    view.endpoint = member.endpoint.substr(0, member.endpoint.find('#'));
    view.leads = member.node == replica.leader().node;
    view.answers = member.node == replica.self();
    view.match_index = view.answers ? replica.applied().value : 0;
    for (const PeerStatus& peer : peers) {
      if (peer.node != member.node) continue;
      view.answers = peer.answers;
      view.match_index = peer.match.value;
    }
    cluster.members.push_back(std::move(view));
  }
}

}  // namespace mr::coordinator
