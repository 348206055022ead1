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

}  // namespace

Cluster::Wanted Cluster::PlanJob(uint32_t number) {
  Random& random = world_.random();
  Wanted job;
  job.maps = 1 + static_cast<uint32_t>(random.Below(options_.max_maps));
  const uint32_t reduces = static_cast<uint32_t>(random.Below(options_.max_reduces + 1));
  job.spec = coordinator::test::MakeSpec(job.maps, reduces, StrCat("/out", number));
  job.spec.config.task_timeout_ms = 20'000 + static_cast<int64_t>(random.Below(30'000));
  job.spec.config.priority = static_cast<wire::Priority>(random.Below(3));
  job.spec.config.slots_per_task = 1 + static_cast<uint32_t>(random.Below(options_.slots));
  // Bad luck must not look like a broken job.
  job.spec.config.max_attempts = 100;
  job.spec.config.backup = random.Chance(0.8);
  job.spec.config.backup_factor_percent = 100 + static_cast<uint32_t>(random.Below(200));
  return job;
}

void Cluster::DrawKind(Wanted& job) {
  Random& random = world_.random();
  wire::JobConfig& config = job.spec.config;
  const auto may_use_up_its_attempts = [&] {
    config.max_attempts = 4;
    job.may_fail = true;
  };
  if (random.Chance(options_.may_fail)) {
    config.max_failed_permille = 500;
    for (uint32_t map = 0; map < job.maps / 2; ++map) job.poisoned.insert(map);
    may_use_up_its_attempts();
  } else if (random.Chance(options_.pauses)) {
    config.on_failure = wire::OnFailure::kPause;
    job.poisoned.insert(0);
    may_use_up_its_attempts();
  }
  if (random.Chance(options_.tied)) config.tie_ms = 5000 + static_cast<int64_t>(random.Below(10'000));
  if (random.Chance(0.3)) config.max_running = 1 + static_cast<uint32_t>(random.Below(3));
}

void Cluster::PlanJobs() {
  for (uint32_t i = 0; i < options_.jobs; ++i) {
    Wanted job = PlanJob(i);
    const bool last = i + 1 == options_.jobs;
    if (last && options_.poisoned_job) {
      job.poisoned.insert(0);
      job.spec.config.max_attempts = 4;
      job.may_fail = true;
    } else {
      DrawKind(job);
    }
    Submit(std::move(job), world_.Uniform({}, seconds(5)));
    if (last && options_.killed_job)
      world_.After(world_.Uniform({}, options_.chaos), nullptr, [this, i] { wanted_[i].kill = true; });
  }
}

void Cluster::Submit(Wanted job, Duration when) {
  job.submit_request = next_request_++;
  const size_t index = wanted_.size();
  wanted_.push_back(std::move(job));
  world_.After(when, nullptr, [this, index] { Talk(index); });
  if (wanted_[index].spec.config.tie_ms == 0 || world_.random().Chance(0.5)) return;
  world_.After(world_.Uniform({}, options_.chaos), nullptr, [this, index] {
    Wanted& left = wanted_[index];
    left.silent_until = world_.elapsed() + milliseconds(left.spec.config.tie_ms) + seconds(5);
  });
}

// Says the next thing about this job, and again after a while if there is no answer.
void Cluster::Talk(size_t index) {
  Wanted& job = wanted_[index];
  if (job.ended) return;
  if (world_.elapsed() < job.silent_until) {
    // Nobody is there.
  } else if (!job.id) {
    CallCoordinator(index, job.submit_request, wire::SubmitJobRequest{job.spec, false});
  } else if (job.kill && !job.kill_heard) {
    CallCoordinator(index, next_request_++, wire::KillRequest{*job.id, std::nullopt, "a change of mind"});
  } else if (job.paused) {
    CallCoordinator(index, next_request_++, wire::SetJobRequest{*job.id, kMendedPlugin, "mended.so", std::nullopt, {}});
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
    // It may have ended since it was seen to be paused.
    if (!job.paused) world_.Blame(StrCat("the client was refused: ", error->text));
    job.paused = false;
  } else if (const auto* submitted = std::get_if<wire::SubmitJobResponse>(&body)) {
    if (job.id && *job.id != submitted->job)
      world_.Blame(StrCat("one submission made two jobs, ", ToString(*job.id), " and ", ToString(submitted->job)));
    job.id = submitted->job;
  } else if (std::holds_alternative<wire::KillResponse>(body)) {
    job.kill_heard = true;
  } else if (std::holds_alternative<wire::SetJobResponse>(body)) {
    job.paused = false;
  } else if (const auto* view = std::get_if<wire::JobResponse>(&body)) {
    Follow(job, view->job);
  }
}

void Cluster::Follow(Wanted& job, const wire::JobView& view) {
  if (job.ended && view.state != *job.ended)
    world_.Blame(StrCat(ToString(*job.id), " changed after its end: ", coordinator::Brief(view)));
  job.version = view.version;
  job.paused = view.state == wire::JobState::kPaused;
  if (!wire::IsEnded(view.state) || job.ended) return;
  world_.Note(StrCat("client: ", coordinator::Brief(view)));
  job.ended = view.state;
  backups_ += view.map.backups + view.reduce.backups;
  backups_won_ += view.map.backups_won + view.reduce.backups_won;
  // Whether anything was left is told for as long as the job is remembered.
  job.cleaned = view.left_behind.empty();
  if (options_.resumes && view.state != wire::JobState::kSucceeded) SubmitAgain(job);
}

// With the mended plugin, to take over what is left of the finished maps.
void Cluster::SubmitAgain(const Wanted& job) {
  if (job.spec.config.resume_from.value != 0) return;
  Wanted again;
  again.spec = job.spec;
  again.maps = job.maps;
  again.spec.config.resume_from = *job.id;
  again.spec.config.plugin_sha256 = kMendedPlugin;
  again.spec.config.max_attempts = 100;
  again.spec.config.tie_ms = 0;
  Submit(std::move(again), world_.Uniform({}, seconds(5)));
}

void Cluster::CheckEnd(const Wanted& job) {
  const bool succeeded = *job.ended == wire::JobState::kSucceeded;
  if (succeeded) {
    std::set<TaskId> without;
    const coordinator::JobEntry& entry = coordinator_->core().state().jobs.at(*job.id);
    for (uint32_t i = 0; i < entry.maps.size(); ++i) {
      if (entry.maps[i].given_up) without.insert({*job.id, Phase::kMap, i});
    }
    for (uint32_t i = 0; i < entry.reduces.size(); ++i) {
      if (entry.reduces[i].given_up) without.insert({*job.id, Phase::kReduce, i});
    }
    output_files_.CheckSucceeded(*job.id, job.maps, job.spec.config.reducers, without);
  }
  if (*job.ended == wire::JobState::kKilled && !job.kill && job.spec.config.tie_ms == 0)
    world_.Blame(StrCat(ToString(*job.id), " was killed by nobody"));
  if (*job.ended == wire::JobState::kFailed && !job.may_fail)
    world_.Blame(StrCat(ToString(*job.id), " failed without a fault of its own"));
  const bool must_fail = !job.poisoned.empty() && job.spec.config.max_failed_permille == 0 &&
                         job.spec.config.on_failure == wire::OnFailure::kFail;
  if (succeeded && must_fail) world_.Blame(StrCat(ToString(*job.id), " succeeded in spite of its poison"));
  // Without a worker in reach the cleanup is given up, and people are told.
  if (!succeeded && job.cleaned) output_files_.CheckCleaned(*job.id);
}

void Cluster::CheckEnds() {
  coordinator_->CheckAtEnd();
  std::set<JobId> succeeded;
  for (const Wanted& job : wanted_) {
    CheckEnd(job);
    if (*job.ended == wire::JobState::kSucceeded) succeeded.insert(*job.id);
  }
  for (const auto& worker : workers_) {
    if (worker->busy_slots() > 0) world_.Blame(StrCat(worker->endpoint(), " is busy when every job has ended"));
    for (const auto& [attempt, damaged] : worker->run_files()) {
      // What may be resumed is kept for a while.
      if (options_.keep_failed > kTidyTime && !succeeded.contains(attempt.task.job)) continue;
      world_.Blame(StrCat(worker->endpoint(), " holds the output of ", ToString(attempt), ", whose job has ended"));
    }
  }
}

}  // namespace mr::sim
