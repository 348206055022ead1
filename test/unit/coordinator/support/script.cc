#include "test/unit/coordinator/support/script.h"

#include <cstdlib>
#include <sstream>
#include <tuple>
#include <utility>

#include "common/base/strings.h"
#include "coordinator/core/describe.h"

namespace mr::coordinator::test {
namespace {

Duration ToDuration(const std::string& text) {
  return std::chrono::milliseconds(ParseDurationMs(text).value_or(0));
}

std::optional<wire::FailureCause> ToCause(const std::string& name) {
  static const std::map<std::string, wire::FailureCause> causes{
      {"exception", wire::FailureCause::kException},
      {"signal", wire::FailureCause::kSignal},
      {"exit", wire::FailureCause::kExit},
      {"timeout", wire::FailureCause::kTimeout},
      {"memory", wire::FailureCause::kMemory},
      {"bad_output", wire::FailureCause::kBadOutput},
      {"bad_record", wire::FailureCause::kBadRecord},
      {"fatal", wire::FailureCause::kFatal},
      {"bad_plugin", wire::FailureCause::kBadPlugin},
      {"bad_input", wire::FailureCause::kBadInput},
      {"bad_parameter", wire::FailureCause::kBadParameter},
      {"fetch", wire::FailureCause::kFetch},
      {"disk_full", wire::FailureCause::kDiskFull},
      {"io", wire::FailureCause::kIo},
      {"lease_expired", wire::FailureCause::kLeaseExpired},
      {"cancelled", wire::FailureCause::kCancelled},
      {"stopping", wire::FailureCause::kWorkerStopping},
      {"internal", wire::FailureCause::kInternal}};
  const auto found = causes.find(name);
  if (found == causes.end()) return std::nullopt;
  return found->second;
}

std::string Get(const std::map<std::string, std::string>& named, const std::string& name,
                const std::string& otherwise) {
  const auto found = named.find(name);
  return found == named.end() ? otherwise : found->second;
}

uint32_t Number(const std::map<std::string, std::string>& named, const std::string& name,
                uint32_t otherwise) {
  const auto found = named.find(name);
  return found == named.end()
             ? otherwise
             : static_cast<uint32_t>(std::strtoul(found->second.c_str(), nullptr, 10));
}

// "7": the record at that offset of a map's file; "ann": the group with that key.
void SetPosition(wire::Failure& failure, const std::string& place) {
  failure.at_record = true;
  if (!place.empty() && place[0] >= '0' && place[0] <= '9') {
    failure.input_path = "/in";
    failure.record_offset = std::strtoull(place.c_str(), nullptr, 10);
  } else {
    failure.excerpt = place;
    failure.record_bytes = place.size();
  }
}

void SetSkipped(wire::AttemptResult& result, const std::string& place) {
  wire::Failure failure;
  SetPosition(failure, place);
  const wire::BadRecord record{failure.input_path, failure.record_offset, 0, place.size(), place, "bad"};
  if (auto* map = std::get_if<wire::MapResult>(&result)) map->skipped = {record};
  if (auto* reduce = std::get_if<wire::ReduceResult>(&result)) reduce->skipped = {record};
}

}  // namespace

std::string PluginHash() { return std::string(64, 'a'); }

wire::JobSpec MakeSpec(uint32_t maps, uint32_t reducers, const std::string& output_dir) {
  wire::JobSpec spec;
  spec.config.name = "count";
  spec.config.user = "ada";
  spec.config.plugin_sha256 = PluginHash();
  spec.config.plugin_name = "count.so";
  spec.config.output_dir = output_dir;
  spec.config.reducers = reducers;
  spec.config.split_bytes = 100;
  spec.inputs.push_back({"/in", "", 100ull * maps, 1, wire::Compression::kNone});
  return spec;
}

wire::AttemptOutcome MakeSuccess(const AttemptId& attempt, uint32_t reducers) {
  wire::AttemptOutcome outcome;
  outcome.attempt = attempt;
  if (attempt.task.phase == Phase::kMap) {
    wire::MapResult result;
    result.output_bytes = 10 * reducers;
    result.partition_bytes.assign(reducers, 10);
    result.partition_records.assign(reducers, 1);
    result.partition_digests.assign(reducers, 7);
    if (reducers == 0)
      result.files.push_back({StrCat("part-m-0000", attempt.task.index), 10, 1, 7});
    outcome.result = result;
  } else if (attempt.task.phase == Phase::kReduce) {
    outcome.result = wire::ReduceResult{{{StrCat("part-r-0000", attempt.task.index), 10, 1, 7}}, {}};
  } else {
    outcome.result = wire::FinishResult{};
  }
  outcome.counters = {{"records", 5}};
  return outcome;
}

wire::AttemptOutcome MakeFailure(const AttemptId& attempt, wire::FailureCause cause,
                                 const std::string& message) {
  wire::AttemptOutcome outcome;
  outcome.attempt = attempt;
  wire::Failure failure;
  failure.cause = cause;
  failure.message = message;
  outcome.failure = failure;
  return outcome;
}

Now Script::Read() const {
  Now now = clock_.Read();
  now.unix_ms += std::chrono::duration_cast<std::chrono::milliseconds>(unix_offset_).count();
  return now;
}

CoordinatorCore& Script::core() {
  if (core_ == nullptr) core_ = std::make_unique<CoordinatorCore>(options_, Read());
  return *core_;
}

Script::Arguments Script::Parse(const std::string& line) {
  Arguments arguments;
  std::istringstream words(line);
  words >> arguments.command;
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    if (equals != std::string::npos) {
      arguments.named[word.substr(0, equals)] = word.substr(equals + 1);
    } else if (word == "same" || word == "late" || word == "draining" || word == "leaving" || word == "again" || word == "dry") {
      arguments.flags.insert(word);
    } else {
      arguments.subject = word;
    }
  }
  return arguments;
}

std::string Script::Run(const std::string& line) {
  const Arguments arguments = Parse(line);
  const std::string& command = arguments.command;
  if (command == "set") return Set(arguments);
  if (command == "advance") return Advance(arguments);
  if (command == "restart") return Restart();
  if (command == "clock") {
    unix_offset_ += ToDuration(arguments.subject);
    return "";
  }
  if (command == "expect") {
    core_->ExpectWorkers(static_cast<uint32_t>(std::strtoul(arguments.subject.c_str(), nullptr, 10)));
    return Take(Tick{});
  }
  if (command == "stop") return Take(StopAsked{});
  if (command == "plugin") {
    const std::string& name = arguments.subject;  // a letter, or nothing
    return Take(BlobStored{name.empty() ? PluginHash() : std::string(64, name[0]), 1000});
  }
  const bool same = arguments.flags.contains("same") || arguments.flags.contains("again");
  if (arguments.flags.contains("late")) return SendLate(arguments.subject, command);
  const bool of_worker = command == "register" || command == "work" || command == "report";
  if (!of_worker) return Send("client", command, same, MakeClientRequest(arguments));
  const std::string name = arguments.subject.substr(0, arguments.subject.find('@'));
  if (command == "register") {
    if (!same) people_[name].client = next_client_++;
    return Send(name, command, same, MakeRegister(arguments));
  }
  WorkerRef ref = people_[name].ref;
  if (const size_t at = arguments.subject.find('@'); at != std::string::npos) {
    ref.session.value = std::strtoull(arguments.subject.c_str() + at + 1, nullptr, 10);
  }
  wire::RequestBody body = command == "work" ? MakeWork(arguments, ref) : MakeReport(arguments, ref);
  if (!trouble_.empty()) return StrCat("?? ", std::exchange(trouble_, ""), "\n");
  return Send(name, command, same, std::move(body));
}

std::string Script::Set(const Arguments& arguments) {
  for (const auto& [name, value] : arguments.named) {
    if (name == "lease")
      options_.lease = ToDuration(value);
    else if (name == "heartbeat")
      options_.heartbeat = ToDuration(value);
    else if (name == "exit_when_idle")
      options_.exit_when_idle = ToDuration(value);
    else if (name == "expected_workers")
      options_.expected_workers = Number(arguments.named, name, 0);
    else if (name == "max_jobs")
      options_.max_jobs = Number(arguments.named, name, 0);
    else if (name == "keep_failed")
      options_.keep_failed = ToDuration(value);
    else if (name == "history_age")
      options_.history_age = ToDuration(value);
    else if (name == "history")
      options_.history = Number(arguments.named, name, 0);
    else
      return StrCat("?? unknown option ", name, "\n");
  }
  return "";
}

std::string Script::Advance(const Arguments& arguments) {
  const Time target = clock_.Read().mono + ToDuration(arguments.subject);
  std::string out;
  while (true) {
    const Time now = clock_.Read().mono;
    const Time next = deadline_ && *deadline_ < target
                          ? std::max(*deadline_, now + std::chrono::milliseconds(1))
                          : target;
    clock_.Advance(next - now);
    const std::string did = Take(Tick{});
    const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(next - start_).count();
    if (!did.empty()) out += StrCat("@", since, "ms\n", did);
    if (next >= target) return out;
  }
}

// The coordinator dies and starts again with what it had recorded, once by the records and once by a snapshot of them.
std::string Script::Restart() {
  invariants_.CheckReplay(core());
  Result<State> state = DecodeState(EncodeState(core().state()));
  if (!state) return StrCat("?? ", state.error().text, "\n");
  ++options_.epoch;
  core_ = std::make_unique<CoordinatorCore>(options_, Read(), std::move(*state));
  deadline_ = clock_.Read().mono;
  return "";
}

std::string Script::Take(const Event& event) {
  const Actions actions = core().Step(Read(), event);
  deadline_ = actions.next_deadline;
  invariants_.Check(actions, core());
  return Print(actions);
}

std::string Script::Print(const Actions& actions) {
  std::string out;
  for (const wire::Record& record : actions.records) out += StrCat("+ ", Brief(record), "\n");
  for (const Reply& reply : actions.replies) {
    out += StrCat(reply.token, "< ", Brief(reply.response.body), "\n");
    if (const auto* session = std::get_if<wire::RegisterResponse>(&reply.response.body)) {
      people_[reply.token].ref = session->worker;
    }
  }
  if (actions.stop) out += "stop\n";
  return out;
}

std::string Script::Send(const std::string& who, const std::string& command, bool same,
                         wire::RequestBody body) {
  Person& person = people_[who];
  if (person.client == 0) person.client = next_client_++;
  wire::Request request;
  request.client = person.client;
  request.request_id = next_request_++;
  request.epoch = command == "register" ? 0 : options_.epoch;
  request.body = std::move(body);
  if (same && person.last.contains(command)) request = person.last[command];
  if (!same) person.before_last[command] = person.last[command];
  person.last[command] = request;
  return Take(RequestReceived{who, request});
}

std::string Script::SendLate(const std::string& who, const std::string& command) {
  return Take(RequestReceived{who, people_[who].before_last[command]});
}

uint32_t Script::ReducersOf(JobId job) {
  const JobEntry* entry = core().state().Find(job);
  return entry == nullptr ? 1 : entry->spec.config.reducers;
}

AttemptId Script::Attempt(const std::string& text) {
  const size_t at = text.find('@');
  AttemptId id = ParseAttemptId(text.substr(0, at)).value_or(AttemptId{});
  id.epoch = at == std::string::npos ? options_.epoch : std::strtoull(text.c_str() + at + 1, nullptr, 10);
  return id;
}

std::vector<AttemptId> Script::Attempts(const Arguments& arguments, const std::string& name) {
  std::vector<AttemptId> ids;
  const std::string text = Get(arguments.named, name, "");
  if (text.empty()) return ids;
  for (const std::string_view part : Split(text, ',')) ids.push_back(Attempt(std::string(part)));
  return ids;
}

// abi=1.2; without it not said.
std::pair<uint32_t, uint32_t> Script::Abi(const Arguments& arguments) {
  const std::string text = Get(arguments.named, "abi", "0.0");
  const size_t dot = text.find('.');
  return {static_cast<uint32_t>(std::strtoul(text.c_str(), nullptr, 10)),
          static_cast<uint32_t>(std::strtoul(text.c_str() + dot + 1, nullptr, 10))};
}

wire::RequestBody Script::MakeClientRequest(const Arguments& arguments) {
  const auto& named = arguments.named;
  const std::string& command = arguments.command;
  const JobId job = ParseJobId(arguments.subject).value_or(JobId{});
  if (command == "submit") {
    wire::SubmitJobRequest request{
        MakeSpec(Number(named, "maps", 1), Number(named, "reducers", 1), Get(named, "out", "/out")),
        arguments.flags.contains("dry")};
    request.spec.config.max_attempts = Number(named, "max_attempts", 4);
    request.spec.config.max_running = Number(named, "max_running", 0);
    request.spec.config.max_failed_permille = Number(named, "max_failed", 0);
    request.spec.config.skip_bad_records = Number(named, "skip", 0);
    request.spec.config.backup = Get(named, "backup", "auto") != "off";
    request.spec.config.backup_factor_percent = Number(named, "backup_factor", 150);
    request.spec.config.user = Get(named, "user", "ada");
    const std::string priority = Get(named, "priority", "normal");
    request.spec.config.priority = priority == "high"  ? wire::Priority::kHigh
                                   : priority == "low" ? wire::Priority::kLow
                                                       : wire::Priority::kNormal;
    request.spec.config.slots_per_task = Number(named, "slots", 1);
    request.spec.config.tie_ms = ParseDurationMs(Get(named, "tie", "0ms")).value_or(0);
    if (Get(named, "on_failure", "fail") == "pause") request.spec.config.on_failure = wire::OnFailure::kPause;
    request.spec.config.resume_from = ParseJobId(Get(named, "resume", "")).value_or(JobId{});
    request.spec.config.seed = Number(named, "seed", 1);
    request.spec.inputs[0].mtime_ns = Number(named, "mtime", 1);
    std::tie(request.spec.config.plugin_build.abi_major, request.spec.config.plugin_build.abi_minor) = Abi(arguments);
    return request;
  }
  if (command == "kill") {
    wire::KillRequest request{job, std::nullopt, Get(named, "reason", "")};
    if (named.contains("task")) request.task = ParseTaskId(named.at("task")).value_or(TaskId{});
    return request;
  }
  if (command == "change") {
    wire::SetJobRequest request;
    request.job = job;
    if (named.contains("plugin")) request.plugin_sha256 = std::string(64, named.at("plugin")[0]);
    request.plugin_name = "new.so";
    if (named.contains("max_running")) request.max_running = Number(named, "max_running", 0);
    std::tie(request.plugin_build.abi_major, request.plugin_build.abi_minor) = Abi(arguments);
    return request;
  }
  if (command == "watch") {
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(
        ToDuration(Get(named, "wait", "0ms")));
    return wire::WatchJobRequest{job, Get(named, "user", ""), Number(named, "since", 0),
                                 static_cast<uint32_t>(wait.count())};
  }
  if (command == "jobs") return wire::ListJobsRequest{};
  if (command == "tasks") {
    wire::ListTasksRequest request;
    request.job = job;
    return request;
  }
  if (command == "log") {
    wire::GetLogRequest request;
    request.task = ParseTaskId(arguments.subject).value_or(TaskId{});
    if (named.contains("attempt")) request.attempt = Number(named, "attempt", 0);
    request.offset = Number(named, "offset", 0);
    return request;
  }
  if (command == "explain") {
    wire::ExplainRequest request{job, std::nullopt};
    if (named.contains("task")) request.task = ParseTaskId(named.at("task")).value_or(TaskId{});
    return request;
  }
  if (command == "drain" || command == "undrain")
    return wire::DrainRequest{arguments.subject, command == "undrain", Get(named, "reason", "")};
  if (command == "gc") {
    wire::GcRequest request;
    request.dry_run = arguments.flags.contains("dry");
    const std::string claims = Get(named, "claims", "");
    for (const std::string_view text : Split(claims, ',')) {
      const std::string_view job = text.substr(0, text.find('-'));
      const bool other = job.size() < text.size();  // j1-x: some other cluster's
      if (!job.empty()) request.claims.push_back({ParseJobId(job).value_or(JobId{}), other ? 1u : 0u});
    }
    return request;
  }
  if (command == "spec") return wire::GetSpecRequest{job};
  return wire::GetClusterRequest{};
}

wire::RequestBody Script::MakeRegister(const Arguments& arguments) {
  wire::RegisterRequest request;
  request.name = arguments.subject;
  request.slots = Number(arguments.named, "slots", 2);
  request.host = Get(arguments.named, "host", "");
  request.data_endpoint = arguments.subject;
  request.version = "0.9";
  std::tie(request.abi_major, request.abi_minor) = Abi(arguments);
  request.running = Attempts(arguments, "running");
  request.map_outputs = Attempts(arguments, "outputs");
  return request;
}

wire::RequestBody Script::MakeWork(const Arguments& arguments, WorkerRef ref) {
  wire::WorkRequest request;
  request.worker = ref;
  request.free_slots = Number(arguments.named, "free", 1);
  const Duration hold = ToDuration(Get(arguments.named, "hold", "1s"));
  request.hold_ms =
      static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(hold).count());
  request.accepted = Attempts(arguments, "accepted");
  const std::string waiting = Get(arguments.named, "waiting", "");
  for (const std::string_view each : Split(waiting, ',')) {
    const size_t slash = each.find('/');
    if (slash == std::string_view::npos) continue;
    Arguments one;
    one.named["attempt"] = std::string(each.substr(0, slash));
    const uint64_t position = std::strtoull(std::string(each.substr(slash + 1)).c_str(), nullptr, 10);
    request.waiting.push_back({Attempts(one, "attempt").at(0), position});
  }
  return request;
}

wire::RequestBody Script::MakeReport(const Arguments& arguments, WorkerRef ref) {
  wire::ReportRequest request;
  request.worker = ref;
  request.leaving = arguments.flags.contains("leaving");
  request.draining = request.leaving || arguments.flags.contains("draining");
  request.scratch_free_bytes = Number(arguments.named, "scratch", 1'000'000);
  request.trouble = Get(arguments.named, "trouble", "");
  request.commit_requests = Attempts(arguments, "commit");
  for (const AttemptId& id : Attempts(arguments, "running"))
    request.progress.push_back({id, 50, 100, 1, 5, "", ""});
  for (const AttemptId& id : request.commit_requests)
    request.progress.push_back({id, 100, 100, 1, 10, "", ""});
  for (const AttemptId& id : Attempts(arguments, "done")) {
    request.outcomes.push_back(MakeSuccess(id, ReducersOf(id.task.job)));
    if (arguments.named.contains("skipped"))
      SetSkipped(*request.outcomes.back().result, arguments.named.at("skipped"));
  }
  const std::string progress = Get(arguments.named, "progress", "");
  for (const std::string_view item : Split(progress, ',')) {
    const auto words = Split(item, ':');
    if (words.size() != 2) continue;
    const uint64_t done = std::strtoull(std::string(words[1]).c_str(), nullptr, 10);
    request.progress.push_back({Attempt(std::string(words[0])), done, 100, done, 5, "", ""});
  }
  for (wire::AttemptOutcome& outcome : request.outcomes)
    outcome.times.ended_unix_ms = ParseDurationMs(Get(arguments.named, "took", "0ms")).value_or(0);
  const auto parts = [&](const std::string& name) { return Split(arguments.named.at(name), ':'); };
  if (arguments.named.contains("failed")) {
    const auto words = parts("failed");
    const std::string cause(words.size() > 1 ? words[1] : "exception");
    const std::optional<wire::FailureCause> known = ToCause(cause);
    if (!known) trouble_ = StrCat("there is no cause '", cause, "'");
    request.outcomes.push_back(
        MakeFailure(Attempt(std::string(words[0])), known.value_or(wire::FailureCause::kInternal), cause));
    if (words.size() > 2) SetPosition(*request.outcomes.back().failure, std::string(words[2]));
  }
  if (arguments.named.contains("fetch")) {
    const auto words = parts("fetch");
    auto outcome =
        MakeFailure(Attempt(std::string(words[0])), wire::FailureCause::kFetch, "cannot fetch");
    outcome.failure->failed_source = Attempt(std::string(words.at(1)));
    if (words.size() > 2) outcome.failure->type = std::string(ErrorCodeName(ErrorCode::kNotFound));
    request.outcomes.push_back(outcome);
  }
  if (arguments.named.contains("log")) {
    const auto words = parts("log");
    request.progress.push_back(
        {Attempt(std::string(words[0])), 0, 0, 0, 0, "", std::string(words.at(1))});
  }
  return request;
}

}  // namespace mr::coordinator::test
