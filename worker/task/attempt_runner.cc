#include "worker/task/attempt_runner.h"

#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <variant>

#include "common/base/strings.h"
#include "worker/input/record_reader.h"
#include "worker/map/map_attempt.h"
#include "worker/output/output_writer.h"
#include "worker/reduce/reduce_attempt.h"
#include "worker/shuffle/run_files.h"
#include "worker/task/limits.h"
#include "worker/userjob/host_scope.h"

namespace mr::worker {
namespace {

// Counting lines means reading the file up to the record: for a message that is not worth more than
// this.
constexpr uint64_t kLineCountBytesMax = 2u << 30;

const wire::InputFile* InputNamed(const wire::Assignment& assignment, const std::string& path) {
  const auto* map = std::get_if<wire::MapWork>(&assignment.work);
  if (map == nullptr) return nullptr;
  for (const wire::Split& split : map->splits) {
    if (split.file.path == path) return &split.file;
  }
  return nullptr;
}

void AddLineNumber(Env& env, const wire::Assignment& assignment, wire::Failure& failure) {
  const wire::InputFormat format = assignment.config.input_format;
  const bool text = format == wire::InputFormat::kLines || format == wire::InputFormat::kBlocks;
  if (!text || failure.input_path.empty() || failure.record_offset > kLineCountBytesMax) return;
  if (const wire::InputFile* file = InputNamed(assignment, failure.input_path)) {
    failure.line_no = LineNumberAt(env, *file, failure.record_offset);
  }
}

// A bare bad_alloc says neither how much there was nor which option gives more.
void AddMemoryLimit(uint64_t limit_bytes, const wire::Assignment& assignment, wire::Failure& failure) {
  if (failure.cause != wire::FailureCause::kMemory) return;
  failure.message = StrCat(failure.message, ": out of memory; the task's peak was ", FormatSize(PeakMemoryBytes()),
                           ", its limit is ",
                           DescribeMemoryLimit(limit_bytes, assignment.config.memory_limit_bytes));
}

wire::Failure Internal(std::string message) {
  wire::Failure failure;
  failure.cause = wire::FailureCause::kInternal;
  failure.message = std::move(message);
  return failure;
}

}  // namespace

std::string EnvironmentName(std::string_view prefix, std::string_view name) {
  std::string out(prefix);
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    out += std::isalnum(byte) && byte < 0x80 ? static_cast<char>(std::toupper(byte)) : '_';
  }
  return out;
}

void WriteLogLine(const Clock& clock, int level, std::string_view message) {
  constexpr char kLetters[] = {'D', 'I', 'W', 'E'};
  const char letter = level >= MR_LOG_DEBUG && level <= MR_LOG_ERROR ? kLetters[level] : '?';
  const int64_t now_ms = clock.Read().unix_ms;
  char millis[8];
  std::snprintf(millis, sizeof millis, ".%03d", static_cast<int>(now_ms % 1000));
  const std::string line =
      StrCat(FormatLocalTime(now_ms), millis, " ", std::string(1, letter), "  ", message, "\n");
  // What the user code printed before has to come before; one write, so that lines of threads do
  // not mix.
  std::fflush(stdout);
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
}

AttemptRunner::AttemptRunner(Env& env, const Clock& clock, BlackBox& black_box,
                             wire::TaskHello hello, AttemptLink& link)
    : env_(env),
      clock_(clock),
      black_box_(black_box),
      hello_(std::move(hello)),
      link_(link) {}

void AttemptRunner::ResetBlackBox() {
  black_box_.where = mr_where{};
  black_box_.where.size = sizeof(mr_where);
  black_box_.bytes_done = 0;
  black_box_.bytes_total = 0;
  black_box_.records_done = 0;
  black_box_.shuffle_bytes_done = 0;
  black_box_.input_path[0] = '\0';
  black_box_.status[0] = '\0';
  black_box_.excerpt_size = 0;
  black_box_.record_offset = 0;
  black_box_.record_size = 0;
  black_box_.Beat();
}

// Where the user's code finds itself. The directory of the job has the job's name before it, so that it goes with
// the job's other files.
Status AttemptRunner::EnterWorkdir(const wire::Assignment& assignment, const std::string& scratch_dir) {
  if (assignment.config.workdir == wire::Workdir::kWorkers) return {};
  std::string directory = scratch_dir;
  if (assignment.config.workdir == wire::Workdir::kShared) {
    directory = JoinPath(hello_.scratch_dirs.front(), ToString(assignment.attempt.task.job) + "-workdir");
    MR_RETURN_IF_ERROR(env_.CreateDirectories(directory));
  }
  if (::chdir(directory.c_str()) != 0) return FailErrno(errno, StrCat("cannot enter ", directory));
  return {};
}

void AttemptRunner::ExportEnvironment(const wire::Assignment& assignment,
                                      const std::string& scratch_dir) {
  const auto set = [](const std::string& name, const std::string& value) {
    ::setenv(name.c_str(), value.c_str(), 1);
  };
  const TaskId& task = assignment.attempt.task;
  const wire::JobConfig& config = assignment.config;
  for (const auto& [name, value] : config.environment) set(name, value);
  for (const auto& [name, value] : config.params) set(EnvironmentName("MR_PARAM_", name), value);
  for (const auto& [name, path] : config.side_files) set(EnvironmentName("MR_SIDE_", name), path);
  set("MR_JOB", ToString(task.job));
  set("MR_TASK", ToString(task));
  set("MR_ATTEMPT", ToString(assignment.attempt));
  set("MR_PHASE", std::string(PhaseName(task.phase)));
  set("MR_WORKER", hello_.worker_name);
  set("MR_SCRATCH", scratch_dir);
  if (!config.job_dir.empty()) set("MR_JOB_DIR", config.job_dir);
  for (const char* name : {"MR_PARTITION", "MR_INPUT_FILE", "MR_INPUT_OFFSET"}) ::unsetenv(name);
  if (const auto* reduce = std::get_if<wire::ReduceWork>(&assignment.work)) {
    set("MR_PARTITION", std::to_string(reduce->partition));
  } else if (const auto* map = std::get_if<wire::MapWork>(&assignment.work);
             map && !map->splits.empty()) {
    set("MR_INPUT_FILE", map->splits.front().file.path);
    set("MR_INPUT_OFFSET", std::to_string(map->splits.front().begin));
  }
}

Attempted<const mr_job_def*> AttemptRunner::FindJob(const wire::JobConfig& config) {
  const auto bad_plugin = [&](const Error& error) {
    wire::Failure failure = FailureOf(error);
    failure.cause = wire::FailureCause::kBadPlugin;
    return tl::unexpected(std::move(failure));
  };
  if (!app_) {
    PhaseScope scope(black_box_, MR_PHASE_CREATE);  // static constructors are the user's code
    const std::string shown =
        config.plugin_name.empty() ? BaseName(hello_.plugin_path) : config.plugin_name;
    auto loaded = AppLibrary::Load(env_, hello_.plugin_path, shown);
    if (!loaded) return bad_plugin(loaded.error());
    app_ = std::move(*loaded);
  }
  auto job = app_->FindJob(config.job_name);
  if (!job) return bad_plugin(job.error());
  return *job;
}

// The output of a finished map of an earlier job becomes this attempt's, if it still lies here as it was. It stays on
// its disk, whichever was meant for this attempt.
bool AttemptRunner::TakeOver(AttemptContext& context, const wire::EarlierOutput& earlier) {
  const std::string path = FindRunFile(env_, hello_.map_output_dirs, earlier.attempt);
  const Result<FileStat> stat = env_.Stat(path);
  if (!stat || stat->size_bytes != earlier.result.output_bytes) return false;
  if (!env_.RenameNoReplace(path, RunFilePath(ParentPath(path), context.assignment.attempt))) return false;
  context.counters = earlier.counters;
  context.counters["mr.reused_map_tasks"] = 1;
  context.log(MR_LOG_INFO, StrCat("takes over what ", ToString(earlier.attempt), " wrote"));
  return true;
}

Attempted<wire::AttemptResult> AttemptRunner::Work(AttemptContext& context) {
  const wire::Assignment& assignment = context.assignment;
  if (const auto* finish = std::get_if<wire::FinishWork>(&assignment.work)) {
    const Status done = FinishJob(env_, assignment.attempt.task.job, assignment.config, *finish);
    if (!done) return tl::unexpected(FailureOf(done.error()));
    return wire::AttemptResult(wire::FinishResult{});
  }
  if (assignment.earlier && TakeOver(context, *assignment.earlier))
    return wire::AttemptResult(assignment.earlier->result);
  auto job = FindJob(assignment.config);
  if (!job) return tl::unexpected(std::move(job).error());
  if (const auto* map = std::get_if<wire::MapWork>(&assignment.work)) {
    auto result = RunMapAttempt(context, **job, *map);
    if (!result) return tl::unexpected(std::move(result).error());
    return wire::AttemptResult(std::move(*result));
  }
  kept_memory_ = Arena(0);
  if (!network_ && !hello_.secret_key.empty()) {
    // Here and not earlier: what only maps needs no threads of ours.
    net::Security security;
    security.own = net::KeyPair{hello_.public_key, hello_.secret_key};
    network_ = std::make_unique<net::NetContext>(std::move(security));
  }
  FetchOptions fetch;
  fetch.own_endpoint = hello_.own_endpoint;
  fetch.own_output_dirs = hello_.map_output_dirs;
  fetch.net = network_.get();
  auto result =
      RunReduceAttempt(context, **job, std::get<wire::ReduceWork>(assignment.work), fetch);
  if (!result) return tl::unexpected(std::move(result).error());
  return wire::AttemptResult(std::move(*result));
}

wire::AttemptOutcome AttemptRunner::Run(const wire::Assignment& assignment, size_t scratch) {
  wire::AttemptOutcome outcome;
  outcome.attempt = assignment.attempt;
  outcome.times.started_unix_ms = clock_.Read().unix_ms;
  const int64_t cpu_before_ms = CpuMilliseconds();
  const std::string name = AttemptFileName(assignment.attempt);
  ResetBlackBox();
  const auto log = [this](int level, std::string_view message) {
    WriteLogLine(clock_, level, message);
  };
  AttemptContext context{assignment,
                         env_,
                         black_box_,
                         hello_.worker_name,
                         JoinPath(hello_.scratch_dirs.at(scratch), name),
                         RunFilePath(hello_.map_output_dirs.at(scratch), assignment.attempt),
                         {},
                         [&] { return link_.WaitForCommit(assignment.attempt); },
                         log,
                         &kept_memory_,
                         [&](Duration wait) { return link_.NextSources(assignment.attempt, wait); },
                         [&] { return link_.SourcesFetched(assignment.attempt); }};
  Attempted<wire::AttemptResult> result = [&]() -> Attempted<wire::AttemptResult> {
    const Status made = env_.CreateDirectories(context.scratch_dir);
    if (!made) return tl::unexpected(FailureOf(made.error()));
    ExportEnvironment(assignment, context.scratch_dir);
    const Status entered = EnterWorkdir(assignment, context.scratch_dir);
    if (!entered) return tl::unexpected(FailureOf(entered.error()));
    try {
      return Work(context);
    } catch (const std::bad_alloc&) {
      wire::Failure failure = Internal(
          "the engine itself (--task-memory is its part)");
      failure.cause = wire::FailureCause::kMemory;
      return tl::unexpected(std::move(failure));
    } catch (const std::exception& error) {
      return tl::unexpected(
          Internal(StrCat("an exception left the engine's own code: ", error.what())));
    }
  }();
  black_box_.where.phase = MR_PHASE_NONE;
  if (result) {
    outcome.result = std::move(*result);
  } else {
    wire::Failure& failure = result.error();
    AddLineNumber(env_, assignment, failure);
    AddMemoryLimit(hello_.memory_limit_bytes, assignment, failure);
    const std::string where =
        failure.function.empty() ? std::string() : StrCat(" in ", failure.function, "()");
    log(MR_LOG_ERROR,
        StrCat(failure.type.empty() ? "failed" : failure.type, where, ": ", failure.message));
    outcome.failure = std::move(failure);
  }
  std::fflush(nullptr);  // the user code's stdout belongs to this attempt's log
  if (const Status removed = env_.RemoveTree(context.scratch_dir); !removed) {
    log(MR_LOG_WARNING, removed.error().text);
  }
  outcome.counters = std::move(context.counters);
  outcome.times.ended_unix_ms = clock_.Read().unix_ms;
  outcome.times.cpu_ms = CpuMilliseconds() - cpu_before_ms;
  outcome.times.peak_memory_bytes = PeakMemoryBytes();
  outcome.counters["mr.cpu_ms"] += outcome.times.cpu_ms;
  return outcome;
}

}  // namespace mr::worker
