// The part of the agent's shell that deals with task processes.
#include <unistd.h>

#include <csignal>
#include <utility>

#include "common/base/logging.h"
#include "common/base/strings.h"
#include "common/wire/codec.h"
#include "worker/agent/agent.h"
#include "worker/agent/agent_keys.h"

namespace mr::worker {
namespace {

constexpr Duration kGoodbyeTime = std::chrono::seconds(3);
constexpr size_t kSparesMax = 4;

}  // namespace

Agent::Task* Agent::TaskOf(uint32_t slot) {
  for (auto& [id, task] : tasks_) {
    if (task.slot == slot) return &task;
  }
  return nullptr;
}

// A process that was started before there was work for it, if there is one.
Agent::Task* Agent::TakeSpare() {
  for (auto& [id, task] : tasks_) {
    if (std::exchange(task.spare, false)) return &task;
  }
  return nullptr;
}

// To start a process takes longer than a small task does. So a slot that has none gets one before
// there is work for it; but never are there more processes than slots.
void Agent::AddSpares() {
  size_t spares = 0;
  size_t working = 0;
  for (const auto& [id, task] : tasks_) {
    spares += task.spare ? 1 : 0;
    working += task.slot ? 1 : 0;
  }
  for (; spares < kSparesMax && spares + working < settings_.core.slots; ++spares) {
    const uint64_t id = next_task_id_++;
    if (!spawner_.Spawn(id, settings_.mrtask_path))
      return;  // the next attempt meets the error too, and tells it
    ++totals_.spawned;
    tasks_[id].spare = true;
  }
}

// A message that does not go out is no matter: the process is ending, and that is news of the
// spawner.
void Agent::SendTo(Task& task, const wire::ToTask& message) {
  if (!task.process) return;
  const Status queued = task.process->link().Queue(wire::Encode(wire::ToTaskMessage{message}));
  if (!queued && queued.error().code != ErrorCode::kUnavailable) LOG(ERROR) << queued.error().text;
}

void Agent::Perform(StartAttempt action) {
  if (action.reuse) {
    if (Task* task = TaskOf(action.slot)) {
      if (task->process) {
        task->process->DrainLog();
        task->process->log().Clear();
      }
      task->assignment = std::move(action.assignment);
      return SendAttempt(*task);
    }
    // Its process died in this very moment and TaskDied is on its way: it will end this attempt
    // too.
    return;
  }
  Task* spare = TakeSpare();
  const uint64_t id = spare == nullptr ? next_task_id_++ : 0;
  Task& task = spare == nullptr ? tasks_[id] : *spare;
  task.slot = action.slot;
  task.memory_limit_bytes = action.memory_limit_bytes;
  task.assignment = std::move(action.assignment);
  if (spare != nullptr) {
    if (task.process) Greet(task);
    return;
  }
  ++totals_.spawned;
  if (const Status asked = spawner_.Spawn(id, settings_.mrtask_path); !asked) {
    tasks_.erase(id);
    Feed(TaskDied{action.slot, {}, asked.error().text, ""});
  }
}

void Agent::OnSpawnerNews() {
  for (;;) {
    auto news = spawner_.Next();
    if (!news) {
      LOG(ERROR) << news.error().text << ": nothing can run here any more";
      exit_code_ = kExitBug;
      return;
    }
    if (!*news) return;
    if ((*news)->spawned) OnSpawned(std::move(*(*news)->spawned));
    if ((*news)->exited) OnExited(*(*news)->exited);
  }
}

void Agent::OnSpawned(Spawned spawned) {
  const auto found = tasks_.find(spawned.id);
  if (found == tasks_.end()) return;
  Task& task = found->second;
  std::string error = spawned.error;
  if (error.empty()) {
    auto process = TaskProcess::Adopt(spawned);
    if (process)
      task.process = std::move(*process);
    else
      error = process.error().text;
  }
  if (!error.empty()) {
    const std::optional<uint32_t> slot = task.slot;
    tasks_.erase(found);
    if (slot) Feed(TaskDied{*slot, {}, error, ""});
    return;
  }
  poller_.AddFd(task.process->link().descriptor(), LinkKey(spawned.id));
  poller_.AddFd(task.process->log_fd(), LogKey(spawned.id));
  if (task.kill_on_arrival) return task.process->SignalGroup(SIGKILL);
  if (task.assignment) Greet(task);
}

// A process learns from its first message whom it works for; its first attempt comes with it.
void Agent::Greet(Task& task) {
  const wire::JobConfig& config = task.assignment->config;
  wire::TaskHello hello;
  hello.worker_name = settings_.core.name;
  hello.plugin_path = plugins_.PathOf(config.plugin_sha256);
  hello.own_endpoint = settings_.core.data_endpoint;
  for (const ScratchPaths& scratch : scratch_) {
    hello.map_output_dirs.push_back(scratch.map_outputs);
    hello.scratch_dirs.push_back(scratch.attempts);
  }
  hello.memory_limit_bytes = task.memory_limit_bytes;
  if (settings_.keys) {
    hello.public_key = settings_.keys->public_key;
    hello.secret_key = settings_.keys->secret_key;
  }
  SendTo(task, hello);
  SendAttempt(task);
}

void Agent::SendAttempt(Task& task) {
  SendTo(task, wire::RunAttempt{*task.assignment, static_cast<uint32_t>(disks_.Next())});
  for (wire::SourceUpdate& update : std::exchange(task.updates, {})) SendTo(task, std::move(update));
}

void Agent::ReadLink(uint64_t id) {
  while (true) {
    const auto found = tasks_.find(id);
    if (found == tasks_.end() || !found->second.link_open) return;
    Task& task = found->second;
    auto bytes = task.process->link().Next();
    if (!bytes) return CloseLink(id, task);
    if (!*bytes) return;
    auto message = wire::Decode<wire::FromTaskMessage>(**bytes);
    if (!message) {
      LOG(ERROR) << "a task speaks nonsense and is killed: " << message.error().text;
      task.process->SignalGroup(SIGKILL);
      return CloseLink(id, task);
    }
    if (!task.slot) continue;
    const uint32_t slot = *task.slot;
    if (const auto* ready = std::get_if<wire::ReadyToCommit>(&message->body)) {
      Feed(TaskWantedCommit{slot, ready->attempt});
    } else if (const auto* fetched = std::get_if<wire::SourcesFetched>(&message->body)) {
      Feed(TaskFetchedSources{slot, fetched->attempt});
    } else if (auto* ended = std::get_if<wire::AttemptEnded>(&message->body)) {
      task.process->DrainLog();
      if (ended->outcome.failure)
        ended->outcome.failure->log_tail = task.process->log().LastLines();
      std::string log_bytes = task.process->log().TakeNew();
      task.assignment.reset();
      totals_.Add(ended->outcome);
      Feed(TaskReported{slot, std::move(ended->outcome), std::move(log_bytes)});
    }
  }
}

void Agent::ReadLog(uint64_t id) {
  Task& task = tasks_.at(id);
  if (task.log_open && !task.process->DrainLog()) CloseLog(id, task);
}

void Agent::CloseLog(uint64_t id, Task& task) {
  if (std::exchange(task.log_open, false)) poller_.Remove(LogKey(id));
}

void Agent::CloseLink(uint64_t id, Task& task) {
  if (std::exchange(task.link_open, false)) poller_.Remove(LinkKey(id));
}

void Agent::OnExited(const Exited& exited) {
  const auto found = tasks_.find(exited.id);
  if (found == tasks_.end()) return;
  Task& task = found->second;
  if (task.process) ReadLink(exited.id);  // what it said before it died counts
  const std::optional<uint32_t> slot = task.slot;
  const std::optional<wire::Assignment> assignment = std::move(task.assignment);
  if (task.process) {
    CloseLink(exited.id, task);
    CloseLog(exited.id, task);
  }
  const std::shared_ptr<TaskProcess> process = std::move(task.process);
  tasks_.erase(found);
  if (!slot) return;
  if (!process || !assignment)
    return Feed(TaskDied{*slot, {}, "", process ? process->log().TakeNew() : std::string()});
  // The record is read from the input again, and lines are counted. Until that is done the slot
  // counts as busy.
  chores_->Add([this, slot = *slot, exited, process, assignment]() -> Chores::Sequel {
    DeathReport death = process->Autopsy(exited, env_, assignment);
    return [this, died = TaskDied{slot, std::move(death), "", process->log().TakeNew()}] {
      Feed(died);
    };
  });
}

void Agent::Perform(GrantCommit action) {
  if (Task* task = TaskOf(action.slot)) SendTo(*task, wire::CommitGranted{action.attempt});
}

void Agent::Perform(PassSources action) {
  Task* task = TaskOf(action.slot);
  if (task == nullptr) return;
  if (task->process)
    SendTo(*task, std::move(action.update));
  else
    task->updates.push_back(std::move(action.update));
}

void Agent::Perform(AskForStack action) {
  Task* task = TaskOf(action.slot);
  if (task != nullptr && task->process) task->process->SignalProcess(SIGQUIT);
}

void Agent::Perform(KillTask action) {
  Task* task = TaskOf(action.slot);
  if (task == nullptr) return;
  if (task->process)
    task->process->SignalGroup(SIGKILL);
  else
    task->kill_on_arrival = true;
}

void Agent::Perform(StopTask action) {
  Task* task = TaskOf(action.slot);
  if (task == nullptr) return;
  task->slot.reset();
  task->kill_at = clock_.Read().mono + kGoodbyeTime;
  if (task->process)
    SendTo(*task, wire::TaskGoodbye{});
  else
    task->kill_on_arrival = true;
  AddSpares();
}

}  // namespace mr::worker
