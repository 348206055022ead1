// Reduces that begin before the maps are done: where no other task waits for a slot, they fetch what there is, and hear of
// map outputs as these come, go and come again. The same news reaches reduces whose source is lost while they fetch.
//
// A job keeps a log of changes (JobRun::source_log). A worker's request for work names the reduces that still fetch, and
// how far in the log each has heard; it is answered as soon as there is more. So an answer that is lost is given again,
// and nobody has to remember who was told what.
#include <algorithm>
#include <set>

#include "common/base/logging.h"
#include "common/base/mutants.h"
#include "common/base/strings.h"
#include "coordinator/core/coordinator_core.h"

namespace mr::coordinator {
namespace {

// News that complete nothing are told so often.
constexpr Duration kTellInterval = std::chrono::milliseconds(100);

}  // namespace

void CoordinatorCore::NoteSource(JobRun& run, uint32_t map) {
  run.source_log.push_back(map);
  source_news_ = true;
}

// Where the output of a map is; nothing if it has none, or nobody knows who has it.
std::optional<wire::MapOutput> CoordinatorCore::SourceOf(const JobEntry& job, const JobRun& run, uint32_t map) const {
  const TaskEntry& entry = job.maps[map];
  if (!entry.completion) return std::nullopt;
  const Worker* holder = workers_.Find(run.pool.tasks(Phase::kMap)[map].output_at);
  if (holder == nullptr) return std::nullopt;
  return wire::MapOutput{entry.completion->attempt, holder->ref(), holder->info.data_endpoint};
}

wire::ReduceWork CoordinatorCore::MakeReduceWork(const JobEntry& job, uint32_t partition) const {
  const JobRun& run = runs_.at(job.id);
  wire::ReduceWork work;
  work.partition = partition;
  work.position = run.source_log.size();
  work.complete = run.pool.maps_done();
  work.sources.reserve(job.maps.size());
  for (uint32_t map = 0; map < job.maps.size(); ++map) {
    if (std::optional<wire::MapOutput> source = SourceOf(job, run, map)) work.sources.push_back(std::move(*source));
  }
  CHECK(!work.complete || work.sources.size() + run.pool.given_up_count(Phase::kMap) == job.maps.size())
      << "a reduce of " << ToString(job.id) << " lacks sources: " << work.sources.size() << " of " << job.maps.size();
  return work;
}

wire::SourceUpdate CoordinatorCore::MakeSourceUpdate(const AttemptId& reduce, uint64_t position,
                                                     size_t most_changes) const {
  const JobEntry& job = state_.jobs.at(reduce.task.job);
  const JobRun& run = runs_.at(job.id);
  const size_t end = run.source_log.size();
  const size_t begin = std::min<size_t>(position, end);
  const size_t upto = std::min(end, begin + most_changes);
  wire::SourceUpdate update;
  update.attempt = reduce;
  update.position = upto;
  update.complete = upto == end && run.pool.maps_done();
  // What they are now, not what they were: it is the same to hear a change twice, or late.
  for (const uint32_t map : std::set<uint32_t>(run.source_log.begin() + static_cast<std::ptrdiff_t>(begin),
                                               run.source_log.begin() + static_cast<std::ptrdiff_t>(upto))) {
    if (std::optional<wire::MapOutput> source = SourceOf(job, run, map))
      update.sources.push_back(std::move(*source));
    else
      update.gone.push_back(map);
  }
  return update;
}

// Which of its reduces still fetch: all that it names, and those it does not know of yet. What it says of others, or twice,
// counts once or not at all: the answer must stay small whatever it asks.
void CoordinatorCore::NoteWaiting(Worker& worker, const wire::WorkRequest& request) {
  for (const wire::SourcePosition& waiting : request.waiting) {
    const bool reduce = waiting.attempt.task.phase == Phase::kReduce;
    if (reduce && worker.running.contains(waiting.attempt)) worker.held->waiting[waiting.attempt] = waiting.position;
  }
  if (!worker.held->waiting.empty()) {
    source_news_ = true;
    awaits_sources_.insert(worker.id);
  }
  for (const AttemptId& id : worker.running) {
    if (id.task.phase != Phase::kReduce) continue;
    Attempt& attempt = *FindRun(id.task.job)->pool.Find(id);
    if (attempt.acknowledged) attempt.awaits_sources = worker.held->waiting.contains(id);
  }
}

void CoordinatorCore::TellSources() {
  if (!source_news_ && now_.mono < tell_sources_at_) return;
  source_news_ = false;
  tell_sources_at_ = Time::max();
  std::erase_if(awaits_sources_, [this](WorkerId id) {
    const Worker& worker = *workers_.Find(id);
    return !worker.held || worker.held->waiting.empty();
  });
  for (const WorkerId id : awaits_sources_) {
    Worker& worker = *workers_.Find(id);
    bool news = false, completes = false;
    for (const auto& [reduce, position] : worker.held->waiting) {
      if (!worker.running.contains(reduce)) continue;
      const JobRun& run = *FindRun(reduce.task.job);
      if (position >= run.source_log.size()) continue;
      news = true;
      completes = completes || run.pool.maps_done();
    }
    const Time due = worker.held->since + kTellInterval;
    if (!news) continue;
    if (completes || now_.mono >= due)
      TellSources(worker);
    else
      tell_sources_at_ = std::min(tell_sources_at_, due);
  }
}

// What does not fit into the answer is told with the next: it asks again at once, from where it is then.
void CoordinatorCore::TellSources(Worker& worker) {
  wire::WorkResponse response;
  size_t room = wire::kMaxSourceChanges;
  for (const auto& [reduce, position] : worker.held->waiting) {
    if (room == 0) break;
    if (!worker.running.contains(reduce)) continue;
    JobRun& run = *FindRun(reduce.task.job);
    if (position >= run.source_log.size()) continue;
    response.updates.push_back(MakeSourceUpdate(reduce, position, room));
    const wire::SourceUpdate& update = response.updates.back();
    room -= update.sources.size() + update.gone.size();
    if (update.complete) run.pool.Find(reduce)->able_since = now_.mono;
  }
  Answer({worker.held->token, 0, worker.held->request_id}, std::move(response));
  worker.held.reset();
}

// ---- who has a slot only as long as nobody else wants it --------------------------------------------------

// Attempts that could run now, if there were slots for them.
size_t CoordinatorCore::OthersWaiting() const {
  size_t count = 0;
  for (const JobId id : active_) {
    const JobRun& run = runs_.at(id);
    if (!state_.jobs.at(id).paused()) count += run.pool.startable_count() + run.stragglers.size();
  }
  return count;
}

// Reduces that wait for maps give their slots to tasks that wait for slots: else a map that has to run again might never
// find one. The youngest job's first.
void CoordinatorCore::MakeRoom() {
  if (Mutated(Mutant::kF22GuestsKeepTheirSlots)) return;
  size_t wanted = OthersWaiting();
  if (wanted == 0) return others_wait_since_.reset();
  if (!others_wait_since_) others_wait_since_ = now_.mono;
  if (now_.mono - *others_wait_since_ < options_.heartbeat) return;  // a worker with a free slot may be about to ask
  others_wait_since_ = now_.mono;
  for (auto id = active_.rbegin(); id != active_.rend() && wanted > 0; ++id) {
    JobRun& run = runs_.at(*id);
    if (run.pool.maps_done() || run.pool.running_count(Phase::kReduce) == 0) continue;
    for (const TaskId& task : std::set<TaskId>(run.pool.running_tasks())) {
      if (task.phase != Phase::kReduce) continue;
      for (const Attempt* attempt : run.pool.Find(task)->Running()) {
        if (wanted == 0 || attempt->cancelling || !attempt->awaits_sources) continue;
        --wanted;
        const AttemptId waits = attempt->id;
        Abort(waits, "gave its slot to a task that need not wait for maps");
      }
    }
  }
}

}  // namespace mr::coordinator
