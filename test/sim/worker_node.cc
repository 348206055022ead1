#include "test/sim/worker_node.h"

#include <csignal>
#include <utility>

#include "common/abi/mr_abi.h"
#include "common/base/strings.h"
#include "common/wire/codec.h"

namespace mr::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr size_t kMostOwed = 200;
constexpr size_t kMostOutputs = 300;

}  // namespace

WorkerNode::WorkerNode(World& world, const Options& options, Surroundings& around, HostId host)
    : world_(world), options_(options), around_(around), host_(host) {
  Start();
}

Now WorkerNode::LocalNow() const {
  Now now = world_.now();
  now.unix_ms += std::chrono::duration_cast<milliseconds>(unix_offset_).count();
  return now;
}

void WorkerNode::Start() {
  life_ = std::make_shared<Life>();
  ++lives_;
  client_ = (static_cast<uint64_t>(host_) << 32) + lives_;
  endpoint_ = StrCat("w", host_, ".", lives_);
  slow_ = around_.chaos() && world_.random().Chance(options_.slow_worker);
  worker::AgentConfig config;
  config.name = StrCat("w", host_);
  config.host = config.name;
  config.pid = client_;
  config.slots = options_.slots;
  config.data_endpoint = endpoint_;
  config.memory_bytes = 1u << 30;
  config.death_timeout_ms = 0;
  config.drain_timeout_ms = 5000;
  core_ = std::make_unique<worker::AgentCore>(config, LocalNow());
  tasks_.assign(options_.slots, {});
  run_files_.clear();  // scratch is swept at the start
  world_.Note(StrCat(endpoint_, " starts", slow_ ? ", slow" : ""));
  Feed(worker::Ticked{});
}

void WorkerNode::Crash() {
  if (!up()) return;
  world_.Note(StrCat(endpoint_, " crashes"));
  life_->over = true;
  for (TaskProcess& task : tasks_) {
    if (task.life) task.life->over = true;
  }
}

void WorkerNode::Stop() {
  if (!up()) return;
  world_.Note(StrCat(endpoint_, " is asked to stop"));
  world_.After({}, life_, [this] { Feed(worker::StopRequested{}); });
}

void WorkerNode::Feed(const worker::AgentEvent& event) {
  if (life_->over) return;
  for (const worker::AgentAction& action : core_->Step(LocalNow(), event)) {
    if (world_.tracing() && !std::holds_alternative<worker::SendRequest>(action))
      world_.Note(StrCat("  ", endpoint_, ": ", worker::Describe(action)));
    std::visit([this](const auto& what) { Perform(what); }, action);
    if (life_->over) return;
  }
  CheckQueues();
  ScheduleTick();
}

// Whatever happens, what waits in the agent stays within what its slots and jobs can make.
void WorkerNode::CheckQueues() const {
  const auto require = [this](const char* what, size_t size, size_t most) {
    if (size > most) world_.Blame(StrCat(endpoint_, " has ", size, " ", what, " in its memory"));
  };
  require("outcomes that are not recorded", core_->owed_count(), kMostOwed);
  require("assignments to acknowledge", core_->accepted_count(), options_.slots + 2);
  require("map outputs", core_->output_count(), kMostOutputs);
}

void WorkerNode::FillScratch(bool full) {
  if (scratch_full_ == full) return;
  scratch_full_ = full;
  world_.Note(StrCat(endpoint_, full ? " has no scratch space" : " has scratch space again"));
}

void WorkerNode::ScheduleTick() {
  const Duration wait = std::max<Duration>(core_->NextDeadline() - LocalNow().mono, milliseconds(1));
  world_.After(wait, life_, [this, number = ++tick_number_] {
    if (number != tick_number_) return;
    ObserveTasks();
    Feed(worker::Ticked{});
  });
}

void WorkerNode::ObserveTasks() {
  const auto tell = [this](const worker::AgentEvent& event) {
    for (const worker::AgentAction& action : core_->Step(LocalNow(), event))
      std::visit([this](const auto& what) { Perform(what); }, action);
  };
  tell(worker::ScratchObserved{scratch_full_ ? 0 : uint64_t{1} << 30});
  if (life_->over) return;
  for (uint32_t slot = 0; slot < tasks_.size(); ++slot) {
    TaskProcess& task = tasks_[slot];
    if (!task.life || task.life->over || !task.assignment) continue;
    if (task.waits_for_sources) ++task.beat;
    worker::TaskObserved observed;
    observed.slot = slot;
    observed.beat = task.beat;
    observed.progress.bytes_done = task.bytes_done;
    observed.progress.bytes_total = 100;
    observed.progress.shuffle_bytes_done = 10 * task.maps_read.size();
    tell(observed);
    if (life_->over) return;
  }
}

Surroundings::Fetched WorkerNode::Serve(const AttemptId& map) const {
  const auto found = run_files_.find(map);
  if (found == run_files_.end()) return Surroundings::Fetched::kNotThere;
  return found->second ? Surroundings::Fetched::kDamaged : Surroundings::Fetched::kWhole;
}

void WorkerNode::LoseOneRunFile() {
  if (run_files_.empty()) return;
  auto file = std::next(run_files_.begin(), static_cast<std::ptrdiff_t>(world_.random().Below(run_files_.size())));
  world_.Note(StrCat(endpoint_, " loses the output of ", ToString(file->first)));
  run_files_.erase(file);
}

void WorkerNode::DamageOneRunFile() {
  if (run_files_.empty()) return;
  auto file = std::next(run_files_.begin(), static_cast<std::ptrdiff_t>(world_.random().Below(run_files_.size())));
  world_.Note(StrCat(endpoint_, " has a damaged output of ", ToString(file->first)));
  file->second = true;
}

void WorkerNode::KillOneTask() {
  if (!up()) return;
  for (uint32_t slot = 0; slot < tasks_.size(); ++slot) {
    if (!tasks_[slot].life || tasks_[slot].life->over || !tasks_[slot].assignment) continue;
    return KillProcess(slot, {}, SIGKILL, MR_PHASE_NONE);
  }
}

// ---- actions -------------------------------------------------------------------------------------------------------

void WorkerNode::Perform(const worker::SendRequest& action) {
  wire::Request request;
  request.cluster = "sim";
  request.client = client_;
  request.request_id = action.request_id;
  request.epoch = action.epoch;
  request.body = action.body;
  around_.Ask(host_, wire::Encode(request),
              [this, life = life_, channel = action.channel, id = action.request_id](const std::string& bytes) {
                world_.After({}, life, [this, channel, id, bytes] {
                  Result<wire::Response> response = wire::Decode<wire::Response>(bytes);
                  if (!response) return world_.Blame(StrCat("an answer cannot be decoded: ", response.error().text));
                  if (response->request_id != id) return;  // correlated by the socket
                  Feed(worker::Replied{channel, id, response->epoch, std::move(response->body)});
                });
              });
}

void WorkerNode::Perform(const worker::FetchPlugin& action) {
  world_.After(world_.Uniform(milliseconds(1), milliseconds(50)), life_, [this, sha256 = action.sha256] {
    if (around_.chaos() && world_.random().Chance(options_.disk_full)) {
      return Feed(worker::PluginUnavailable{sha256, {ErrorCode::kNoSpace, "no space for the plugin"}});
    }
    Feed(worker::PluginArrived{sha256});
  });
}

void WorkerNode::Perform(const worker::StartAttempt& action) {
  TaskProcess& task = tasks_[action.slot];
  if (action.reuse) {
    if (!task.life || task.life->over) return;  // its death is on its way and ends this attempt too
  } else {
    task.life = std::make_shared<Life>();
  }
  task.assignment = action.assignment;
  task.bytes_done = 0;
  task.sources.clear();
  task.waits_for_sources = false;
  task.fetch_tries = 0;
  task.maps_read.clear();
  if (const auto* reduce = std::get_if<wire::ReduceWork>(&action.assignment.work))
    LearnSources(task, reduce->sources, reduce->complete);
  ++task.beat;
  RunTask(action.slot);
}

void WorkerNode::Perform(const worker::GrantCommit& action) {
  TaskProcess& task = tasks_[action.slot];
  if (!task.life || !task.assignment || task.assignment->attempt != action.attempt) return;
  world_.After(world_.Uniform(milliseconds(1), milliseconds(200)), task.life, [this, slot = action.slot] { Publish(slot); });
}

// What comes while a fetch is under way counts from the next one on.
void WorkerNode::Perform(const worker::PassSources& action) {
  TaskProcess& task = tasks_[action.slot];
  if (!task.life || task.life->over || !task.assignment || task.assignment->attempt != action.update.attempt) return;
  for (const uint32_t map : action.update.gone) task.sources.erase(map);
  LearnSources(task, action.update.sources, action.update.complete);
  if (!std::exchange(task.waits_for_sources, false)) return;
  world_.After(milliseconds(1), task.life, [this, slot = action.slot] { FetchNext(slot); });
}

void WorkerNode::Perform(const worker::AskForStack& action) {
  if (world_.random().Chance(0.8)) KillProcess(action.slot, milliseconds(50), SIGQUIT, MR_PHASE_MAP);
}

void WorkerNode::Perform(const worker::KillTask& action) {
  KillProcess(action.slot, world_.Uniform(milliseconds(1), milliseconds(20)), SIGKILL, MR_PHASE_MAP);
}

void WorkerNode::Perform(const worker::StopTask& action) {
  TaskProcess& task = tasks_[action.slot];
  if (task.life) task.life->over = true;
  task = {};
}

void WorkerNode::Perform(const worker::DropAttempt& action) {
  run_files_.erase(action.attempt);
  around_.output_files().DropTemporary(action.attempt);
}

void WorkerNode::Perform(const worker::DropJob& action) {
  std::erase_if(run_files_, [&](const auto& file) { return file.first.task.job == action.job; });
}

void WorkerNode::Perform(const worker::Note& action) { world_.Note(StrCat("  ", endpoint_, ": ", action.text)); }

void WorkerNode::Perform(const worker::Exit& action) {
  world_.Note(StrCat(endpoint_, " ends: ", action.reason));
  if (action.code != 0) world_.Blame(StrCat(endpoint_, " ended with code ", action.code, ": ", action.reason));
  Crash();
}

// The process is gone after a moment; the worker learns it a little later.
void WorkerNode::KillProcess(uint32_t slot, Duration after, int signal, uint32_t phase) {
  const LifePtr victim = tasks_[slot].life;
  if (!victim) return;
  world_.After(after, life_, [this, slot, victim, signal, phase] {
    if (victim->over) return;
    victim->over = true;
    world_.After(world_.Uniform(microseconds(100), milliseconds(20)), life_, [this, slot, victim, signal, phase] {
      if (tasks_[slot].life != victim) return;
      tasks_[slot] = {};
      worker::TaskDied died;
      died.slot = slot;
      died.death.signalled = true;
      died.death.signal_number = signal;
      died.death.phase = phase;
      Feed(died);
    });
  });
}

}  // namespace mr::sim
