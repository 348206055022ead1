// The client's part: it submits each job until it has an answer, and watches it until it has ended.
#include <algorithm>

#include "common/base/strings.h"
#include "common/wire/codec.h"
#include "coordinator/core/describe.h"
#include "test/sim/cluster.h"
#include "test/unit/coordinator/support/script.h"

namespace mr::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kClient = 7;
constexpr Duration kPatience = seconds(2);

}  // namespace

void Cluster::PlanJobs() {
  Random& random = world_.random();
  for (uint32_t i = 0; i < options_.jobs; ++i) {
    Wanted job;
    job.maps = 1 + static_cast<uint32_t>(random.Below(options_.max_maps));
    const uint32_t reduces = static_cast<uint32_t>(random.Below(options_.max_reduces + 1));
    job.spec = coordinator::test::MakeSpec(job.maps, reduces, StrCat("/out", i));
    job.spec.config.task_timeout_ms = 20'000 + static_cast<int64_t>(random.Below(30'000));
    job.spec.config.priority = static_cast<wire::Priority>(random.Below(3));
    job.spec.config.slots_per_task = 1 + static_cast<uint32_t>(random.Below(options_.slots));
    const bool last = i + 1 == options_.jobs;
    job.poisoned = last && options_.poisoned_job;
    job.kill = last && options_.killed_job;
    // Bad luck must not look like a broken job.
    job.spec.config.max_attempts = job.poisoned ? 4 : 100;
    job.spec.config.backup = random.Chance(0.8);
    job.spec.config.backup_factor_percent = 100 + static_cast<uint32_t>(random.Below(200));
    wanted_.push_back(std::move(job));
    // The request's number is the job's: a retry is the same request.
    world_.After(world_.Uniform({}, seconds(5)), nullptr, [this, i] { Talk(i); });
    if (wanted_.back().kill) {
      world_.After(world_.Uniform({}, options_.chaos), nullptr, [this, i] { wanted_[i].kill = true; });
      wanted_.back().kill = false;
    }
  }
  next_request_ = options_.jobs + 1;
}

// Says the next thing about this job, and again after a while if there is no answer.
void Cluster::Talk(size_t index) {
  Wanted& job = wanted_[index];
  if (job.ended) return;
  if (!job.id) {
    CallCoordinator(index, index + 1, wire::SubmitJobRequest{job.spec, false});
  } else if (job.kill && !job.kill_heard) {
    CallCoordinator(index, next_request_++, wire::KillRequest{*job.id, std::nullopt, "a change of mind"});
  } else {
    CallCoordinator(index, next_request_++, wire::WatchJobRequest{*job.id, "", job.version, 1000});
  }
  world_.After(kPatience, nullptr, [this, index] { Talk(index); });
}

void Cluster::CallCoordinator(size_t index, uint64_t request_id, wire::RequestBody body) {
  wire::Request request;
  request.client = kClient;
  request.request_id = request_id;
  request.body = std::move(body);
  wanted_[index].asked = request_id;
  Ask(kClientHost, wire::Encode(request), [this, index, request_id](const std::string& bytes) {
    Result<wire::Response> response = wire::Decode<wire::Response>(bytes);
    if (!response) return world_.Blame(StrCat("an answer cannot be decoded: ", response.error().text));
    if (wanted_[index].asked == request_id) Hear(index, response->body);  // the socket drops older ones
  });
}

void Cluster::Hear(size_t index, const wire::ResponseBody& body) {
  Wanted& job = wanted_[index];
  if (const auto* error = std::get_if<wire::ErrorResponse>(&body)) {
    world_.Blame(StrCat("the client was refused: ", error->text));
  } else if (const auto* submitted = std::get_if<wire::SubmitJobResponse>(&body)) {
    if (job.id && *job.id != submitted->job)
      world_.Blame(StrCat("one submission made two jobs, ", ToString(*job.id), " and ", ToString(submitted->job)));
    job.id = submitted->job;
  } else if (std::holds_alternative<wire::KillResponse>(body)) {
    job.kill_heard = true;
  } else if (const auto* view = std::get_if<wire::JobResponse>(&body)) {
    if (job.ended && view->job.state != *job.ended)
      world_.Blame(StrCat(ToString(*job.id), " changed after its end: ", coordinator::Brief(view->job)));
    job.version = view->job.version;
    if (wire::IsEnded(view->job.state) && !job.ended) {
      world_.Note(StrCat("client: ", coordinator::Brief(view->job)));
      job.ended = view->job.state;
      backups_ += view->job.map.backups + view->job.reduce.backups;
      backups_won_ += view->job.map.backups_won + view->job.reduce.backups_won;
      job.cleaned = std::none_of(view->job.warnings.begin(), view->job.warnings.end(), [](const std::string& warning) {
        return warning.find("temporary files may remain") != std::string::npos;
      });
    }
  }
}

void Cluster::CheckEnds() {
  coordinator_->CheckAtEnd();
  for (const Wanted& job : wanted_) {
    const bool succeeded = *job.ended == wire::JobState::kSucceeded;
    if (succeeded) output_files_.CheckSucceeded(*job.id, job.maps, job.spec.config.reducers);
    if (*job.ended == wire::JobState::kKilled && !job.kill)
      world_.Blame(StrCat(ToString(*job.id), " was killed by nobody"));
    if (*job.ended == wire::JobState::kFailed && !job.poisoned)
      world_.Blame(StrCat(ToString(*job.id), " failed without a fault of its own"));
    if (succeeded && job.poisoned) world_.Blame(StrCat(ToString(*job.id), " succeeded in spite of its poison"));
    // Without a worker in reach the cleanup is given up, and people are told.
    if (!succeeded && job.cleaned) output_files_.CheckCleaned(*job.id);
  }
  for (const auto& worker : workers_) {
    if (worker->busy_slots() > 0) world_.Blame(StrCat(worker->endpoint(), " is busy when every job has ended"));
    if (worker->run_file_count() > 0)
      world_.Blame(StrCat(worker->endpoint(), " holds ", worker->run_file_count(), " map outputs of ended jobs"));
  }
}

}  // namespace mr::sim
