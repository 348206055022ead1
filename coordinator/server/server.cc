#include "coordinator/server/server.h"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "common/base/logging.h"
#include "common/base/strings.h"
#include "common/wire/codec.h"
#include "coordinator/core/describe.h"

namespace mr::coordinator {
namespace {

constexpr int kRequestsKey = 1;
constexpr int kSignalsKey = 2;
constexpr int kPeersKey = 3;
// One batch: enough to share a sync, short enough that nobody waits for the end of the queue.
constexpr size_t kMaxBatch = 1000;
// Without a record for so long, the log may do what can wait.
constexpr Duration kIdleAfter = std::chrono::seconds(1);

}  // namespace

Server::Server(ServerParts parts) : parts_(std::move(parts)) {
  poller_.Add(parts_.requests, kRequestsKey);
  poller_.AddFd(parts_.signals.descriptor(), kSignalsKey);
  if (PeerLinks* links = parts_.replica.links()) {
    poller_.Add(links->server(), kPeersKey);
    exchange_ = std::make_unique<PluginExchange>(parts_.blobs, *links, parts_.replica.group(), parts_.replica.self());
  }
  next_deadline_ = parts_.clock.Read().mono;
}

Status Server::Run() {
  MR_RETURN_IF_ERROR(Flush());
  PublishSnapshot();
  while (!stop_) {
    const Result<std::vector<int>> ready = poller_.Wait(TimeToSleep());
    if (!ready) return Fail(ready.error());
    MR_RETURN_IF_ERROR(HandlePeers());
    if (std::find(ready->begin(), ready->end(), kRequestsKey) != ready->end()) HandleRequests();
    // After the requests: who asked before the signal is heard.
    if (std::find(ready->begin(), ready->end(), kSignalsKey) != ready->end()) HandleSignals();
    // Time passes only after everybody who has something to say was heard.
    const Time now = parts_.clock.Read().mono;
    parts_.replica.Tick(now);
    if (exchange_) exchange_->Tick(now);
    if (core_ && now >= next_deadline_) Step(mr::coordinator::Tick{});
    MR_RETURN_IF_ERROR(Flush());
    if (hand_over_until_ && (!core_ || now >= *hand_over_until_)) stop_ = true;
    PublishSnapshot();
  }
  return {};
}

Duration Server::TimeToSleep() const {
  Time due = core_ ? next_deadline_ : Time::max();
  if (!alone()) due = std::min(due, parts_.replica.next_tick());
  const Time now = parts_.clock.Read().mono;
  return due <= now ? Duration::zero() : std::min<Duration>(due - now, std::chrono::seconds(1));
}

void Server::HandleSignals() {
  while (const int number = parts_.signals.Next()) {
    if (number == SIGTERM || number == SIGINT) {
      LOG(INFO) << "ending: signal " << number;
      BeginToEnd();
    } else if (number == SIGHUP) {
      ReopenLog();
      if (parts_.reload) parts_.reload();
      if (!core_) continue;
      core_->TakeLimits(parts_.core_options());
      Step(mr::coordinator::Tick{});  // what is due by new limits
    } else if (number == SIGUSR1) {
      DumpState();
    } else if (number == SIGCHLD && parts_.dev_workers != nullptr) {
      parts_.dev_workers->Reap();
    }
  }
}

// What the group cannot keep up with waits in the socket's queue.
void Server::HandleRequests() {
  if (parts_.replica.congested()) return;
  for (size_t i = 0; i < kMaxBatch; ++i) {
    const auto incoming = parts_.requests.Receive();
    if (!incoming) return;
    HandleRequest(*incoming);
  }
}

void Server::HandleRequest(const net::RequestServer::Incoming& incoming) {
  const std::string& token = incoming.token.envelope;
  Result<wire::Request> request = wire::Decode<wire::Request>(incoming.bytes);
  if (!request) {
    LOG_EVERY_N(WARNING, 100) << "refused a request: " << request.error().text;
    return Answer(token, 0, wire::ErrorResponse{request.error().code, request.error().text});
  }
  if (const auto* get = std::get_if<wire::GetBlobRequest>(&request->body)) {
    if (exchange_ && !parts_.blobs.Has(get->sha256) && parts_.state.state().plugins.contains(get->sha256)) {
      return Answer(token, request->request_id,
                    wire::ErrorResponse{ErrorCode::kUnavailable, "the plugin is on its way from another member"});
    }
    Result<wire::GetBlobResponse> got = parts_.blobs.Get(*get);
    if (!got) return Answer(token, request->request_id, wire::ErrorResponse{got.error().code, got.error().text});
    return Answer(token, request->request_id, std::move(*got));
  }
  if (!core_) return AnswerNotLeader(token, request->request_id);
  if (const auto* put = std::get_if<wire::PutBlobRequest>(&request->body)) return Put(token, *request, *put);
  open_[token] = request->request_id;
  Step(RequestReceived{token, std::move(*request)});
}

void Server::Put(const std::string& token, const wire::Request& request,
                 const wire::PutBlobRequest& put) {
  const Result<BlobStore::PutResult> result = parts_.blobs.Put(request.client, put);
  if (!result)
    return Answer(token, request.request_id, wire::ErrorResponse{result.error().code, result.error().text});
  if (!result->response.complete) return Answer(token, request.request_id, result->response);
  waiting_puts_.push_back({token, request.request_id, put.sha256, result->response});
  if (exchange_) exchange_->Offer(put.sha256, parts_.clock.Read().mono);
}

void Server::Step(const Event& event) {
  Actions actions = core_->Step(parts_.clock.Read(), event);
  ++steps_total_;
  for (const wire::Record& record : actions.records) {
    VLOG(1) << Brief(record);
    records_.push_back(wire::Encode(record));
  }
  for (Reply& reply : actions.replies) {
    if (auto* cluster = std::get_if<wire::ClusterResponse>(&reply.response.body)) ShowMembers(*cluster);
    replies_.push_back(std::move(reply));
  }
  for (const std::string& sha256 : actions.removed_plugins) parts_.blobs.Forget(sha256);
  if (actions.next_deadline) next_deadline_ = *actions.next_deadline;
  stop_ = stop_ || actions.stop;
}

Status Server::Flush() {
  FinishPuts();
  if (core_ && !records_.empty()) {
    records_total_ += records_.size();
    last_record_ = parts_.clock.Read().mono;
    idle_told_ = false;
    const bool proposed = parts_.replica.Propose(std::exchange(records_, {}));
    if (!proposed) StopLeading("it could not add to the log");
  }
  if (core_ && !replies_.empty()) {
    Batch batch{parts_.replica.proposed(), 0, true, std::exchange(replies_, {})};
    if (!alone()) {
      batch.read = ++last_read_;
      batch.confirmed = false;
      if (!parts_.replica.AskToRead(batch.read)) StopLeading("another member leads");
    }
    if (core_) batches_.push_back(std::move(batch));
  }
  MR_RETURN_IF_ERROR(parts_.replica.Pump());
  MR_RETURN_IF_ERROR(FollowLeadership());
  Release();
  return Tidy();
}

// In the order in which they were made, as far as they are agreed on.
void Server::Release() {
  for (const auto& [context, index] : parts_.replica.TakeReads()) {
    for (Batch& batch : batches_) {
      if (batch.read != context || !index) continue;
      batch.upto = std::max(batch.upto, *index);
      batch.confirmed = true;
    }
  }
  while (!batches_.empty() && batches_.front().confirmed && batches_.front().upto <= parts_.replica.applied()) {
    for (const Reply& reply : batches_.front().replies) Send(reply.token, reply.response);
    batches_.pop_front();
  }
  if (!batches_.empty()) return;
  const Status removed = parts_.blobs.RemoveForgotten();
  if (!removed) LOG(WARNING) << "a plugin's file stays: " << removed.error().text;
}

// What the log wants beside records; after the replies, so that nobody waits for it.
Status Server::Tidy() {
  if (idle_told_ || parts_.clock.Read().mono - last_record_ < kIdleAfter) return {};
  idle_told_ = true;
  return parts_.replica.Idle();
}

void Server::Send(const std::string& token, const wire::Response& response) {
  open_.erase(token);
  ++replies_total_;
  const Status sent = parts_.requests.Reply({token}, wire::Encode(response));
  // Whoever is gone will ask again, or not.
  if (!sent) VLOG(1) << "an answer was dropped: " << sent.error().text;
}

// At once: nothing in it depends on what is not agreed on yet.
void Server::Answer(const std::string& token, uint64_t request_id, wire::ResponseBody body) {
  wire::Response response;
  response.request_id = request_id;
  response.epoch = epoch();
  response.body = std::move(body);
  Send(token, response);
}

void Server::DumpState() const {
  LOG(INFO) << "log: " << raft::RoleName(parts_.replica.role()) << " in term " << parts_.replica.term().value
            << ", applied up to entry " << parts_.replica.applied().value << ", " << steps_total_ << " steps, "
            << records_total_ << " records";
  if (!core_) return;
  const wire::ClusterResponse cluster = core_->ClusterView();
  LOG(INFO) << "state: " << cluster.workers.size() << " workers, " << cluster.jobs_running << " jobs running, " << cluster.jobs_queued
            << " queued";
  for (const wire::WorkerView& worker : cluster.workers) {
    LOG(INFO) << "  " << ToString(worker.ref) << " " << worker.name
              << (worker.alive ? " alive " : " lost ") << worker.busy << "/" << worker.slots
              << " slots busy" << (worker.draining ? ", draining" : "");
  }
  for (const wire::JobView& job : core_->JobViews({})) {
    LOG(INFO) << "  " << Printable(Brief(job), 1000);
  }
}

}  // namespace mr::coordinator
