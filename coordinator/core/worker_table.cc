#include "coordinator/core/worker_table.h"

#include <algorithm>
#include <utility>

#include "common/base/mutants.h"
#include "common/base/strings.h"

namespace mr::coordinator {

std::pair<std::set<AttemptId>::const_iterator, std::set<AttemptId>::const_iterator> RangeOf(
    const std::set<AttemptId>& attempts, JobId job) {
  AttemptId first, beyond;
  first.task.job = job;
  beyond.task.job = JobId{job.value + 1};
  return {attempts.lower_bound(first), attempts.lower_bound(beyond)};
}

Worker* WorkerTable::FindByName(const std::string& name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : Find(found->second);
}

Worker* WorkerTable::Find(WorkerId id) {
  return const_cast<Worker*>(std::as_const(*this).Find(id));
}

const Worker* WorkerTable::Find(WorkerId id) const {
  if (id.value == 0 || id.value > workers_.size()) return nullptr;
  return &workers_[id.value - 1];
}

Result<Worker*> WorkerTable::Check(const WorkerRef& ref) {
  Worker* worker = Find(ref.worker);
  if (worker == nullptr || (worker->session != ref.session && !Mutated(Mutant::kF04OldSessionSpeaks))) {
    return Fail(ErrorCode::kFenced,
                StrCat("session ", ToString(ref), " is not the present one; register again"));
  }
  if (!worker->alive) {
    return Fail(ErrorCode::kFenced, StrCat("the lease of ", ToString(ref), " (", worker->info.name,
                                           ") has run out; register again"));
  }
  return worker;
}

Result<Worker*> WorkerTable::FindOrAdd(const std::string& name) {
  if (Worker* worker = FindByName(name)) return worker;
  if (workers_.size() >= kMaxWorkers) {
    return Fail(ErrorCode::kUnavailable,
                StrCat("the coordinator knows ", kMaxWorkers,
                       " workers, which is its limit; restart it to forget those that are gone"));
  }
  Worker worker;
  worker.id = WorkerId{workers_.size() + 1};
  by_name_[name] = worker.id;
  workers_.push_back(std::move(worker));
  return &workers_.back();
}

uint32_t WorkerTable::alive_count() const {
  return static_cast<uint32_t>(std::count_if(workers_.begin(), workers_.end(),
                                             [](const Worker& worker) { return worker.alive; }));
}

std::vector<WorkerId> WorkerTable::Waiting() const {
  std::vector<std::pair<uint64_t, WorkerId>> waiting;
  for (const Worker& worker : workers_) {
    if (worker.held) waiting.emplace_back(worker.held->order, worker.id);
  }
  std::sort(waiting.begin(), waiting.end());
  std::vector<WorkerId> ids;
  for (const auto& [order, id] : waiting) ids.push_back(id);
  return ids;
}

void WorkerTable::NoteHost(const std::string& host) {
  if (!first_host_) first_host_ = host;
  several_hosts_ = several_hosts_ || host != *first_host_;
}

}  // namespace mr::coordinator
