// A small cluster on one seed, at the level of the core: workers that die, freeze and come back,
// messages that are lost, repeated and late. Whatever happens, every job succeeds and every output
// is committed once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "coordinator/core/describe.h"
#include "test/unit/coordinator/support/script.h"

namespace mr::coordinator {
namespace {

using test::Invariants;
using test::MakeFailure;
using test::MakeSpec;
using test::MakeSuccess;

constexpr uint32_t kReducers = 3;
constexpr int kChaosTurns = 120;
constexpr int kMaxTurns = 3000;

struct Running {
  wire::Assignment assignment;
  uint32_t turns_left = 0;
  bool wants_commit = false;
};

struct InFlight {
  bool waiting = false;
  bool answered = true;
  wire::Request request;
};

// One process of a worker; forgetful of nothing but what its death takes.
struct SimWorker {
  std::string name;
  uint64_t client = 0;
  uint64_t next_id = 1;
  bool registered = false;
  uint32_t frozen_turns = 0;
  WorkerRef ref;
  std::map<AttemptId, Running> running;
  std::map<AttemptId, wire::AttemptOutcome> owed;
  std::set<AttemptId> outputs;
  std::vector<AttemptId> accepted;
  std::map<std::string, InFlight> flights;  // by channel
};

class ChaosCluster {
 public:
  explicit ChaosCluster(uint64_t seed) : random_(seed), core_(Options(), clock_.Read()) {
    for (int i = 0; i < 3; ++i) workers_.push_back(NewProcess(StrCat("w", i)));
    Take(BlobStored{test::PluginHash(), 10});
    for (int i = 0; i < 2; ++i) {
      wire::Request request;
      request.client = 1000;
      request.request_id = static_cast<uint64_t>(i) + 1;
      wire::JobSpec spec = MakeSpec(6, kReducers, StrCat("/out", i));
      spec.config.max_attempts = 100;
      request.body = wire::SubmitJobRequest{spec, false};
      for (int copy = 0; copy < 2; ++copy) Take(RequestReceived{"client", request});
    }
  }

  void Run() {
    for (turn_ = 0; turn_ < kMaxTurns && !AllEnded(); ++turn_) {
      for (SimWorker& worker : workers_) Turn(worker);
      if (Chaos(0.3)) DeliverLateCopy();
      Advance(std::chrono::milliseconds(100 + random_.Below(400)));
    }
    invariants_.CheckReplay(core_);
  }

  bool AllEnded() const {
    const auto views = core_.JobViews({});
    return std::all_of(views.begin(), views.end(),
                       [](const auto& job) { return wire::IsEnded(job.state); });
  }
  const CoordinatorCore& core() const { return core_; }
  const Invariants& invariants() const { return invariants_; }
  const std::map<TaskId, AttemptId>& published() const { return published_; }

 private:
  static CoreOptions Options() {
    CoreOptions options;
    options.lease = std::chrono::seconds(5);
    return options;
  }
  bool Chaos(double probability) { return turn_ < kChaosTurns && random_.Chance(probability); }
  SimWorker NewProcess(const std::string& name) {
    SimWorker worker;
    worker.name = name;
    worker.client = ++last_client_;
    return worker;
  }

  void Turn(SimWorker& worker) {
    if (worker.frozen_turns > 0) {
      --worker.frozen_turns;
      return;
    }
    if (Chaos(0.02)) worker = NewProcess(worker.name);  // kill -9, and started again
    if (Chaos(0.02)) worker.frozen_turns = 30;          // stopped past its lease
    Work(worker);
    if (!worker.registered) return Send(worker, "register", MakeRegister(worker));
    Send(worker, "report", MakeReport(worker));
    if (worker.registered && (worker.running.size() < 2 || !Waiting(worker).empty())) Send(worker, "work", MakeWork(worker));
  }

  void Work(SimWorker& worker) {
    std::vector<AttemptId> done;
    for (auto& [id, running] : worker.running) {
      if (running.wants_commit) continue;
      if (running.turns_left > 0) {
        --running.turns_left;
      } else if (id.task.phase == Phase::kReduce && !std::get<wire::ReduceWork>(running.assignment.work).complete) {
        continue;  // it waits for maps
      } else if (id.task.phase == Phase::kReduce && !Fetches(worker, running.assignment)) {
        done.push_back(id);
      } else if (id.task.phase == Phase::kReduce) {
        running.wants_commit = true;
      } else {
        const bool fails = id.task.phase == Phase::kMap && Chaos(0.1);
        worker.owed[id] = fails ? MakeFailure(id, wire::FailureCause::kException, "bad luck")
                                : MakeSuccess(id, kReducers);
        if (id.task.phase == Phase::kMap && !fails) worker.outputs.insert(id);
        done.push_back(id);
      }
    }
    for (const AttemptId& id : done) worker.running.erase(id);
  }

  // False: a source is missing, and the outcome says which.
  bool Fetches(SimWorker& worker, const wire::Assignment& assignment) {
    for (const wire::MapOutput& source : std::get<wire::ReduceWork>(assignment.work).sources) {
      const auto holder =
          std::find_if(workers_.begin(), workers_.end(),
                       [&](const SimWorker& other) { return other.name == source.endpoint; });
      const bool silent = holder->frozen_turns > 0;
      if (!silent && holder->outputs.contains(source.attempt)) continue;
      auto outcome = MakeFailure(assignment.attempt, wire::FailureCause::kFetch, "cannot fetch");
      outcome.failure->failed_source = source.attempt;
      if (!silent) outcome.failure->type = std::string(ErrorCodeName(ErrorCode::kNotFound));
      worker.owed[assignment.attempt] = outcome;
      return false;
    }
    return true;
  }

  wire::RequestBody MakeRegister(const SimWorker& worker) {
    wire::RegisterRequest request;
    request.name = worker.name;
    request.slots = 2;
    request.data_endpoint = worker.name;
    for (const auto& [id, running] : worker.running) request.running.push_back(id);
    for (const auto& [id, outcome] : worker.owed) request.running.push_back(id);
    request.map_outputs.assign(worker.outputs.begin(), worker.outputs.end());
    return request;
  }
  wire::RequestBody MakeWork(const SimWorker& worker) {
    const auto busy = std::min<size_t>(2, worker.running.size());
    return wire::WorkRequest{worker.ref, static_cast<uint32_t>(2 - busy), 1000, worker.accepted, Waiting(worker)};
  }
  static std::vector<wire::SourcePosition> Waiting(const SimWorker& worker) {
    std::vector<wire::SourcePosition> waiting;
    for (const auto& [id, running] : worker.running) {
      const auto* work = std::get_if<wire::ReduceWork>(&running.assignment.work);
      if (work != nullptr && !running.wants_commit) waiting.push_back({id, work->position});
    }
    return waiting;
  }
  static void Learn(wire::ReduceWork& work, const wire::SourceUpdate& update) {
    const auto drop = [&](uint32_t map) {
      std::erase_if(work.sources, [map](const wire::MapOutput& source) { return source.attempt.task.index == map; });
    };
    for (const uint32_t map : update.gone) drop(map);
    for (const wire::MapOutput& source : update.sources) {
      drop(source.attempt.task.index);
      work.sources.push_back(source);
    }
    work.position = update.position;
    work.complete = update.complete;
  }
  wire::RequestBody MakeReport(const SimWorker& worker) {
    wire::ReportRequest request;
    request.worker = worker.ref;
    for (const auto& [id, running] : worker.running) {
      request.progress.push_back({id, 1, 2, 1, 0, "", ""});
      if (running.wants_commit) request.commit_requests.push_back(id);
    }
    for (const auto& [id, outcome] : worker.owed) request.outcomes.push_back(outcome);
    return request;
  }

  // A request without an answer is repeated, under the same id; a copy may turn up again much
  // later.
  void Send(SimWorker& worker, const std::string& channel, wire::RequestBody body) {
    InFlight& flight = worker.flights[channel];
    const bool repeat = flight.waiting && random_.Chance(0.7);
    if (!repeat) {
      flight.request = {};
      flight.request.client = worker.client;
      flight.request.request_id = worker.next_id++;
      flight.request.epoch = channel == "register" ? 0 : 1;
      flight.request.body = std::move(body);
    }
    flight.waiting = true;
    const RequestReceived event{
        StrCat(worker.name, "/", channel, "/", worker.client, "/", flight.request.request_id),
        flight.request};
    if (Chaos(0.1)) late_.push_back(event);
    if (!Chaos(0.1)) Take(event);
  }

  void DeliverLateCopy() {
    if (late_.empty()) return;
    const size_t which = random_.Below(late_.size());
    const RequestReceived event = late_[which];
    late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(which));
    Take(event);
  }

  void Take(const Event& event) {
    const Actions actions = core_.Step(clock_.Read(), event);
    deadline_ = *actions.next_deadline;
    invariants_.Check(actions, core_);
    for (const Reply& reply : actions.replies) Deliver(reply);
  }

  void Deliver(const Reply& reply) {
    if (reply.token == "client" || Chaos(0.1)) return;
    const auto parts = Split(reply.token, '/');
    for (SimWorker& worker : workers_) {
      if (worker.name != parts[0] || StrCat(worker.client) != parts[2] || worker.frozen_turns > 0)
        continue;
      InFlight& flight = worker.flights[std::string(parts[1])];
      if (!flight.waiting || flight.request.request_id != reply.response.request_id) continue;
      flight.waiting = false;
      Hear(worker, reply.response.body);
    }
  }

  void Hear(SimWorker& worker, const wire::ResponseBody& body) {
    if (const auto* error = std::get_if<wire::ErrorResponse>(&body)) {
      EXPECT_EQ(error->code, ErrorCode::kFenced) << error->text;
      worker.registered = false;
    } else if (const auto* session = std::get_if<wire::RegisterResponse>(&body)) {
      worker.registered = true;
      worker.ref = session->worker;
      worker.accepted.clear();
      for (auto& [id, running] : worker.running) {
        if (auto* reduce = std::get_if<wire::ReduceWork>(&running.assignment.work)) reduce->position = 0;
      }
      const auto keeps = [](const std::vector<AttemptId>& list, const AttemptId& id) {
        return std::find(list.begin(), list.end(), id) != list.end();
      };
      std::erase_if(worker.running,
                    [&](const auto& entry) { return !keeps(session->keep_running, entry.first); });
      std::erase_if(worker.outputs, [&](const AttemptId& id) {
        return !keeps(session->keep_outputs, id) && !worker.owed.contains(id);
      });
    } else if (const auto* work = std::get_if<wire::WorkResponse>(&body)) {
      for (const wire::SourceUpdate& update : work->updates) {
        const auto waits = worker.running.find(update.attempt);
        if (waits != worker.running.end()) Learn(std::get<wire::ReduceWork>(waits->second.assignment.work), update);
      }
      if (!work->assignment) return;
      const AttemptId id = work->assignment->attempt;
      worker.accepted.push_back(id);
      if (!worker.owed.contains(id)) {
        worker.running.emplace(
            id, Running{*work->assignment, static_cast<uint32_t>(random_.Below(4)), false});
      }
    } else if (const auto* report = std::get_if<wire::ReportResponse>(&body)) {
      for (const AttemptId& id : report->recorded) worker.owed.erase(id);
      for (const AttemptId& id : report->cancel) worker.running.erase(id);
      for (const AttemptId& id : report->drop_outputs) worker.outputs.erase(id);
      for (const AttemptId& id : report->commit_granted) Publish(worker, id);
    }
  }

  void Publish(SimWorker& worker, const AttemptId& id) {
    if (worker.running.erase(id) == 0) return;
    published_.emplace(id.task, id);  // never replaces: who comes later adopts what is there
    worker.owed[id] = MakeSuccess(id, kReducers);
  }

  void Advance(Duration step) {
    const Time target = clock_.Read().mono + step;
    while (clock_.Read().mono < target) {
      const Time next =
          std::min(target, std::max(deadline_, clock_.Read().mono + std::chrono::milliseconds(1)));
      clock_.Advance(next - clock_.Read().mono);
      Take(Tick{});
    }
  }

  Random random_;
  ManualClock clock_;
  CoordinatorCore core_;
  Invariants invariants_;
  std::vector<SimWorker> workers_;
  std::vector<RequestReceived> late_;
  std::map<TaskId, AttemptId> published_;
  Time deadline_;
  uint64_t last_client_ = 0;
  int turn_ = 0;
};

class CoreChaos : public testing::TestWithParam<uint64_t> {};

TEST_P(CoreChaos, EveryJobSucceeds_EveryOutputOnce) {
  ChaosCluster cluster(GetParam());

  cluster.Run();

  EXPECT_THAT(cluster.invariants().problems(), testing::IsEmpty());
  const auto views = cluster.core().JobViews({});
  ASSERT_EQ(views.size(), 2u);
  for (const wire::JobView& job : views) {
    EXPECT_EQ(job.state, wire::JobState::kSucceeded) << Brief(job);
    EXPECT_EQ(job.counters.at("records"), 5 * (6 + kReducers));
    for (uint32_t i = 0; i < kReducers; ++i) {
      const TaskId task{job.id, Phase::kReduce, i};
      EXPECT_EQ(cluster.invariants().commits().at(task), 1) << ToString(task);
      EXPECT_TRUE(cluster.published().contains(task)) << ToString(task);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CoreChaos, testing::Range<uint64_t>(1, 21));

}  // namespace
}  // namespace mr::coordinator
