// The part of the agent's shell that people look at: the state and the stacks that SIGUSR1 asks for,
// and the picture for the status page.
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "common/base/logging.h"
#include "common/base/strings.h"
#include "common/net/endpoint.h"
#include "worker/agent/agent.h"
#include "worker/agent/source_lines.h"
#include "worker/task/crash_handler.h"
#include "worker/task/limits.h"

namespace mr::worker {
namespace {

std::string TextOf(const char* field, size_t size) {
  return std::string(field, ::strnlen(field, size));
}

}  // namespace

void Agent::LogState() {
  LOG(INFO) << core_.busy_slots() << " of " << settings_.core.slots << " slots busy, "
            << (core_.registered() ? "registered" : "not registered") << " with "
            << channels_[0]->endpoint();
  for (const auto& [id, task] : tasks_) {
    if (!task.slot || !task.process || !task.assignment) continue;
    const BlackBox& box = task.process->black_box();
    const std::string function = PhaseFunction(box.where.phase);
    LOG(INFO) << "slot " << *task.slot << ": " << ToString(task.assignment->attempt) << ", process "
              << task.process->pid() << ", in "
              << (function.empty() ? "the engine" : function + "()") << ", record "
              << box.where.record_no << " of " << TextOf(box.input_path, sizeof box.input_path)
              << ", " << FormatSize(task.process->MemoryBytes());
  }
}

void Agent::AskForStacks() {
  for (const auto& [id, task] : tasks_) {
    if (!task.slot || !task.process || !task.assignment) continue;
    const BlackBox& box = task.process->black_box();
    // Before its handler is there the signal would end the task.
    if (box.magic != BlackBox::kMagic || box.takes_stacks.load() == 0) continue;
    stacks_asked_[id] = {box.stacks_taken.load(std::memory_order_acquire),
                         clock_.Read().mono + kStackTime};
    task.process->SignalProcess(StackSignal());
  }
}

void Agent::ReadStacks(Time now) {
  for (auto asked = stacks_asked_.begin(); asked != stacks_asked_.end();) {
    const auto found = tasks_.find(asked->first);
    if (found == tasks_.end() || !found->second.process || !found->second.assignment) {
      asked = stacks_asked_.erase(asked);  // it has ended meanwhile
      continue;
    }
    const Task& task = found->second;
    const uint32_t taken = task.process->black_box().stacks_taken.load(std::memory_order_acquire);
    if (taken != asked->second.taken_before) {
      LogStack(task.assignment->attempt, task.process);
    } else if (now >= asked->second.give_up_at) {
      LOG(WARNING) << "no stack of " << ToString(task.assignment->attempt) << ": process "
                   << task.process->pid()
                   << " did not answer within 0.5 s; it is stopped, waits in the kernel, or blocks "
                      "signals";
    } else {
      ++asked;
      continue;
    }
    asked = stacks_asked_.erase(asked);
  }
}

// Symbol tables are read from files, so the names are found by the chores' thread.
void Agent::LogStack(const AttemptId& attempt, const std::shared_ptr<TaskProcess>& process) {
  const auto found = std::find_if(tasks_.begin(), tasks_.end(), [&](const auto& each) {
    return each.second.process == process && each.second.assignment;
  });
  if (found == tasks_.end()) return;
  const std::string plugin = found->second.assignment->config.plugin_name;
  const std::vector<std::string> frames = process->LiveFrames();
  chores_->Add([this, attempt, plugin, frames]() -> Chores::Sequel {
    std::string text = StrCat("stack of ", ToString(attempt), ", innermost first:");
    for (const std::string& frame : SymbolizeFrames(env_, frames, plugin)) text += StrCat("\n    ", frame);
    return [text] { LOG(INFO) << text; };
  });
}

void Agent::PublishStatus() {
  if (!settings_.publish) return;
  const Now now = clock_.Read();
  auto status = std::make_shared<WorkerStatus>();
  status->name = settings_.core.name;
  status->version = settings_.core.version;
  status->coordinator = net::SplitServerKey(endpoint_).endpoint;
  status->state = core_.StateText();
  status->registered = core_.registered();
  status->takes_work = core_.takes_work();
  status->slots = settings_.core.slots;
  for (const ScratchDisks::Disk& disk : disks_.disks())
    status->scratch.push_back({disk.root, disk.free_bytes, disk.reserve_bytes, disk.usable});
  if (settings_.shuffle_sent_bytes) status->shuffle_sent_bytes = settings_.shuffle_sent_bytes();
  status->started_unix_ms = started_unix_ms_;
  status->unix_ms = now.unix_ms;
  status->cpu_ms = CpuMilliseconds();
  status->resident_bytes = ResidentBytes(::getpid());
  for (const auto& [id, task] : tasks_) {
    if (!task.slot || !task.assignment) continue;
    WorkerStatus::Attempt attempt;
    attempt.id = task.assignment->attempt;
    if (task.process) {
      const BlackBox& box = task.process->black_box();
      attempt.pid = task.process->pid();
      attempt.function = PhaseFunction(box.where.phase);
      attempt.record_no = box.where.record_no;
      attempt.input = TextOf(box.input_path, sizeof box.input_path);
      attempt.memory_bytes = task.process->MemoryBytes();
      attempt.bytes_done = box.bytes_done.load(std::memory_order_relaxed);
      attempt.bytes_total = box.bytes_total.load(std::memory_order_relaxed);
    }
    status->attempts.push_back(std::move(attempt));
  }
  status->totals = totals_;
  settings_.publish(std::move(status));
}

}  // namespace mr::worker
