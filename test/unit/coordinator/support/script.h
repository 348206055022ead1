// Conversations with the coordinator's core, written as lines of text; used by scenario files and
// tests.
//
//   set lease=10s max_jobs=2 exit_when_idle=5s …   (before anything else)
//   plugin                                          a plugin is stored
//   submit maps=2 reducers=1 [out=/out] [max_attempts=4] [max_running=0] [user=u]
//          [priority=low] [slots=1] [tie=0s] [skip=0] [abi=1.0] [again]
//   register W [slots=2] [host=H] [abi=1.0] [running=A,…] [outputs=A,…] [same]    same: a copy of the last
//   registration work W [free=1] [hold=1s] [accepted=A,…] [waiting=A/POSITION,…] [same] report W [running=A,…] [done=A,…]
//   [failed=A:cause[:PLACE]] [skipped=PLACE] [fetch=A:SOURCE[:denied]] [commit=A,…] [log=A:text]
//            [progress=A:percent,…]
//            [took=0s: what the done ones took] [trouble=word] [draining] [leaving] [same]
//   advance 3s        kill j1 [task=j1-m0]        watch j1 [since=0] [wait=1s]
//   gc [dry] [claims=j1,j2-x]       j2-x: with a nonce that is not j2's
//   jobs    tasks j1    log j1-m0 [attempt=0]    cluster    spec j1
//
//   W's command with "late": a late copy of the request before the last
//
//   clock 2h          the wall clock jumps
//   stop              the process was told to end
//   restart           of the coordinator, with what it has recorded; A@1 is then an attempt of its first life
//   expect 2          so many workers there were before the restart
//
// PLACE is where user code failed, or what was left out: 7, a record's offset in its file, or ann, a group's key.
// W is a worker's name; W@n speaks from that session whatever the present one is. Each line answers
// with what the core did: "+ record", "W< reply", and "@3.000s" before what a tick did while time
// advanced.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "coordinator/core/coordinator_core.h"
#include "test/unit/coordinator/support/invariants.h"

namespace mr::coordinator::test {

// A job whose input makes exactly `maps` tasks of 100 bytes.
wire::JobSpec MakeSpec(uint32_t maps, uint32_t reducers, const std::string& output_dir = "/out");
// The outcome of a successful attempt of a job with `reducers`.
wire::AttemptOutcome MakeSuccess(const AttemptId& attempt, uint32_t reducers);
wire::AttemptOutcome MakeFailure(const AttemptId& attempt, wire::FailureCause cause,
                                 const std::string& message);
std::string PluginHash();

class Script {
 public:
  Script() = default;
  // Runs one line; returns what the core answered. A line that cannot be understood answers "??
  // why".
  std::string Run(const std::string& line);
  const Invariants& invariants() const { return invariants_; }
  CoordinatorCore& core();
  Invariants& mutable_invariants() { return invariants_; }

 private:
  struct Arguments {
    std::string command;
    std::string subject;
    std::map<std::string, std::string> named;
    std::set<std::string> flags;
  };
  struct Person {  // a worker, or the client
    uint64_t client = 0;
    WorkerRef ref;
    std::map<std::string, wire::Request> last;  // by command
    std::map<std::string, wire::Request> before_last;
  };
  static Arguments Parse(const std::string& line);
  Now Read() const;
  std::string Set(const Arguments& arguments);
  std::string Advance(const Arguments& arguments);
  std::string Restart();
  std::string Take(const Event& event);
  std::string Print(const Actions& actions);
  std::string Send(const std::string& who, const std::string& command, bool same,
                   wire::RequestBody body);
  wire::RequestBody MakeClientRequest(const Arguments& arguments);
  wire::RequestBody MakeRegister(const Arguments& arguments);
  wire::RequestBody MakeWork(const Arguments& arguments, WorkerRef ref);
  wire::RequestBody MakeReport(const Arguments& arguments, WorkerRef ref);
  std::string SendLate(const std::string& who, const std::string& command);
  uint32_t ReducersOf(JobId job);
  AttemptId Attempt(const std::string& text);
  std::vector<AttemptId> Attempts(const Arguments& arguments, const std::string& name);
  static std::pair<uint32_t, uint32_t> Abi(const Arguments& arguments);

  CoreOptions options_;
  ManualClock clock_;
  Duration unix_offset_{};
  Time start_ = clock_.Read().mono;
  std::unique_ptr<CoordinatorCore> core_;
  Invariants invariants_;
  std::map<std::string, Person> people_;
  std::optional<Time> deadline_;
  std::string trouble_;  // why the present line cannot be understood
  uint64_t next_client_ = 1;
  uint64_t next_request_ = 1;
};

}  // namespace mr::coordinator::test
