// People beside the client: they look, take workers out, kill attempts and change limits.
#include <utility>
#include <vector>

#include "common/base/strings.h"
#include "common/wire/codec.h"
#include "test/sim/cluster.h"

namespace mr::sim {
namespace {

constexpr uint64_t kOperator = 8;

}  // namespace

// Whatever the answer is: the job may have ended, the worker may be unknown.
void Cluster::Tell(wire::RequestBody body, bool until_answered) {
  const uint64_t request_id = next_request_++;
  if (!until_answered) told_.insert(request_id);
  TellAgain(request_id, body);
}

void Cluster::TellAgain(uint64_t request_id, const wire::RequestBody& body) {
  wire::Request request;
  request.client = kOperator;
  request.request_id = request_id;
  request.body = body;
  Ask(kClientHost, wire::Encode(request), [this, request_id](const std::string& bytes) {
    Result<wire::Response> response = wire::Decode<wire::Response>(bytes);
    if (!response) return world_.Blame(StrCat("an answer cannot be decoded: ", response.error().text));
    told_.insert(request_id);
  });
  if (told_.contains(request_id)) return;
  world_.After(kPatience, nullptr, [this, request_id, body] {
    if (!told_.contains(request_id)) TellAgain(request_id, body);
  });
}

const Cluster::Wanted* Cluster::AnyJob() {
  const Wanted& job = wanted_[world_.random().Below(wanted_.size())];
  return job.id ? &job : nullptr;
}

void Cluster::Drain() {
  const std::string worker = StrCat("w", AnyWorker().host());
  Tell(wire::DrainRequest{worker, false, "a new disk"}, false);
  world_.After(world_.Uniform(std::chrono::seconds(1), std::chrono::seconds(20)), nullptr,
               [this, worker] { Tell(wire::DrainRequest{worker, true, ""}, true); });
}

void Cluster::KillAttempt() {
  const Wanted* job = AnyJob();
  if (job == nullptr) return;
  const bool map = job->spec.config.reducers == 0 || world_.random().Chance(0.5);
  const uint32_t count = map ? job->maps : job->spec.config.reducers;
  const TaskId task{*job->id, map ? Phase::kMap : Phase::kReduce, static_cast<uint32_t>(world_.random().Below(count))};
  Tell(wire::KillRequest{*job->id, task, "it takes too long"}, false);
}

void Cluster::SetMaxRunning() {
  const Wanted* job = AnyJob();
  if (job == nullptr) return;
  Tell(wire::SetJobRequest{*job->id, std::nullopt, "", static_cast<uint32_t>(world_.random().Below(4)), {}}, false);
}

void Cluster::Look() {
  const Wanted* job = AnyJob();
  const JobId id = job == nullptr ? JobId{1} : *job->id;
  const std::vector<wire::RequestBody> looks{
      wire::GetClusterRequest{}, wire::ListJobsRequest{}, wire::ListTasksRequest{id, {}, {}, false, 0, 1000},
      wire::GetLogRequest{{id, Phase::kMap, 0}, {}, 0}, wire::GetSpecRequest{id}, wire::ExplainRequest{id, {}},
      wire::WatchJobRequest{id, "", 0, 1000}};
  Tell(looks[world_.random().Below(looks.size())], false);
}

}  // namespace mr::sim
