#include "test/sim/coordinator_node.h"

#include <algorithm>
#include <utility>

#include "common/base/mutants.h"
#include "common/base/strings.h"
#include "common/wire/codec.h"
#include "coordinator/core/describe.h"
#include "test/unit/coordinator/support/script.h"

namespace mr::sim {
namespace {

constexpr size_t kMaxBatch = 256;
constexpr size_t kMostWatches = 200;
constexpr size_t kMostNotices = 300;
constexpr Duration kIdleAfter = std::chrono::seconds(1);

}  // namespace

const std::string kMendedPlugin(64, 'b');

CoordinatorNode::CoordinatorNode(World& world, const Options& options)
    : world_(world), options_(options), disk_(world, options) {
  Start();
}

void CoordinatorNode::Start() {
  std::optional<CoordinatorDisk::Opened> opened = disk_.Open();
  if (!opened) {
    if (disk_.cut_off()) disk_.Mend();
    return StartLater();
  }
  life_ = std::make_shared<Life>();
  coordinator::CoreOptions core_options;
  core_options.lease = options_.lease;
  core_options.epoch = opened->epoch;
  core_options.cluster = "sim";
  core_options.keep_failed = options_.keep_failed;
  if (options_.history_age > Duration{}) core_options.history_age = options_.history_age;
  world_.Note(StrCat("coordinator starts, epoch ", opened->epoch));
  core_ = std::make_unique<coordinator::CoordinatorCore>(core_options, LocalNow(), std::move(opened->state));
  Recover();
  Step(coordinator::BlobStored{coordinator::test::PluginHash(), 10});
  Step(coordinator::BlobStored{kMendedPlugin, 10});
  Flush();
  ScheduleTick();
}

// The rules go on from life to life: what was committed in one is so in the next.
void CoordinatorNode::Recover() {
  invariants_ = std::make_unique<coordinator::test::Invariants>();
  for (const std::string& bytes : disk_.records()) {
    const Result<wire::Record> record = wire::Decode<wire::Record>(bytes);
    if (!record) return world_.Blame(StrCat("a record cannot be decoded: ", record.error().text));
    invariants_->Recover(*record);
    if (const auto* grant = std::get_if<wire::CommitGrantedRecord>(&record->body)) granted_.insert(grant->attempt);
  }
  grants_.clear();
  last_record_ = world_.now().mono;
  idle_told_ = false;
}

void CoordinatorNode::StartLater() {
  world_.After(world_.Uniform(std::chrono::milliseconds(100), std::chrono::seconds(3)), nullptr, [this] {
    if (!up()) Start();
  });
}

void CoordinatorNode::Crash() {
  if (!up()) return;
  world_.Note("coordinator crashes");
  disk_.Close();
  life_->over = true;
  inbox_.clear();
  askers_.clear();
  unsynced_.clear();
  answers_.clear();
  syncing_ = false;
  tick_due_ = false;
}

void CoordinatorNode::LosePower() {
  Crash();
  disk_.LosePower();
}

void CoordinatorNode::FillDisk() {
  world_.Note("coordinator's disk is full");
  disk_.FillUp();
}

void CoordinatorNode::BreakDisk() {
  world_.Note("coordinator's disk is failing");
  disk_.BreakDown();
}

void CoordinatorNode::CutOffWrite() {
  if (up()) disk_.CutOffSoon();
}

void CoordinatorNode::MendDisk() { disk_.Mend(); }

// The log could not do what it had to: nothing may be answered any more.
void CoordinatorNode::EndWith(const Error& error) {
  if (!disk_.faulty()) world_.Blame(StrCat("the log failed on a disk without faults: ", error.text));
  world_.Note(StrCat("coordinator ends: ", ErrorCodeName(error.code)));
  const bool cut_off = disk_.cut_off();
  Crash();
  if (cut_off) {
    disk_.Mend();
    if (world_.random().Chance(0.5)) disk_.LosePower();
  }
  StartLater();
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
  coordinator::Actions actions = core_->Step(LocalNow(), event);
  CheckStep(actions);
  for (wire::Record& record : actions.records) {
    world_.Note(StrCat("  + ", coordinator::Brief(record)));
    if (const auto* grant = std::get_if<wire::CommitGrantedRecord>(&record.body)) grants_.push_back(grant->attempt);
    unsynced_.push_back(std::move(record));
  }
  std::move(actions.replies.begin(), actions.replies.end(), std::back_inserter(answers_));
  if (actions.next_deadline) deadline_ = *actions.next_deadline;
}

Now CoordinatorNode::LocalNow() const {
  Now now = world_.now();
  now.unix_ms += std::chrono::duration_cast<std::chrono::milliseconds>(unix_offset_).count();
  return now;
}

// A few clients and workers cannot make much wait, however often they ask again.
void CoordinatorNode::CheckQueues() {
  if (core_->watch_count() > kMostWatches) world_.Blame(StrCat(core_->watch_count(), " watches are held"));
  for (const coordinator::Worker& worker : core_->workers().workers()) {
    const size_t notices = worker.ended_jobs.size() + worker.kept_jobs.size() + worker.drop_outputs.size();
    if (notices > kMostNotices) world_.Blame(StrCat(notices, " notices wait for ", worker.info.name));
  }
}

void CoordinatorNode::CheckStep(const coordinator::Actions& actions) {
  if (!checking_) return;
  CheckQueues();
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
  std::vector<std::string> records;
  for (const wire::Record& record : unsynced_) records.push_back(wire::Encode(record));
  unsynced_.clear();
  if (const Status written = disk_.Append(records); !written) return EndWith(written.error());
  syncing_ = true;
  if (Mutated(Mutant::kF11AnswersBeforeSync)) SendAnswers();
  world_.After(world_.Uniform({}, options_.sync_time), life_, [this] {
    if (const Status synced = disk_.Sync(); !synced) return EndWith(synced.error());
    syncing_ = false;
    granted_.insert(grants_.begin(), grants_.end());
    grants_.clear();
    last_record_ = world_.now().mono;
    idle_told_ = false;
    SendAnswers();
    if (up()) Pump();
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
  if (const Status tidied = Tidy(); !tidied) return EndWith(tidied.error());
  ScheduleTick();
}

// As the server's.
Status CoordinatorNode::Tidy() {
  if (disk_.WantsSnapshot()) return disk_.SaveSnapshot(coordinator::EncodeState(core_->state()));
  if (idle_told_ || world_.now().mono - last_record_ < kIdleAfter) return {};
  idle_told_ = true;
  return disk_.Idle();
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
