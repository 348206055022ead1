#include "coordinator/server/server.h"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "common/base/logging.h"
#include "common/base/strings.h"
#include "common/wire/codec.h"
#include "coordinator/core/describe.h"
#include "coordinator/core/views.h"

namespace mr::coordinator {
namespace {

constexpr int kRequestsKey = 1;
constexpr int kSignalsKey = 2;
// One batch: enough to share a sync, short enough that nobody waits for the end of the queue.
constexpr size_t kMaxBatch = 1000;
// Without a record for so long, the log may do what can wait.
constexpr Duration kIdleAfter = std::chrono::seconds(1);
constexpr Duration kSnapshotInterval = std::chrono::milliseconds(100);
constexpr Duration kIdleSnapshotInterval = std::chrono::seconds(1);
constexpr Duration kInterestLasts = std::chrono::seconds(10);
constexpr uint32_t kSnapshotJobs = 200;
constexpr size_t kSnapshotTaskJobs = 10;
constexpr uint32_t kSnapshotTasks = 2000;

}  // namespace

Server::Server(ServerParts parts) : parts_(parts) {
  poller_.Add(parts_.requests, kRequestsKey);
  poller_.AddFd(parts_.signals.descriptor(), kSignalsKey);
  next_deadline_ = parts_.clock.Read().mono;
}

Status Server::Run() {
  for (const BlobStored& blob : parts_.blobs.found()) Step(blob);
  MR_RETURN_IF_ERROR(Flush());
  PublishSnapshot();
  while (!stop_) {
    const Duration wait =
        std::max<Duration>(next_deadline_ - parts_.clock.Read().mono, Duration::zero());
    const Result<std::vector<int>> ready = poller_.Wait(wait);
    if (!ready) return Fail(ready.error());
    if (std::find(ready->begin(), ready->end(), kSignalsKey) != ready->end()) HandleSignals();
    if (std::find(ready->begin(), ready->end(), kRequestsKey) != ready->end()) HandleRequests();
    // Time passes only after everybody who has something to say was heard.
    if (parts_.clock.Read().mono >= next_deadline_) Step(Tick{});
    MR_RETURN_IF_ERROR(Flush());
    PublishSnapshot();
  }
  return {};
}

void Server::HandleSignals() {
  while (const int number = parts_.signals.Next()) {
    if (number == SIGTERM || number == SIGINT) {
      LOG(INFO) << "ending: signal " << number;
      Step(StopAsked{});
    } else if (number == SIGHUP) {
      ReopenLog();
      if (parts_.reload) parts_.reload();
      Step(Tick{});  // what is due by new limits
    } else if (number == SIGUSR1) {
      DumpState();
    } else if (number == SIGCHLD && parts_.dev_workers != nullptr) {
      parts_.dev_workers->Reap();
    }
  }
}

void Server::HandleRequests() {
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
    return ReplyTo(token, 0, wire::ErrorResponse{request.error().code, request.error().text});
  }
  if (const auto* put = std::get_if<wire::PutBlobRequest>(&request->body))
    return Put(token, *request, *put);
  if (const auto* get = std::get_if<wire::GetBlobRequest>(&request->body)) {
    Result<wire::GetBlobResponse> got = parts_.blobs.Get(*get);
    if (!got)
      return ReplyTo(token, request->request_id,
                     wire::ErrorResponse{got.error().code, got.error().text});
    return ReplyTo(token, request->request_id, std::move(*got));
  }
  Step(RequestReceived{token, std::move(*request)});
}

void Server::Put(const std::string& token, const wire::Request& request,
                 const wire::PutBlobRequest& put) {
  const Result<BlobStore::PutResult> result = parts_.blobs.Put(request.client, put);
  if (!result) {
    return ReplyTo(token, request.request_id,
                   wire::ErrorResponse{result.error().code, result.error().text});
  }
  if (result->stored_now) Step(BlobStored{put.sha256, put.total_bytes});
  ReplyTo(token, request.request_id, result->response);
}

void Server::Step(const Event& event) {
  Actions actions = parts_.core.Step(parts_.clock.Read(), event);
  ++steps_total_;
  for (const wire::Record& record : actions.records) {
    VLOG(1) << Brief(record);
    records_.push_back(wire::Encode(record));
  }
  std::move(actions.replies.begin(), actions.replies.end(), std::back_inserter(replies_));
  for (const std::string& sha256 : actions.removed_plugins) parts_.blobs.Forget(sha256);
  if (actions.next_deadline) next_deadline_ = *actions.next_deadline;
  stop_ = stop_ || actions.stop;
}

Status Server::Flush() {
  if (!records_.empty()) {
    MR_RETURN_IF_ERROR(parts_.log.Append(records_));
    MR_RETURN_IF_ERROR(parts_.log.Sync());
    records_total_ += records_.size();
    records_.clear();
    last_record_ = parts_.clock.Read().mono;
    idle_told_ = false;
  }
  for (const Reply& reply : replies_) {
    const Status sent = parts_.requests.Reply({reply.token}, wire::Encode(reply.response));
    // Whoever is gone will ask again, or not.
    if (!sent) VLOG(1) << "an answer was dropped: " << sent.error().text;
  }
  replies_total_ += replies_.size();
  replies_.clear();
  const Status removed = parts_.blobs.RemoveForgotten();
  if (!removed) LOG(WARNING) << "a plugin's file stays: " << removed.error().text;
  return Tidy();
}

// What the log wants beside records; after the replies, so that nobody waits for it.
Status Server::Tidy() {
  if (parts_.log.WantsSnapshot()) return parts_.log.SaveSnapshot(EncodeState(parts_.core.state()));
  if (idle_told_ || parts_.clock.Read().mono - last_record_ < kIdleAfter) return {};
  idle_told_ = true;
  return parts_.log.Idle();
}

void Server::ReplyTo(const std::string& token, uint64_t request_id, wire::ResponseBody body) {
  wire::Response response;
  response.request_id = request_id;
  response.epoch = parts_.core.options().epoch;
  response.body = std::move(body);
  replies_.push_back({token, std::move(response)});
}

// Unchanged jobs share the list of the snapshot before.
std::shared_ptr<const TaskList> Server::TasksOf(const wire::JobView& job) {
  CachedTasks& cached = cached_tasks_[job.id];
  if (cached.tasks == nullptr || cached.version != job.version) {
    wire::ListTasksRequest request;
    request.job = job.id;
    request.limit = kSnapshotTasks;
    auto list =
        ListTasks(parts_.core.state().jobs.at(job.id), parts_.core.runs().at(job.id), request)
            .tasks;
    cached = {job.version, std::make_shared<const TaskList>(std::move(list))};
  }
  return cached.tasks;
}

void Server::PublishSnapshot() {
  if (parts_.http == nullptr) return;
  const Now now = parts_.clock.Read();
  if (parts_.http->TakeInterest()) last_interest_ = now.mono;
  const Duration interval =
      now.mono - last_interest_ < kInterestLasts ? kSnapshotInterval : kIdleSnapshotInterval;
  if (now.mono - last_snapshot_ < interval) return;
  last_snapshot_ = now.mono;
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->unix_ms = now.unix_ms;
  snapshot->cluster = parts_.core.ClusterView();
  wire::ListJobsRequest newest;
  newest.limit = kSnapshotJobs;
  snapshot->jobs = parts_.core.JobViews(newest);
  for (const wire::JobView& job : snapshot->jobs) {
    if (snapshot->tasks.size() < kSnapshotTaskJobs) snapshot->tasks[job.id] = TasksOf(job);
  }
  std::erase_if(cached_tasks_,
                [&](const auto& entry) { return !snapshot->tasks.contains(entry.first); });
  snapshot->steps_total = steps_total_;
  snapshot->records_total = records_total_;
  snapshot->replies_total = replies_total_;
  parts_.http->Publish(std::move(snapshot));
}

void Server::DumpState() const {
  const wire::ClusterResponse cluster = parts_.core.ClusterView();
  LOG(INFO) << "state: " << cluster.workers.size() << " workers, " << cluster.jobs_running
            << " jobs running, " << cluster.jobs_queued << " queued, " << steps_total_ << " steps, "
            << records_total_ << " records";
  for (const wire::WorkerView& worker : cluster.workers) {
    LOG(INFO) << "  " << ToString(worker.ref) << " " << worker.name
              << (worker.alive ? " alive " : " lost ") << worker.busy << "/" << worker.slots
              << " slots busy" << (worker.draining ? ", draining" : "");
  }
  for (const wire::JobView& job : parts_.core.JobViews({})) {
    LOG(INFO) << "  " << Printable(Brief(job), 1000);
  }
}

}  // namespace mr::coordinator
