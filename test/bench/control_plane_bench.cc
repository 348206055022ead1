// Load for a coordinator: N simulated workers over real sockets, each with the two channels that a
// real one has, that run one job of tasks which do nothing (or sleep). Everything that mrworker
// says is said: registration, requests for work, reports with progress and outcomes, pings. One thread, and as
// little work for it as can be: its own share of the processor is part of what is measured.
//
//   usage: control_plane_bench ENDPOINT [WORKERS] [TASKS] [TASK_MS]
//   prints: tasks per second, then the median and the 99th percentile of the time between a request
//   for work and its answer, in milliseconds
//
// With TASK_MS 0 the workers ask as fast as they are answered, which gives the highest rate; the
// times then are those of a queue of N requests (N / rate). With TASK_MS > 0 they ask N * 1000 /
// TASK_MS times a second: the times of that rate.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <queue>
#include <set>

#include "common/base/hash.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/net/client.h"
#include "common/wire/codec.h"
#include "test/bench/zmtp_client.h"

namespace mr {
namespace {

using std::chrono::milliseconds;

constexpr size_t kPingTurns = 20;  // each connection pings every 20th time that heartbeats are looked at: 2 s
constexpr uint64_t kSplitBytes = 1u << 20;

Time Now() { return SystemClock().Read().mono; }

[[noreturn]] void Die(const std::string& text) {
  std::cerr << "control_plane_bench: " << text << "\n";
  std::exit(1);
}

struct SimulatedWorker {
  uint64_t client = 0;
  uint64_t next_request = 1;
  WorkerRef ref;
  bool registered = false;
  bool work_busy = false, report_busy = false;  // a request is under way
  Time asked_at{};
  std::set<AttemptId> running;
  std::vector<AttemptId> accepted;
  std::vector<wire::AttemptOutcome> outcomes;  // not recorded yet
  Time heartbeat{};
};

// The channels of worker i.
size_t WorkOf(size_t i) { return 2 * i; }
size_t ReportOf(size_t i) { return 2 * i + 1; }

struct Due {
  Time at;
  size_t worker;
  std::optional<AttemptId> attempt;  // to end; none: the worker's first request for work
  bool operator<(const Due& other) const { return at > other.at; }  // the earliest on top
};

class Load {
 public:
  Load(const std::string& endpoint, size_t workers, uint64_t tasks, Duration task_time)
      : task_time_(task_time), tasks_(tasks), random_(1), workers_(workers) {
    const uint64_t base = RandomSeed() << 20;
    for (size_t i = 0; i < workers; ++i) {
      workers_[i].client = base + i;
      Check(clients_.Connect(endpoint));
      Check(clients_.Connect(endpoint));
    }
  }

  void Register() {
    for (size_t i = 0; i < workers_.size(); ++i) SendRegistration(i);
    const Time deadline = Now() + std::chrono::seconds(60);
    while (registered_ < workers_.size()) {
      if (Now() > deadline)
        Die(StrCat("only ", registered_, " workers could register in a minute"));
      Turn();
    }
  }

  // Until every task is done.
  void Run() {
    const Time start = Now();
    running_ = true;
    // Spread over one task's time: paced workers do not come all at once.
    for (size_t i = 0; i < workers_.size(); ++i)
      due_.push({start + task_time_ * static_cast<int64_t>(i) / static_cast<int64_t>(workers_.size()), i, std::nullopt});
    while (done_ < tasks_) {
      if (Now() - start > std::chrono::seconds(110))
        Die(StrCat("only ", done_, " tasks were done in time"));
      Turn();
    }
    const std::chrono::duration<double> took = last_done_ - start;
    std::sort(latencies_.begin(), latencies_.end());
    const auto quantile = [this](double q) {
      return latencies_[static_cast<size_t>(q * static_cast<double>(latencies_.size() - 1))];
    };
    std::printf("%.0f %.3f %.3f\n", static_cast<double>(tasks_) / took.count(), quantile(0.5),
                quantile(0.99));
  }

 private:
  static void Check(const Status& status) {
    if (!status) Die(status.error().text);
  }

  void Send(size_t channel, SimulatedWorker& worker, wire::RequestBody body) {
    wire::Request request;
    request.client = worker.client;
    request.request_id = worker.next_request++;
    request.body = std::move(body);
    Check(clients_.Send(channel, wire::Encode(request)));
  }

  void SendRegistration(size_t i) {
    SimulatedWorker& worker = workers_[i];
    wire::RegisterRequest request;
    request.name = StrCat("bench", i);
    request.host = "localhost";
    request.slots = 1;
    request.data_endpoint = "tcp://127.0.0.1:1";
    Send(ReportOf(i), worker, std::move(request));
    worker.report_busy = true;
  }

  void AskForWork(size_t i) {
    SimulatedWorker& worker = workers_[i];
    if (!running_ || worker.work_busy || !worker.running.empty() || !worker.registered) return;
    wire::WorkRequest request;
    request.worker = worker.ref;
    request.free_slots = 1;
    request.accepted.swap(worker.accepted);
    worker.asked_at = Now();
    Send(WorkOf(i), worker, std::move(request));
    worker.work_busy = true;
  }

  void Report(size_t i) {
    SimulatedWorker& worker = workers_[i];
    if (worker.report_busy) return;
    wire::ReportRequest request;
    request.worker = worker.ref;
    request.scratch_free_bytes = uint64_t{1} << 40;
    for (const AttemptId& attempt : worker.running) {
      request.progress.emplace_back();
      request.progress.back().attempt = attempt;
    }
    request.outcomes = worker.outcomes;
    worker.heartbeat = Now() + milliseconds(500);
    Send(ReportOf(i), worker, std::move(request));
    worker.report_busy = true;
  }

  void Finish(size_t i, const AttemptId& attempt) {
    SimulatedWorker& worker = workers_[i];
    if (worker.running.erase(attempt) == 0) return;  // cancelled meanwhile
    wire::AttemptOutcome outcome;
    outcome.attempt = attempt;
    wire::MapResult result;
    result.output_bytes = 100;
    result.partition_bytes = {100};
    result.partition_records = {1};
    result.partition_digests = {1};
    outcome.result = result;
    worker.outcomes.push_back(std::move(outcome));
    Report(i);
    AskForWork(i);
  }

  void Turn() {
    Duration patience = milliseconds(100);
    if (!due_.empty())
      patience = std::clamp<Duration>(due_.top().at - Now(), milliseconds(0), patience);
    Check(clients_.Wait(patience, [this](size_t channel, std::string_view bytes) {
      channel % 2 == 0 ? TakeWork(channel / 2, bytes) : TakeReport(channel / 2, bytes);
    }));
    const Time now = Now();
    while (!due_.empty() && due_.top().at <= now) {
      const Due due = due_.top();
      due_.pop();
      due.attempt ? Finish(due.worker, *due.attempt) : AskForWork(due.worker);
    }
    if (now < next_heartbeats_) return;
    next_heartbeats_ = now + milliseconds(100);
    Check(clients_.Ping(next_ping_++ % kPingTurns, kPingTurns));
    for (size_t i = 0; i < workers_.size(); ++i) {
      if (workers_[i].registered && workers_[i].heartbeat <= now) Report(i);
    }
  }

  static wire::ResponseBody Read(std::string_view bytes) {
    Result<wire::Response> response = wire::Decode<wire::Response>(bytes);
    if (!response) Die(response.error().text);
    if (const auto* error = std::get_if<wire::ErrorResponse>(&response->body)) Die(error->text);
    return std::move(response->body);
  }

  void TakeWork(size_t i, std::string_view bytes) {
    SimulatedWorker& worker = workers_[i];
    const wire::ResponseBody body = Read(bytes);
    worker.work_busy = false;
    const auto& response = std::get<wire::WorkResponse>(body);
    if (!response.assignment) return AskForWork(i);
    const Time now = Now();
    latencies_.push_back(std::chrono::duration<double, std::milli>(now - worker.asked_at).count());
    const AttemptId attempt = response.assignment->attempt;
    if (attempt.task.phase != Phase::kMap) return;  // the end: nobody finishes the job
    worker.running.insert(attempt);
    worker.accepted.push_back(attempt);
    // Around the given time, so that the workers do not march in step.
    const auto scale = static_cast<double>(500 + random_.Below(1000)) / 1000;
    const auto time = std::chrono::duration_cast<Duration>(task_time_ * scale);
    if (time > Duration::zero()) return due_.push({now + time, i, attempt});
    Finish(i, attempt);
  }

  void TakeReport(size_t i, std::string_view bytes) {
    SimulatedWorker& worker = workers_[i];
    const wire::ResponseBody body = Read(bytes);
    worker.report_busy = false;
    if (const auto* registered = std::get_if<wire::RegisterResponse>(&body)) {
      worker.ref = registered->worker;
      worker.registered = true;
      ++registered_;
      return;
    }
    const auto& response = std::get<wire::ReportResponse>(body);
    for (const AttemptId& attempt : response.cancel) worker.running.erase(attempt);
    for (const AttemptId& attempt : response.recorded) {
      done_ += std::erase_if(worker.outcomes,
                             [&](const auto& outcome) { return outcome.attempt == attempt; });
    }
    if (!response.recorded.empty()) last_done_ = Now();
    if (!worker.outcomes.empty()) Report(i);
    AskForWork(i);
  }

  const Duration task_time_;
  const uint64_t tasks_;
  Random random_;
  bench::ZmtpClients clients_;
  std::vector<SimulatedWorker> workers_;
  std::priority_queue<Due> due_;
  std::vector<double> latencies_;  // milliseconds
  size_t registered_ = 0;
  bool running_ = false;  // before, there is no job: who asks for work waits for one
  uint64_t done_ = 0;
  Time last_done_{};
  Time next_heartbeats_{};
  size_t next_ping_ = 0;
};

// A job of `tasks` map tasks that no real worker could run.
void Submit(const std::string& endpoint, uint64_t tasks) {
  net::NetContext context;
  auto client = net::Client::Connect(context, {endpoint});
  if (!client) Die(client.error().text);
  const std::string plugin = "no plugin: nothing loads it";
  const auto patience = std::chrono::seconds(20);
  wire::PutBlobRequest blob;
  blob.sha256 = Sha256Hex(plugin);
  blob.total_bytes = plugin.size();
  blob.bytes = plugin;
  const auto stored = (*client)->Ask<wire::PutBlobResponse>(blob, patience);
  if (!stored || !stored->complete) Die(stored ? "the plugin was not stored" : stored.error().text);
  wire::SubmitJobRequest submit;
  wire::JobConfig& config = submit.spec.config;
  config.name = config.job_name = "noop";
  config.user = "bench";
  config.plugin_sha256 = blob.sha256;
  config.plugin_name = "noop.so";
  config.output_dir = StrCat("/nonexistent/control-plane-bench-", RandomSeed());
  config.split_bytes = kSplitBytes;
  submit.spec.inputs.push_back(
      {"/nonexistent/input", "", tasks * kSplitBytes, 1, wire::Compression::kNone});
  const auto job = (*client)->Ask<wire::SubmitJobResponse>(submit, patience);
  if (!job) Die(job.error().text);
  if (job->map_count != tasks) Die(StrCat("the job has ", job->map_count, " map tasks"));
}

}  // namespace
}  // namespace mr

int main(int argc, char** argv) {
  const auto number = [&](int at, uint64_t fallback) {
    return argc > at ? std::strtoull(argv[at], nullptr, 10) : fallback;
  };
  if (argc < 2 || argc > 5) {
    return std::fputs("usage: control_plane_bench ENDPOINT [WORKERS] [TASKS] [TASK_MS]\n", stderr),
           2;
  }
  const uint64_t workers = number(2, 1000), tasks = number(3, 100'000), task_ms = number(4, 0);
  if (workers == 0 || workers > 10'000 || tasks == 0)
    mr::Die("wants 1 to 10,000 workers, and tasks");
  const auto endpoint = mr::net::ResolveEndpoint(argv[1], std::chrono::seconds(10));
  if (!endpoint) mr::Die(endpoint.error().text);
  mr::Load load(*endpoint, workers, tasks, std::chrono::milliseconds(task_ms));
  load.Register();
  mr::Submit(*endpoint, tasks);
  load.Run();
  std::fflush(stdout);
  std::_Exit(0);  // two thousand sockets are closed by the kernel faster than one by one
}
