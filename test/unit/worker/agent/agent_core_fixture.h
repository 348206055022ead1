// A worker's core with a coordinator played by the test; what the agent's core tests share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "common/base/strings.h"
#include "worker/agent/agent_core.h"

namespace mr::worker {

using std::chrono::milliseconds;

inline AttemptId Map(uint32_t index, uint64_t job = 1) {
  return AttemptId{{JobId{job}, Phase::kMap, index}, 0, 7};
}
inline AttemptId Reduce(uint32_t index) { return AttemptId{{JobId{1}, Phase::kReduce, index}, 0, 7}; }

inline wire::Assignment AssignmentOf(const AttemptId& attempt) {
  wire::Assignment assignment;
  assignment.attempt = attempt;
  assignment.config.plugin_sha256 = "abc";
  assignment.config.task_timeout_ms = 60'000;
  if (attempt.task.phase == Phase::kMap)
    assignment.work = wire::MapWork{};
  else if (attempt.task.phase == Phase::kReduce)
    assignment.work = wire::ReduceWork{};
  else
    assignment.work = wire::FinishWork{};
  return assignment;
}

inline wire::AttemptOutcome Good(const AttemptId& attempt) {
  wire::AttemptOutcome outcome;
  outcome.attempt = attempt;
  if (attempt.task.phase == Phase::kMap)
    outcome.result = wire::MapResult{};
  else
    outcome.result = wire::ReduceResult{};
  return outcome;
}

// A worker with two slots and a coordinator played by the test.
class AgentCoreTest : public ::testing::Test {
 protected:
  AgentCoreTest() : core_(Config(), clock_.Read()) {}

  static AgentConfig Config() {
    AgentConfig config;
    config.name = "w";
    config.slots = 2;
    config.memory_bytes = 2000;
    config.drain_timeout_ms = 5000;
    config.death_timeout_ms = 30'000;
    return config;
  }

  void Step(AgentEvent event) { actions_ = core_.Step(clock_.Read(), event); }
  void After(int64_t ms) {
    clock_.Advance(milliseconds(ms));
    Step(Ticked{});
  }
  template <class A>
  std::vector<A> All() const {
    std::vector<A> found;
    for (const AgentAction& action : actions_) {
      if (const A* one = std::get_if<A>(&action)) found.push_back(*one);
    }
    return found;
  }
  // The newest request of type R among the actions; remembers its id.
  template <class R>
  std::optional<R> Sent() {
    for (const SendRequest& send : All<SendRequest>()) {
      if (const R* body = std::get_if<R>(&send.body)) {
        last_id_[static_cast<size_t>(send.channel)] = send.request_id;
        return *body;
      }
    }
    return std::nullopt;
  }
  void Note() {
    for (const SendRequest& send : All<SendRequest>())
      last_id_[static_cast<size_t>(send.channel)] = send.request_id;
  }
  void Answer(Channel channel, wire::ResponseBody body) {
    Step(Replied{channel, last_id_[static_cast<size_t>(channel)], 7, std::move(body)});
    Note();
  }
  void Register(wire::RegisterResponse response = {}) {
    if (!registering_) Step(Ticked{});
    Note();
    response.worker = WorkerRef{WorkerId{1}, SessionId{++session_}};
    response.lease_ms = 10'000;
    response.heartbeat_ms = 500;
    Answer(Channel::kReport, response);
  }
  // Hands out an attempt and lets it run; returns its slot.
  uint32_t Run(const AttemptId& attempt) {
    Answer(Channel::kWork, wire::WorkResponse{wire::WorkVerdict::kAssigned, AssignmentOf(attempt)});
    if (!All<FetchPlugin>().empty()) {
      Step(PluginArrived{"abc"});
      Note();
    }
    const auto started = All<StartAttempt>();
    EXPECT_EQ(started.size(), 1u);
    return started.empty() ? 0 : started.front().slot;
  }
  // Answers the report in flight, whatever it said.
  void AnswerReport(wire::ReportResponse response = {}) {
    Answer(Channel::kReport, std::move(response));
  }
  void Fence() {
    registering_ = true;
    Answer(Channel::kReport, wire::ErrorResponse{ErrorCode::kFenced, "unknown session"});
  }
  bool HasExit(int code) const {
    const auto exits = All<Exit>();
    return exits.size() == 1 && exits.front().code == code;
  }
  std::vector<std::string> Text() const {
    std::vector<std::string> lines;
    for (const AgentAction& action : actions_) lines.push_back(Describe(action));
    return lines;
  }

  ManualClock clock_;
  AgentCore core_;
  AgentActions actions_;
  uint64_t last_id_[2] = {0, 0};
  uint64_t session_ = 0;
  bool registering_ = false;
};

}  // namespace mr::worker
