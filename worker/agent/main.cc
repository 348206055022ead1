// mrworker: runs tasks for a coordinator. One per host.
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/hash.h"
#include "common/base/logging.h"
#include "common/base/options.h"
#include "common/base/strings.h"
#include "common/io/env.h"
#include "common/net/channel.h"
#include "common/net/client.h"
#include "common/net/endpoint.h"
#include "common/net/key_file.h"
#include "common/net/leader_finder.h"
#include "worker/agent/agent.h"
#include "worker/agent/scratch.h"
#include "worker/agent/spawner.h"
#include "worker/agent/worker_options.h"
#include "worker/shuffle/segment_server.h"
#include "worker/web/status_server.h"

namespace mr::worker {
namespace {

constexpr int kExitCannotStart = 6;
constexpr int kExitNoCoordinator = 7;

// Whoever started this program looks at stderr, also when the log is a file.
int Complain(int code, const WorkerOptions& options, const std::string& text) {
  LOG(ERROR) << text;
  if (!options.log.file.empty()) std::cerr << "mrworker: " << text << std::endl;
  return code;
}

std::string HostName() {
  char name[256] = "localhost";
  ::gethostname(name, sizeof name - 1);
  return name;
}

uint64_t PhysicalMemory() {
  struct sysinfo info {};
  ::sysinfo(&info);
  return uint64_t{info.totalram} * info.mem_unit;
}

// The worker's scratch directories: the given ones, locked, or a private one that the spawner removes.
struct Scratch {
  std::vector<ScratchPaths> paths;
  std::vector<std::unique_ptr<FileLock>> locks;
  bool is_private = false;
};

Result<std::string> PrivateScratch(Spawner& spawner) {
  const char* temporary = std::getenv("TMPDIR");
  const std::string base = temporary != nullptr && *temporary != '\0' ? temporary : "/var/tmp";
  MR_ASSIGN_OR_RETURN(std::string root, CreateTemporaryDirectory(JoinPath(base, "mrworker-")));
  MR_RETURN_IF_ERROR(spawner.RemoveAtEnd(root));
  return AbsolutePath(root);
}

Result<Scratch> OpenScratch(Env& env, const std::string& given, Spawner& spawner) {
  Scratch scratch;
  scratch.is_private = given.empty();
  std::vector<std::string> roots(1);
  if (scratch.is_private) {
    MR_ASSIGN_OR_RETURN(roots.front(), PrivateScratch(spawner));
  } else {
    MR_ASSIGN_OR_RETURN(roots, ParseScratch(given));
  }
  for (const std::string& root : roots) {
    MR_RETURN_IF_ERROR(env.CreateDirectories(root));
    MR_ASSIGN_OR_RETURN(std::unique_ptr<FileLock> lock, env.Lock(JoinPath(root, "lock")));
    scratch.locks.push_back(std::move(lock));
    const ScratchPaths& paths = scratch.paths.emplace_back(root);
    // Map outputs of an earlier process are not offered again: their tasks have been run anew by now.
    for (const std::string& directory : {paths.map_outputs, paths.attempts}) {
      MR_RETURN_IF_ERROR(env.RemoveTree(directory));
      MR_RETURN_IF_ERROR(env.CreateDirectories(directory));
    }
  }
  MR_RETURN_IF_ERROR(env.CreateDirectories(scratch.paths.front().plugins));
  return scratch;
}

std::vector<ScratchDisks::Disk> DisksOf(Env& env, const Scratch& scratch, const std::string& reserve) {
  std::vector<ScratchDisks::Disk> disks;
  for (const ScratchPaths& paths : scratch.paths) {
    const auto space = env.Space(paths.root);
    disks.push_back({paths.root, *ParseShare("--scratch-reserve", reserve, space ? space->total_bytes : 0)});
  }
  return disks;
}

// Stable as long as the scratch directory is; different for two workers of one host.
std::string DefaultName(const Scratch& scratch) {
  if (scratch.is_private) return StrCat(HostName(), "-", ::getpid());
  return StrCat(HostName(), "-", Sha256Hex(scratch.paths.front().root).substr(0, 6));
}

int BlockSignals() {
  sigset_t handled;
  sigemptyset(&handled);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaddset(&handled, number);
  ::sigprocmask(SIG_BLOCK, &handled, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return ::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool StopAsked(int signal_fd) {
  signalfd_siginfo info;
  while (::read(signal_fd, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM) return true;
  }
  return false;
}

// A rendezvous file may appear later than this worker. None: a signal asked to stop.
Result<std::vector<std::string>> FindCoordinator(const std::string& coordinator,
                                                   int64_t death_timeout_ms, int signal_fd,
                                                   const Clock& clock) {
  constexpr Duration kSlice = std::chrono::milliseconds(200);
  const Time start = clock.Read().mono;
  for (;;) {
    auto endpoints = net::ResolveEndpoints(coordinator, kSlice);
    if (endpoints || endpoints.error().code != ErrorCode::kTimeout) return endpoints;
    if (StopAsked(signal_fd)) return std::vector<std::string>();
    const bool over = clock.Read().mono - start >= std::chrono::milliseconds(death_timeout_ms);
    if (death_timeout_ms > 0 && over) return endpoints;
  }
}

AgentConfig MakeConfig(const WorkerOptions& options, const Scratch& scratch,
                       const std::string& data_endpoint) {
  AgentConfig config;
  config.name = options.name.empty() ? DefaultName(scratch) : options.name;
  config.host = HostName();
  config.version = ProgramVersion();
  config.pid = static_cast<uint64_t>(::getpid());
  config.slots = *ParseSlots(options.slots);
  config.data_endpoint = data_endpoint;
  config.memory_bytes = *ParseShare("--memory", options.memory, PhysicalMemory());
  config.labels = options.labels;
  config.drain_timeout_ms = options.drain_timeout_ms;
  config.death_timeout_ms = *ParseDeathTimeout(options.death_timeout);
  return config;
}

Result<std::string> FindTaskProgram(Env& env, const std::string& given) {
  std::string path = given;
  if (path.empty()) {
    MR_ASSIGN_OR_RETURN(const std::string directory, ProgramDirectory());
    path = JoinPath(directory, "mrtask");
  }
  MR_ASSIGN_OR_RETURN(path, AbsolutePath(path));
  if (!env.Exists(path)) {
    return Fail(ErrorCode::kNotFound,
                StrCat("there is no ", path, ": give the program mrtask with --mrtask"));
  }
  return path;
}

int Serve(const WorkerOptions& options, WorkerCommandLine& command_line, Spawner& spawner, int signal_fd) {
  Env& env = PosixEnv();
  const SystemClock clock;
  auto mrtask = FindTaskProgram(env, options.mrtask);
  if (!mrtask) return Complain(kExitCannotStart, options, mrtask.error().text);
  net::Security security;
  if (UsesKeys(options)) {
    auto read = net::ReadKeyFile(options.key_file);
    if (!read) return Complain(kExitCannotStart, options, read.error().text);
    security = std::move(*read);
  }
  auto scratch = OpenScratch(env, options.scratch, spawner);
  if (!scratch) return Complain(kExitCannotStart, options, scratch.error().text);
  auto endpoints = FindCoordinator(options.coordinator, *ParseDeathTimeout(options.death_timeout), signal_fd, clock);
  if (!endpoints) {
    const bool unknown = endpoints.error().code == ErrorCode::kTimeout;
    return Complain(unknown ? kExitNoCoordinator : kExitCannotStart, options, endpoints.error().text);
  }
  if (endpoints->empty()) return 0;
  net::NetContext context(security);
  std::vector<std::string> map_outputs;
  for (const ScratchPaths& paths : scratch->paths) map_outputs.push_back(paths.map_outputs);
  auto server = SegmentServer::Start(context, env, options.data_listen, options.advertise, map_outputs);
  if (!server) return Complain(kExitCannotStart, options, server.error().text);

  AgentSettings settings;
  settings.core = MakeConfig(options, *scratch, (*server)->endpoint());
  settings.coordinator = options.coordinator;
  settings.endpoints = *endpoints;
  settings.cluster = options.cluster;
  settings.keys = security.own;
  settings.mrtask_path = *mrtask;
  settings.scratch = DisksOf(env, *scratch, options.scratch_reserve);
  LOG(INFO) << "mrworker " << ProgramVersion() << " '" << settings.core.name << "', "
            << settings.core.slots << " slots, map outputs at " << settings.core.data_endpoint
            << ", scratch " << (scratch->is_private ? scratch->paths.front().root : options.scratch) << ", coordinator " << net::EndpointsText(settings.endpoints);
  std::unique_ptr<StatusServer> status;
  if (options.http != "off") {
    auto started = StatusServer::Start(*http::ParseAddress(options.http));
    if (!started) return Complain(kExitCannotStart, options, started.error().text);
    status = std::move(*started);
    LOG(INFO) << "status page " << status->url();
    settings.publish = [raw = status.get()](auto news) { raw->Publish(std::move(news)); };
  }
  settings.reload = [&]() -> std::optional<TimeoutsChanged> {
    const auto changed = command_line.ReadAgain();
    if (!changed) return std::nullopt;
    return TimeoutsChanged{changed->drain_timeout_ms, *ParseDeathTimeout(changed->death_timeout)};
  };
  settings.shuffle_sent_bytes = [raw = server->get()] { return raw->sent_bytes(); };
  auto chores = Chores::Start();
  if (!chores) return Complain(kExitCannotStart, options, chores.error().text);
  // Its end waits for its helper thread, which may be using the scratch directory.
  const int code =
      Agent(std::move(settings), context, env, clock, spawner, signal_fd, std::move(*chores)).Run();
  if (!scratch->is_private) {
    // The tasks that may still run are killed with the spawner, later: what they leave is removed
    // at the next start.
    for (const ScratchPaths& paths : scratch->paths) {
      [[maybe_unused]] const Status outputs = env.RemoveTree(paths.map_outputs);
      [[maybe_unused]] const Status attempts = env.RemoveTree(paths.attempts);
    }
  }
  return code;
}

int Main(int argc, char** argv) {
  const int parent = ::getppid();
  WorkerOptions options;
  WorkerCommandLine command_line(argc, argv);
  if (const auto code = command_line.Parse(options)) return *code;
  if (const Status started = InitLogging("mrworker", options.log); !started) {
    std::cerr << "mrworker: " << started.error().text << std::endl;
    return 2;
  }
  if (options.die_with_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) return 0;
  }
  const int signal_fd = BlockSignals();
  auto spawner = Spawner::Fork();
  if (!spawner) return Complain(kExitCannotStart, options, spawner.error().text);
  if (!options.pid_file.empty()) {
    const Status written =
        WriteFileAtomically(PosixEnv(), options.pid_file, StrCat(::getpid(), "\n"));
    if (!written) return Complain(kExitCannotStart, options, written.error().text);
  }
  const int code = Serve(options, command_line, *spawner, signal_fd);
  if (!options.pid_file.empty()) [[maybe_unused]]
    const Status removed = PosixEnv().RemoveFile(options.pid_file);
  return code;
}

}  // namespace
}  // namespace mr::worker

int main(int argc, char** argv) { return mr::worker::Main(argc, argv); }
