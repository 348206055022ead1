#include "coordinator/core/explain.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/strings.h"
#include "coordinator/core/describe.h"
#include "coordinator/core/plugin_abi.h"
#include "coordinator/core/views.h"

namespace mr::coordinator {
namespace {

constexpr size_t kMaxGroups = 50;
constexpr size_t kMaxNamed = 10;  // tasks, workers or jobs in one list

struct Why {
  std::string reason;
  std::string fix;
};

// "w1, w2, …"
std::string Names(const std::vector<std::string>& names) {
  const size_t shown = std::min(names.size(), kMaxNamed);
  std::string text = Join(std::span(names).first(shown), ", ");
  return shown < names.size() ? text + ", …" : text;
}

// Workers that take no tasks, by why.
struct Idle {
  std::vector<std::string> stopping, taken_out, quarantined, troubled;
  std::string trouble;  // the first one's own words
};

// What the cluster has for tasks of one job.
struct Supply {
  uint32_t alive = 0;
  uint32_t usable = 0;
  uint32_t slots = 0;  // of usable workers
  uint32_t busy = 0;
  uint32_t largest = 0;  // slots of the worker with most
  std::vector<std::string> free;           // workers with a free slot that may run the job
  std::vector<std::string> foreign;        // that cannot load the plugin: another ABI
  std::vector<std::string> free_excluded;  // with a free slot, but the job failed there too often
  Idle idle;
  std::map<JobId, uint32_t> users;         // whose tasks are in the slots
};

// False: it may take tasks.
bool AddIdle(Idle& idle, const Worker& worker) {
  const std::string& name = worker.info.name;
  if (worker.draining || worker.told_to_leave) {
    idle.stopping.push_back(name);
  } else if (worker.taken_out) {
    idle.taken_out.push_back(name);
  } else if (worker.quarantine.until) {
    idle.quarantined.push_back(name);
  } else if (!worker.trouble.empty()) {
    if (idle.troubled.empty()) idle.trouble = worker.trouble;
    idle.troubled.push_back(name);
  } else {
    return false;
  }
  return true;
}

Supply Survey(const JobEntry& job, const JobRun& run, const WorkerTable& workers, uint32_t slots_per_task) {
  Supply supply;
  const bool others = std::any_of(
      workers.workers().begin(), workers.workers().end(), [&](const Worker& worker) {
        return worker.usable() && !run.Excludes(worker.id) && Speaks(worker.info, job.spec.config.plugin_build);
      });
  for (const Worker& worker : workers.workers()) {
    if (!worker.alive) continue;
    ++supply.alive;
    if (AddIdle(supply.idle, worker)) continue;
    if (!Speaks(worker.info, job.spec.config.plugin_build)) {
      supply.foreign.push_back(worker.info.name);
      continue;
    }
    ++supply.usable;
    supply.slots += worker.info.slots;
    supply.busy += worker.busy_slots;
    supply.largest = std::max(supply.largest, worker.info.slots);
    for (const AttemptId& attempt : worker.running) ++supply.users[attempt.task.job];
    const bool probes = worker.quarantine.probing && worker.busy_slots > 0;
    if (probes || worker.busy_slots + slots_per_task > worker.info.slots) continue;
    const bool excluded = others && run.Excludes(worker.id);
    (excluded ? supply.free_excluded : supply.free).push_back(worker.info.name);
  }
  return supply;
}

// "1 is being stopped (w1); 2 are taken out (w2, w3)", and what helps against the first of these.
Why DescribeIdle(const Idle& idle) {
  Why why;
  const auto add = [&why](const std::vector<std::string>& names, const std::string& what, const std::string& fix) {
    if (names.empty()) return;
    why.reason += StrCat(why.reason.empty() ? "" : "; ", names.size(), names.size() == 1 ? " is " : " are ", what, " (",
                         Names(names), ")");
    if (why.fix.empty()) why.fix = fix;
  };
  const auto undo = [](const std::vector<std::string>& names) {
    return StrCat("mrsubmit drain --undo ", names.empty() ? "" : names.front());
  };
  add(idle.taken_out, "taken out by mrsubmit drain", undo(idle.taken_out));
  add(idle.quarantined, "quarantined, as everything failed there", StrCat("mrsubmit workers; ", undo(idle.quarantined)));
  add(idle.troubled, StrCat("in trouble: ", idle.trouble), "mrsubmit workers");
  add(idle.stopping, "being stopped", "start another mrworker");
  return why;
}

Why SlotsAreBusy(JobId job, const Supply& supply, uint32_t slots_per_task) {
  std::vector<std::string> users;
  bool others = false;
  for (const auto& [user, count] : supply.users) {
    others = others || user != job;
    users.push_back(StrCat(Counted(count, "task"), " of ", user == job ? std::string("this job") : ToString(user)));
  }
  const std::string what = slots_per_task == 1
                               ? std::string("every slot is busy")
                               : StrCat("no worker has ", slots_per_task, " free slots (--slots-per-task)");
  const Why idle = DescribeIdle(supply.idle);
  const std::string no_help = idle.reason.empty() ? "" : StrCat("; of the other workers ", idle.reason);
  return {StrCat(what, ", ", supply.busy, " of ", supply.slots, " in use by ", Names(users), no_help),
          !idle.fix.empty() ? idle.fix
          : others          ? "more workers or --slots; the other jobs: mrsubmit ls"
                            : "more workers or --slots"};
}

Why WhyPendingWaits(const JobEntry& job, const JobRun& run, const WorkerTable& workers) {
  // Of an active job only maps and reduces wait, of any other only the finish task.
  const uint32_t slots = job.SlotsOf(job.stage == JobStage::kActive ? Phase::kMap : Phase::kFinish);
  const Supply supply = Survey(job, run, workers, slots);
  if (supply.alive == 0) return {"no worker is connected", "mrworker -c COORDINATOR, on each host"};
  if (supply.usable == 0 && !supply.foreign.empty()) {
    return {StrCat("the plugin speaks plugin ABI ", AbiText(job.spec.config.plugin_build),
                   ", which no worker does that takes tasks (", Names(supply.foreign), ")"),
            "upgrade the workers, or build the plugin against their headers"};
  }
  if (supply.usable == 0) {
    const Why idle = DescribeIdle(supply.idle);
    return {StrCat("no worker takes tasks: ", idle.reason), idle.fix};
  }
  if (supply.largest < slots) {
    return {StrCat("a task of the job takes ", slots, " slots (--slots-per-task); the largest worker has ",
                   supply.largest),
            StrCat("a worker with --slots ", slots, " or more")};
  }
  const uint32_t limit = job.spec.config.max_running;
  if (limit > 0 && run.pool.attempt_count() >= limit)
    return {StrCat(Counted(limit, "task"), " of the job may run at once (--max-running), and so many do"), ""};
  if (!supply.free.empty())
    return {StrCat("a slot is free on ", Names(supply.free), ", which has not asked for work yet"), ""};
  if (!supply.free_excluded.empty()) {
    return {StrCat("the only free slots are on ", Names(supply.free_excluded), ", where ",
                   kFailuresToExclude, " attempts of the job have failed"),
            StrCat("mrsubmit tasks ", ToString(job.id), " --failed")};
  }
  return SlotsAreBusy(job.id, supply, slots);
}

class Explainer {
 public:
  Explainer(const JobEntry& job, const JobRun& run, const WorkerTable& workers)
      : job_(job), run_(run), workers_(workers), pending_(WhyPendingWaits(job, run, workers)) {
    for (const auto& [time, task] : run.pool.delayed()) delayed_.insert(task);
  }

  void Look(const TaskId& id) {
    const Task& task = *run_.pool.Find(id);
    // The finish task is blocked until it is its turn; reduces, until it is known to be theirs.
    const bool waits = task.state == wire::TaskState::kPending ||
                       (task.state == wire::TaskState::kBlocked && id.phase == Phase::kReduce);
    if (waits) Add(id, WhyOf(id, task));
  }
  std::vector<wire::WaitingTasks> Take() { return std::move(groups_); }

 private:
  Why WhyOf(const TaskId& id, const Task& task) const {
    if (job_.paused()) {
      return {StrCat("the job is paused: ", job_.pause_reason),
              StrCat("mrsubmit set ", ToString(id.job), " plugin=FILE, or mrsubmit kill ", ToString(id.job))};
    }
    if (id.phase == Phase::kReduce && !run_.pool.maps_done()) return WhyReduceWaits();
    const auto earlier = run_.earlier.find(id.index);
    if (id.phase == Phase::kMap && earlier != run_.earlier.end() && delayed_.contains(id)) {
      const Worker* holder = workers_.Find(earlier->second.holder);
      return {StrCat(holder == nullptr ? std::string("a worker") : holder->info.name, " has its output from ",
                     ToString(earlier->second.attempt.task.job), " and is waited for up to 30 s to take it over"),
              ""};
    }
    if (delayed_.contains(id)) {
      return {StrCat("it pauses for up to 5 s before it starts again; its last attempt was stopped: ",
                     task.attempts.empty() ? std::string("?") : task.attempts.back().cause),
              StrCat("mrsubmit tasks ", ToString(id.job))};
    }
    if (run_.recovering && id.phase != Phase::kFinish && job_.Find(id)->granted)
      return {"the coordinator was restarted; it waits for the attempt that was publishing the task's output", ""};
    if (run_.pool.held())
      return {"the coordinator was restarted; for a moment workers may still name what they run", ""};
    const TaskEntry* entry = job_.Find(id);
    const bool unread = entry != nullptr && !entry->failures.empty() &&
                        entry->failures.back().failure.cause == wire::FailureCause::kBadInput;
    if (unread && job_.stage == JobStage::kActive) {
      return {StrCat("its input could not be read on ", entry->failures.back().worker_name,
                     "; it waits for another worker"), StrCat("mrsubmit tasks ", ToString(id.job), " --failed")};
    }
    return pending_;
  }

  Why WhyReduceWaits() const {
    const size_t open = job_.maps.size() - run_.pool.completed_count(Phase::kMap) - run_.pool.given_up_count(Phase::kMap);
    if (open > 0) {
      return {StrCat("reduces begin when every map is completed; ", open, " of ", Counted(job_.maps.size(), "map"),
                     open == 1 ? " is not" : " are not"), ""};
    }
    const size_t unplaced = run_.pool.unplaced().size();
    return {StrCat("the coordinator was restarted; the workers that hold ", Counted(unplaced, "map output"),
                   " have not come back yet"), "mrsubmit workers"};
  }

  void Add(const TaskId& id, Why why) {
    auto found = std::find_if(groups_.begin(), groups_.end(), [&](const wire::WaitingTasks& group) {
      return group.phase == id.phase && group.reason == why.reason;
    });
    if (found == groups_.end() && groups_.size() == kMaxGroups) {
      found = groups_.end() - 1;
      found->reason = "several other reasons";
      found->fix = StrCat("mrsubmit tasks ", ToString(id.job));
    }
    if (found == groups_.end()) {
      groups_.push_back({id.phase, 0, {}, std::move(why.reason), std::move(why.fix)});
      found = groups_.end() - 1;
    }
    if (++found->count <= kMaxNamed) found->tasks.push_back(id);
  }

  const JobEntry& job_;
  const JobRun& run_;
  const WorkerTable& workers_;
  const Why pending_;
  std::set<TaskId> delayed_;
  std::vector<wire::WaitingTasks> groups_;
};

std::string PhaseSummary(const JobRun& run, Phase phase) {
  const TaskPool& pool = run.pool;
  return StrCat(PhaseName(phase), " ", pool.completed_count(phase), " of ", pool.tasks(phase).size(),
                " done, ", pool.running_count(phase), " running");
}

std::string JobSummary(const JobEntry& job, const JobRun& run) {
  const wire::JobState state = StateOf(job, run);
  const std::string head = StrCat(ToString(job.id), " is ", JobStateName(state));
  if (job.stage == JobStage::kEnded)
    return StrCat(ToString(job.id), " has ended (", JobStateName(state), "); no task of it waits");
  std::string text = StrCat(head, ": ", PhaseSummary(run, Phase::kMap));
  if (!job.map_only()) text += StrCat("; ", PhaseSummary(run, Phase::kReduce));
  return text;
}

std::string TaskSummary(const JobEntry& job, const JobRun& run, const TaskId& id) {
  const wire::TaskView task = MakeTaskView(job, run, id);
  std::string text = StrCat(ToString(id), " is ", TaskStateName(task.state));
  std::string where;
  for (const wire::AttemptView& attempt : task.attempts) {
    if (attempt.state != wire::AttemptState::kRunning) continue;
    where += StrCat(where.empty() ? " on " : " and on ", attempt.worker_name, attempt.backup ? " (backup attempt)" : "");
  }
  return text + where;
}

}  // namespace

wire::ExplainResponse Explain(const JobEntry& job, const JobRun& run, const WorkerTable& workers,
                              const std::optional<TaskId>& only) {
  wire::ExplainResponse response;
  response.job = job.id;
  response.state = StateOf(job, run);
  response.summary = only ? TaskSummary(job, run, *only) : JobSummary(job, run);
  Explainer explainer(job, run, workers);
  if (only) {
    explainer.Look(*only);
  } else {
    for (const Phase phase : {Phase::kFinish, Phase::kMap, Phase::kReduce}) {
      const auto count = static_cast<uint32_t>(run.pool.tasks(phase).size());
      for (uint32_t index = 0; index < count; ++index) explainer.Look({job.id, phase, index});
    }
  }
  response.waiting = explainer.Take();
  return response;
}

}  // namespace mr::coordinator
