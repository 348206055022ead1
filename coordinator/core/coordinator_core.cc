#include "coordinator/core/coordinator_core.h"

#include <utility>

#include "common/base/logging.h"
#include "common/base/strings.h"

namespace mr::coordinator {
namespace {

// Requests that only the present life of the coordinator may answer.
bool NeedsEpoch(const wire::RequestBody& body) {
  return std::holds_alternative<wire::WorkRequest>(body) ||
         std::holds_alternative<wire::ReportRequest>(body);
}

}  // namespace

CoordinatorCore::CoordinatorCore(CoreOptions options, Now now)
    : options_(std::move(options)), now_(now), last_tick_(now.mono), idle_since_(now.mono) {}

Actions CoordinatorCore::Step(Now now, const Event& event) {
  now_ = now;
  actions_ = {};
  std::visit([this](const auto& happened) { On(happened); }, event);
  Schedule();
  TellSources();
  AnswerWatches();
  actions_.next_deadline = NextDeadline();
  return std::exchange(actions_, {});
}

void CoordinatorCore::On(const RequestReceived& event) {
  const wire::Request& request = event.request;
  const Asker asker{event.token, request.client, request.request_id};
  if (request.protocol != wire::kProtocolVersion) {
    return AnswerError(
        asker, {ErrorCode::kUnsupported,
                StrCat("this coordinator speaks protocol ", wire::kProtocolVersion,
                       ", the request ", request.protocol, "; use programs of one version")});
  }
  if (!request.cluster.empty() && !options_.cluster.empty() &&
      request.cluster != options_.cluster) {
    return AnswerError(asker,
                       {ErrorCode::kInvalidArgument,
                        StrCat("this is cluster '", options_.cluster, "', not '",
                               Printable(request.cluster), "'; check the coordinator's address")});
  }
  if (NeedsEpoch(request.body) && request.epoch != 0 && request.epoch != options_.epoch) {
    return AnswerError(asker,
                       {ErrorCode::kFenced, "the coordinator was restarted; register again"});
  }
  std::visit([&](const auto& body) { Handle(asker, body); }, request.body);
}

void CoordinatorCore::On(const BlobStored& event) {
  if (state_.plugins.contains(event.sha256)) return;
  Commit(wire::PluginStored{event.sha256, event.size_bytes});
  fresh_plugins_.insert(event.sha256);
}

void CoordinatorCore::On(const StopAsked&) {
  const Error error{ErrorCode::kUnavailable, "the coordinator is being stopped; what is recorded in its --state-dir goes "
                                             "on when it is started again"};
  for (Worker& worker : workers_.workers()) {
    if (!worker.held) continue;
    AnswerError({worker.held->token, 0, worker.held->request_id}, error);
    worker.held.reset();
  }
  for (const HeldWatch& watch : watches_) AnswerError(watch.asker, error);
  watches_.clear();
  actions_.stop = true;
}

JobRun* CoordinatorCore::FindRun(JobId job) {
  const auto found = runs_.find(job);
  return found == runs_.end() ? nullptr : &found->second;
}

void CoordinatorCore::Commit(wire::RecordBody body) {
  wire::Record record{std::move(body)};
  const Status valid = Validate(state_, record);
  CHECK(valid) << valid.error().text;
  Apply(state_, record);
  actions_.records.push_back(std::move(record));
}

void CoordinatorCore::Answer(const Asker& asker, wire::ResponseBody body) {
  wire::Response response;
  response.request_id = asker.request_id;
  response.epoch = options_.epoch;
  response.body = std::move(body);
  actions_.replies.push_back({asker.token, std::move(response)});
}

void CoordinatorCore::AnswerError(const Asker& asker, Error error) {
  Answer(asker, wire::ErrorResponse{error.code, std::move(error.text)});
}

void CoordinatorCore::AnswerHeld(Worker& worker, wire::WorkVerdict verdict) {
  if (!worker.held) return;
  Answer({worker.held->token, 0, worker.held->request_id},
         wire::WorkResponse{verdict, std::nullopt});
  worker.held.reset();
}

}  // namespace mr::coordinator
