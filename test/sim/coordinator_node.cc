#include "test/sim/coordinator_node.h"

#include <algorithm>
#include <utility>

#include "common/base/strings.h"
#include "common/wire/codec.h"
#include "coordinator/core/describe.h"
#include "test/unit/coordinator/support/script.h"

namespace mr::sim {
namespace {

constexpr size_t kMaxBatch = 256;

}  // namespace

CoordinatorNode::CoordinatorNode(World& world, const Options& options) : world_(world), options_(options) {
  Start();
}

void CoordinatorNode::Start() {
  life_ = std::make_shared<Life>();
  coordinator::CoreOptions core_options;
  core_options.lease = options_.lease;
  core_options.epoch = ++epoch_;
  core_options.cluster = "sim";
  invariants_ = std::make_unique<coordinator::test::Invariants>();
  core_ = std::make_unique<coordinator::CoordinatorCore>(core_options, world_.now(), Replay());
  world_.Note(StrCat("coordinator starts, epoch ", epoch_, ", ", disk_.size(), " records"));
  if (disk_.empty()) Step(coordinator::BlobStored{coordinator::test::PluginHash(), 10});
  Flush();
  ScheduleTick();
}

// What the disk says; sometimes by way of a snapshot.
coordinator::State CoordinatorNode::Replay() {
  coordinator::State state;
  for (const std::string& bytes : disk_) {
    const Result<wire::Record> record = wire::Decode<wire::Record>(bytes);
    const Status valid = record ? coordinator::Validate(state, *record) : Status(Fail(record.error()));
    if (!valid) {
      world_.Blame(StrCat("a record cannot be replayed: ", valid.error().text));
      continue;
    }
    coordinator::Apply(state, *record);
    invariants_->Recover(*record);
  }
  if (!world_.random().Chance(0.5)) return state;
  Result<coordinator::State> copy = coordinator::DecodeState(coordinator::EncodeState(state));
  if (!copy || *copy != state) world_.Blame("a snapshot gives another state");
  return copy ? std::move(*copy) : state;
}

void CoordinatorNode::Crash() {
  if (!up()) return;
  const size_t kept = world_.random().Below(disk_.size() - synced_ + 1);
  world_.Note(StrCat("coordinator crashes; ", disk_.size() - synced_ - kept, " unsynced records are lost"));
  disk_.resize(synced_ + kept);
  synced_ = disk_.size();
  life_->over = true;
  inbox_.clear();
  askers_.clear();
  unsynced_.clear();
  answers_.clear();
  syncing_ = false;
  tick_due_ = false;
}

void CoordinatorNode::Receive(std::string bytes, Answer answer) {
  if (!up()) return;
  inbox_.push_back({std::move(bytes), std::move(answer)});
  // Through the queue, so that a process that stands still takes it when it goes on.
  world_.After({}, life_, [this] { Pump(); });
}

void CoordinatorNode::Pump() {
  if (syncing_ || (inbox_.empty() && !tick_due_)) return;
  for (size_t i = 0; i < kMaxBatch && !inbox_.empty(); ++i) {
    Incoming incoming = std::move(inbox_.front());
    inbox_.pop_front();
    Result<wire::Request> request = wire::Decode<wire::Request>(incoming.bytes);
    if (!request) {
      world_.Blame(StrCat("a request cannot be decoded: ", request.error().text));
      continue;
    }
    const std::string token = StrCat(next_token_++);
    askers_.emplace(token, std::move(incoming.answer));
    Step(coordinator::RequestReceived{token, std::move(*request)});
  }
  if (std::exchange(tick_due_, false)) Step(coordinator::Tick{});
  Flush();
}

void CoordinatorNode::Step(const coordinator::Event& event) {
  coordinator::Actions actions = core_->Step(world_.now(), event);
  CheckStep(actions);
  for (wire::Record& record : actions.records) {
    world_.Note(StrCat("  + ", coordinator::Brief(record)));
    unsynced_.push_back(std::move(record));
  }
  std::move(actions.replies.begin(), actions.replies.end(), std::back_inserter(answers_));
  if (actions.next_deadline) deadline_ = *actions.next_deadline;
}

void CoordinatorNode::CheckStep(const coordinator::Actions& actions) {
  if (!checking_) return;
  const size_t known = invariants_->problems().size();
  invariants_->Check(actions, *core_);
  for (size_t i = known; i < invariants_->problems().size(); ++i) world_.Blame(invariants_->problems()[i]);
  for (const coordinator::Reply& reply : actions.replies) {
    const auto* work = std::get_if<wire::WorkResponse>(&reply.response.body);
    if (work == nullptr || !work->assignment) continue;
    const AttemptId& id = work->assignment->attempt;
    if (!started_.insert(id).second) continue;  // the same once more, after a lost answer
    const auto newest = newest_.find(id.task);
    if (newest != newest_.end() &&
        std::pair(id.epoch, id.number) < std::pair(newest->second.epoch, newest->second.number)) {
      world_.Blame(StrCat(ToString(id), " was started after a later attempt"));
    }
    newest_[id.task] = id;
  }
}

void CoordinatorNode::Flush() {
  if (unsynced_.empty()) return SendAnswers();
  for (const wire::Record& record : unsynced_) disk_.push_back(wire::Encode(record));
  unsynced_.clear();
  syncing_ = true;
  world_.After(world_.Uniform({}, options_.sync_time), life_, [this] {
    synced_ = disk_.size();
    syncing_ = false;
    SendAnswers();
    Pump();
  });
}

void CoordinatorNode::SendAnswers() {
  for (coordinator::Reply& reply : std::exchange(answers_, {})) {
    const auto asker = askers_.find(reply.token);
    if (asker == askers_.end()) {
      world_.Blame(StrCat("an answer for nobody, or a second one: ", reply.token));
      continue;
    }
    asker->second(wire::Encode(reply.response));
    askers_.erase(asker);
  }
  ScheduleTick();
}

void CoordinatorNode::ScheduleTick() {
  const Duration wait = std::max<Duration>(deadline_ - world_.now().mono, std::chrono::milliseconds(1));
  world_.After(wait, life_, [this, number = ++tick_number_] {
    if (number != tick_number_) return;
    tick_due_ = true;
    Pump();  // what follows it schedules the next
  });
}

void CoordinatorNode::CheckAtEnd() {
  const size_t known = invariants_->problems().size();
  invariants_->CheckReplay(*core_);
  for (size_t i = known; i < invariants_->problems().size(); ++i) world_.Blame(invariants_->problems()[i]);
}

}  // namespace mr::sim
