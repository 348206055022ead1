// The workers that have registered: who they are, whether they live, what they run and hold.
// Volatile.
//
// A worker is its name; its id stays the same for as long as the coordinator lives. Each
// registration opens a new session, and everything that comes from an older one is fenced off.
// Pure; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/wire/control.h"

namespace mr::coordinator {

inline constexpr uint32_t kMaxWorkers = 10'000;

// A work request that waits for work.
struct HeldWork {
  std::string token;
  uint64_t request_id = 0;
  uint32_t free_slots = 0;
  Time until;
  uint64_t order = 0;  // of arrival
  Time since{};
  std::map<AttemptId, uint64_t> waiting{};  // its reduces that wait for map outputs: how far each has heard
};

// Things a worker is told in its reports until it must have heard: answers can be lost, so each is
// said in the answers to three different requests.
template <class T>
class Notices {
 public:
  void Add(const T& thing) { left_[thing] = 3; }
  void Remove(const T& thing) { left_.erase(thing); }
  void Clear() { left_.clear(); }
  size_t size() const { return left_.size(); }
  // `count` is false for a repeated request: its answer says the same again.
  std::vector<T> Tell(bool count) {
    std::vector<T> told;
    for (auto it = left_.begin(); it != left_.end();) {
      told.push_back(it->first);
      if (count) --it->second;
      it = it->second == 0 ? left_.erase(it) : std::next(it);
    }
    return told;
  }

 private:
  std::map<T, int> left_;
};

// The attempts of one job in a set of them.
std::pair<std::set<AttemptId>::const_iterator, std::set<AttemptId>::const_iterator> RangeOf(
    const std::set<AttemptId>& attempts, JobId job);

// Attempts that failed here at once, since the last that succeeded.
struct FailingStreak {
  uint32_t count = 0;
  Time since;
  Time last;
  Duration longest{};
  std::map<JobId, uint32_t> by_job;
  std::string error;  // the last
};

// Of a worker that fails everything while others do not (core_quarantine.cc).
struct Quarantine {
  std::optional<Time> until;  // no tasks before
  bool probing = false;       // it was over: one task at a time, until one succeeds
  uint32_t times = 0;         // in a row
  uint32_t failures_before = 0;
  std::string reason;
};

struct Worker {
  WorkerId id;
  SessionId session;
  wire::RegisterRequest info;  // as registered; inventories are not kept
  bool alive = false;
  bool draining = false;
  bool taken_out = false;  // by a person; holds for the name, over sessions
  std::string taken_out_reason;
  std::string trouble;  // its own words for why it takes no tasks; empty: it takes some
  FailingStreak failing;
  Quarantine quarantine;
  bool told_to_leave = false;
  Time lease_until;
  int64_t last_seen_unix_ms = 0;
  uint64_t scratch_free_bytes = 0;
  uint64_t tasks_completed = 0;
  uint64_t tasks_failed = 0;

  std::set<AttemptId> running;      // assigned to this session
  uint32_t busy_slots = 0;          // that these occupy
  std::set<AttemptId> map_outputs;  // completed here and still needed
  std::set<AttemptId> kept_outputs;  // of jobs that did not succeed, for a job that resumes them
  std::optional<HeldWork> held;
  Notices<JobId> ended_jobs;
  Notices<JobId> kept_jobs;  // ended too, but kept_outputs has some of theirs
  Notices<AttemptId> drop_outputs;
  Notices<bool> sweep;  // of its scratch directory; there is one at most
  std::set<JobId> jobs;  // that it was given a task of; to be told of their end

  // Newest request of each kind, to know a late copy from news. Ids grow per client.
  uint64_t register_client = 0, register_request = 0;
  uint64_t report_client = 0, report_request = 0;
  uint64_t work_client = 0, work_request = 0;

  WorkerRef ref() const { return {id, session}; }
  bool usable() const { return alive && !draining && !taken_out && !told_to_leave && !quarantine.until; }
};

class WorkerTable {
 public:
  // Null: never heard of.
  Worker* FindByName(const std::string& name);
  Worker* Find(WorkerId id);
  const Worker* Find(WorkerId id) const;
  // The worker, if this is its present session and its lease has not run out.
  // Errors: kFenced, telling it to register again.
  Result<Worker*> Check(const WorkerRef& ref);
  // A worker of this name, made if there is none. Errors: kUnavailable when the table is full.
  Result<Worker*> FindOrAdd(const std::string& name);
  SessionId NewSession() { return SessionId{++last_session_}; }

  std::vector<Worker>& workers() { return workers_; }  // by id
  const std::vector<Worker>& workers() const { return workers_; }
  uint32_t alive_count() const;
  void NoteHost(const std::string& host);
  // Whether all workers ever registered were of one host, so that no map output crosses a network.
  bool OnOneHost() const { return !several_hosts_; }
  // Held requests, oldest first.
  std::vector<WorkerId> Waiting() const;

 private:
  std::vector<Worker> workers_;  // index = id - 1
  std::map<std::string, WorkerId> by_name_;
  uint64_t last_session_ = 0;
  std::optional<std::string> first_host_;
  bool several_hosts_ = false;
};

}  // namespace mr::coordinator
