// What must hold whatever the coordinator's core does, checked from its records and replies alone:
// a second, simpler book-keeping beside the code that it judges.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/core/coordinator_core.h"

namespace mr::coordinator::test {

class Invariants {
 public:
  // After every step. Each violated rule adds a sentence to problems().
  void Check(const Actions& actions, const CoordinatorCore& core);
  // A record of an earlier life of the coordinator, before the first Check.
  void Recover(const wire::Record& record) { TakeRecord(record); }
  // Applying all records to an empty state must give the core's state: recovery is the same code as
  // life. So must a snapshot of it.
  void CheckReplay(const CoordinatorCore& core);
  const std::vector<std::string>& problems() const { return problems_; }
  const std::vector<wire::Record>& records() const { return records_; }
  // How often each task's output was committed; 1 is right.
  const std::map<TaskId, int>& commits() const { return commits_; }

 private:
  struct JobModel {
    uint32_t maps = 0;
    uint32_t reduces = 0;
    std::map<uint32_t, AttemptId> map_winner;
    std::map<uint32_t, AttemptId> reduce_winner;
    std::map<AttemptId, wire::Counters> counters;
    std::set<TaskId> given_up;
    uint64_t max_failed_permille = 0;
    bool backup = true;
    size_t GivenUp(Phase phase) const {
      return static_cast<size_t>(std::count_if(given_up.begin(), given_up.end(), [&](const TaskId& id) {
        return id.phase == phase;
      }));
    }
    bool ended = false;
    bool paused = false;
    bool unsuccessful = false;
    JobId resumes;
    std::vector<wire::MapWork> plan;
  };
  void Require(bool holds, const std::string& rule);
  void TakeRecord(const wire::Record& record);
  void TakeReply(const wire::Response& response, const CoordinatorCore& core);
  void CheckCleanup(const wire::Assignment& assignment, const CoordinatorCore& core);
  void TakeSources(const AttemptId& reduce, const std::vector<wire::MapOutput>& sources, bool complete);
  void TakeAssignment(const wire::Assignment& assignment);
  void CheckBackups(const CoordinatorCore& core);
  void TakeEarlier(const AttemptId& id, const wire::EarlierOutput& earlier);
  void CheckKept(const CoordinatorCore& core);
  void CheckBounds(const CoordinatorCore& core);
  void CheckViews(const CoordinatorCore& core);

  std::map<JobId, JobModel> jobs_;
  std::map<TaskId, AttemptId> granted_;
  std::map<TaskId, AttemptId> newest_;  // attempt of each task
  std::set<AttemptId> started_;
  std::map<AttemptId, std::set<uint32_t>> heard_;  // maps that each reduce has been told of
  std::map<TaskId, int> commits_;
  std::vector<wire::Record> records_;
  std::vector<std::string> problems_;
};

}  // namespace mr::coordinator::test
