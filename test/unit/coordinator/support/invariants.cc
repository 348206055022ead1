#include "test/unit/coordinator/support/invariants.h"

#include "common/base/strings.h"
#include "coordinator/core/describe.h"
#include "coordinator/core/split_planner.h"

namespace mr::coordinator::test {

void Invariants::Require(bool holds, const std::string& rule) {
  if (!holds) problems_.push_back(rule);
}

void Invariants::Check(const Actions& actions, const CoordinatorCore& core) {
  for (const wire::Record& record : actions.records) TakeRecord(record);
  for (const Reply& reply : actions.replies) TakeReply(reply.response, core);
  CheckViews(core);
  CheckKept(core);
  CheckBackups(core);
  CheckBounds(core);
}

void Invariants::CheckReplay(const CoordinatorCore& core) {
  State replayed;
  for (const wire::Record& record : records_) {
    const Status valid = Validate(replayed, record);
    Require(valid.has_value(), StrCat("replay refuses ", Brief(record)));
    if (valid) Apply(replayed, record);
  }
  Require(replayed == core.state(), "the replayed records give another state");
  const Result<State> copy = DecodeState(EncodeState(core.state()));
  Require(copy && *copy == core.state(), "a snapshot of the state gives another one");
}

void Invariants::TakeRecord(const wire::Record& record) {
  records_.push_back(record);
  const std::string text = Brief(record);
  if (const auto* submitted = std::get_if<wire::JobSubmitted>(&record.body)) {
    JobModel& job = jobs_[submitted->job];
    job.resumes = submitted->spec.config.resume_from;
    job.plan = *PlanSplits(submitted->spec);
    job.maps = static_cast<uint32_t>(PlanSplits(submitted->spec)->size());
    job.reduces = submitted->spec.config.reducers;
    job.max_failed_permille = submitted->spec.config.max_failed_permille;
    job.backup = submitted->spec.config.backup;
  } else if (const auto* map = std::get_if<wire::MapCompleted>(&record.body)) {
    const TaskId task = map->attempt.task;
    JobModel& job = jobs_[task.job];
    Require(!job.ended && !job.map_winner.contains(task.index), StrCat("a second winner: ", text));
    if (job.reduces == 0) {
      Require(granted_[task] == map->attempt, StrCat("committed without the grant: ", text));
      ++commits_[task];
    }
    job.map_winner[task.index] = map->attempt;
    job.counters[map->attempt] = map->counters;
  } else if (const auto* lost = std::get_if<wire::MapOutputLost>(&record.body)) {
    JobModel& job = jobs_[lost->attempt.task.job];
    Require(job.map_winner[lost->attempt.task.index] == lost->attempt,
            StrCat("lost what was not won: ", text));
    Require(job.reduces > 0, StrCat("a published output was lost: ", text));
    job.map_winner.erase(lost->attempt.task.index);
    job.counters.erase(lost->attempt);
  } else if (const auto* grant = std::get_if<wire::CommitGrantedRecord>(&record.body)) {
    Require(!granted_.contains(grant->attempt.task), StrCat("granted twice: ", text));
    granted_[grant->attempt.task] = grant->attempt;
  } else if (const auto* revoked = std::get_if<wire::CommitRevoked>(&record.body)) {
    Require(commits_[revoked->attempt.task] == 0, StrCat("revoked after the commit: ", text));
    granted_.erase(revoked->attempt.task);
  } else if (const auto* reduce = std::get_if<wire::ReduceCommitted>(&record.body)) {
    const TaskId task = reduce->attempt.task;
    JobModel& job = jobs_[task.job];
    Require(!job.ended && !job.reduce_winner.contains(task.index),
            StrCat("a second winner: ", text));
    Require(granted_[task] == reduce->attempt, StrCat("committed without the grant: ", text));
    job.reduce_winner[task.index] = reduce->attempt;
    job.counters[reduce->attempt] = reduce->counters;
    ++commits_[task];
  } else if (const auto* paused = std::get_if<wire::JobPaused>(&record.body)) {
    Require(!jobs_[paused->job].paused, StrCat("paused twice: ", text));
    jobs_[paused->job].paused = true;
  } else if (const auto* changed = std::get_if<wire::JobChanged>(&record.body)) {
    if (changed->plugin_sha256) jobs_[changed->job].paused = false;
  } else if (const auto* ended = std::get_if<wire::JobEnded>(&record.body)) {
    Require(!jobs_[ended->job].ended, StrCat("ended twice: ", text));
    jobs_[ended->job].ended = true;
  } else if (const auto* given_up = std::get_if<wire::TaskGivenUp>(&record.body)) {
    const TaskId task = given_up->task;
    JobModel& job = jobs_[task.job];
    Require(!job.ended && job.given_up.insert(task).second, StrCat("given up twice: ", text));
    Require(!granted_.contains(task), StrCat("given up with a grant: ", text));
    Require(!(task.phase == Phase::kMap ? job.map_winner : job.reduce_winner).contains(task.index),
            StrCat("a winner is given up: ", text));
    const uint64_t all = task.phase == Phase::kMap ? job.maps : job.reduces;
    Require(job.GivenUp(task.phase) * 1000 <= all * job.max_failed_permille,
            StrCat("more is given up than was allowed: ", text));
  } else if (const auto* finishing = std::get_if<wire::JobFinishing>(&record.body)) {
    JobModel& job = jobs_[finishing->job];
    job.paused = false;  // its cleanup may run
    job.unsuccessful = !finishing->success;
    const bool all = job.map_winner.size() + job.GivenUp(Phase::kMap) == job.maps &&
                     job.reduce_winner.size() + job.GivenUp(Phase::kReduce) == job.reduces;
    Require(!finishing->success || all, StrCat("success before every task was completed: ", text));
  }
}

void Invariants::TakeReply(const wire::Response& response, const CoordinatorCore& core) {
  if (const auto* work = std::get_if<wire::WorkResponse>(&response.body)) {
    Require(work->assignment.has_value() == (work->verdict == wire::WorkVerdict::kAssigned),
            "a verdict without its assignment");
    if (work->assignment) TakeAssignment(*work->assignment);
    for (const wire::SourceUpdate& update : work->updates) TakeSources(update.attempt, update.sources, update.complete);
    if (work->assignment) CheckCleanup(*work->assignment, core);
  } else if (const auto* report = std::get_if<wire::ReportResponse>(&response.body)) {
    for (const AttemptId& attempt : report->commit_granted) {
      const auto granted = granted_.find(attempt.task);
      Require(granted != granted_.end() && granted->second == attempt,
              StrCat(ToString(attempt), " was told of a grant that is not recorded"));
    }
  }
}

void Invariants::TakeAssignment(const wire::Assignment& assignment) {
  const AttemptId& id = assignment.attempt;
  JobModel& job = jobs_[id.task.job];
  Require(!job.ended, StrCat(ToString(id), " was assigned after the end of its job"));
  // The same once more, after a lost answer, is no new start; its backup attempt may have begun since.
  if (started_.insert(id).second) {
    const auto newest = newest_.find(id.task);
    Require(newest == newest_.end() || std::pair(id.epoch, id.number) >
                                           std::pair(newest->second.epoch, newest->second.number),
            StrCat(ToString(id), " was started after a later attempt"));
    Require(!job.paused, StrCat(ToString(id), " was started while its job was paused"));
    newest_[id.task] = id;
  }
  Require(!job.given_up.contains(id.task), StrCat(ToString(id), " was assigned after its task was given up"));
  if (assignment.earlier) TakeEarlier(id, *assignment.earlier);
  if (id.task.phase == Phase::kMap) {
    Require(!job.map_winner.contains(id.task.index),
            StrCat(ToString(id), " was assigned for a completed task"));
  } else if (const auto* work = std::get_if<wire::ReduceWork>(&assignment.work)) {
    Require(!job.reduce_winner.contains(id.task.index),
            StrCat(ToString(id), " was assigned for a completed task"));
    heard_[id].clear();
    TakeSources(id, work->sources, work->complete);
  }
}

// A reduce reads winners only, and thinks that it has all of them only when all maps are completed.
void Invariants::TakeSources(const AttemptId& reduce, const std::vector<wire::MapOutput>& sources, bool complete) {
  JobModel& job = jobs_[reduce.task.job];
  for (const wire::MapOutput& source : sources) {
    const auto winner = job.map_winner.find(source.attempt.task.index);
    Require(winner != job.map_winner.end() && source.attempt == winner->second,
            StrCat(ToString(reduce), " fetches from a loser"));
    heard_[reduce].insert(source.attempt.task.index);
  }
  if (!complete) return;
  Require(job.map_winner.size() + job.GivenUp(Phase::kMap) == job.maps,
          StrCat(ToString(reduce), " was told that all maps are completed"));
  for (const auto& [map, winner] : job.map_winner)
    Require(heard_[reduce].contains(map), StrCat(ToString(reduce), " was never told of map ", map));
}

// Nothing is written behind the back of a cleanup.
void Invariants::CheckCleanup(const wire::Assignment& assignment, const CoordinatorCore& core) {
  const auto* finish = std::get_if<wire::FinishWork>(&assignment.work);
  if (finish == nullptr || finish->success) return;
  const auto run = core.runs().find(assignment.attempt.task.job);
  Require(run == core.runs().end() || run->second.pool.attempt_count() <= 1,
          StrCat(ToString(assignment.attempt), " cleans up while attempts run"));
}

// What is taken over is a winner of the job that is resumed, for the very same splits.
void Invariants::TakeEarlier(const AttemptId& id, const wire::EarlierOutput& earlier) {
  const JobModel& job = jobs_[id.task.job];
  const TaskId& source = earlier.attempt.task;
  JobModel& old = jobs_[source.job];
  const std::string what = StrCat(ToString(id), " takes over ", ToString(earlier.attempt));
  Require(id.task.phase == Phase::kMap && source.phase == Phase::kMap, StrCat(what, ", which is no map"));
  Require(source.job == job.resumes, StrCat(what, " of a job that it does not resume"));
  Require(old.ended && old.unsuccessful, StrCat(what, " of a job that may still need it"));
  const auto winner = old.map_winner.find(source.index);
  Require(winner != old.map_winner.end() && winner->second == earlier.attempt, StrCat(what, ", a loser"));
  Require(source.index < old.plan.size() && id.task.index < job.plan.size() &&
              old.plan[source.index] == job.plan[id.task.index] && job.reduces == old.reduces,
          StrCat(what, ", made of another input"));
}

void Invariants::CheckBounds(const CoordinatorCore& core) {
  for (const auto& [id, run] : core.runs()) {
    Require(run.warnings.size() <= kMaxWarnings, StrCat(ToString(id), " has ", run.warnings.size(), " warnings"));
    Require(run.logs.total_bytes() <= kMaxLogBytesPerJob,
            StrCat(ToString(id), " keeps ", run.logs.total_bytes(), " bytes of logs"));
  }
}

// An output is kept for one purpose: for a job that runs, or for one that may come.
void Invariants::CheckKept(const CoordinatorCore& core) {
  std::set<AttemptId> all;
  for (const Worker& worker : core.workers().workers()) {
    Require(worker.alive || worker.kept_outputs.empty(), StrCat("lost worker ", worker.info.name, " keeps outputs"));
    for (const AttemptId& attempt : worker.kept_outputs) {
      const JobModel& job = jobs_[attempt.task.job];
      Require(job.unsuccessful, StrCat(ToString(attempt), " is kept, though its job did not fail"));
      Require(all.insert(attempt).second && !worker.map_outputs.contains(attempt),
              StrCat(ToString(attempt), " is kept twice"));
    }
  }
}

// A task runs once, or a second time on another worker if its job allows that; what is completed does not run.
void Invariants::CheckBackups(const CoordinatorCore& core) {
  std::map<TaskId, std::set<WorkerId>> runs;
  for (const Worker& worker : core.workers().workers()) {
    for (const AttemptId& attempt : worker.running)
      Require(runs[attempt.task].insert(worker.id).second, StrCat(ToString(attempt.task), " runs twice on one worker"));
  }
  for (const auto& [task, workers] : runs) {
    const JobModel& job = jobs_[task.job];
    const auto& winners = task.phase == Phase::kMap ? job.map_winner : job.reduce_winner;
    const bool may = job.backup && task.phase != Phase::kFinish;
    Require(workers.size() <= (may ? 2u : 1u), StrCat(ToString(task), " has ", workers.size(), " running attempts"));
    Require(task.phase == Phase::kFinish || job.ended || !winners.contains(task.index),
            StrCat(ToString(task), " is completed, and runs"));
  }
}

void Invariants::CheckViews(const CoordinatorCore& core) {
  uint32_t busy = 0;
  for (const wire::WorkerView& worker : core.ClusterView().workers) busy += worker.busy;
  uint32_t running = 0;
  for (const auto& [id, run] : core.runs()) {
    const uint32_t slots = core.state().jobs.at(id).spec.config.slots_per_task;
    const uint32_t finishing = run.pool.attempt_count(Phase::kFinish);
    running += (run.pool.attempt_count() - finishing) * slots + finishing;
  }
  Require(busy == running, StrCat(busy, " slots are busy, running attempts need ", running));
  for (const wire::JobView& view : core.JobViews({})) {
    JobModel& job = jobs_[view.id];
    Require(view.map.done == job.map_winner.size(),
            StrCat(ToString(view.id), " shows another number of maps done"));
    Require(view.reduce.done == job.reduce_winner.size(),
            StrCat(ToString(view.id), " shows another number of reduces done"));
    Require(view.map.failed == job.GivenUp(Phase::kMap),
            StrCat(ToString(view.id), " shows another number of maps given up"));
    Require(view.map.done + view.map.failed + view.map.running <= view.map.total,
            StrCat(ToString(view.id), " runs more maps than it has"));
    Require(view.map.backups_won <= view.map.backups && view.reduce.backups_won <= view.reduce.backups,
            StrCat(ToString(view.id), " had more backup attempts win than it started"));
    wire::Counters sum;
    for (const auto& [attempt, counters] : job.counters) {
      for (const auto& [name, value] : counters) sum[name] += value;
    }
    for (const auto& [name, value] : sum) {
      const auto shown = view.counters.find(name);
      Require(shown != view.counters.end() && shown->second == value,
              StrCat(ToString(view.id), " counts ", name, " wrong"));
    }
  }
}

}  // namespace mr::coordinator::test
