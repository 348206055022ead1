// mrcoordinator: owns all job state, hands out tasks, decides who wins.
#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>

#include "common/base/logging.h"
#include "common/base/options.h"
#include "common/base/strings.h"
#include "common/net/client.h"
#include "common/net/key_file.h"
#include "coordinator/server/endpoints.h"
#include "coordinator/server/member.h"
#include "coordinator/server/operator.h"
#include "coordinator/server/server.h"
#include "coordinator/server/server_options.h"

namespace mr::coordinator {
namespace {

constexpr int kUsage = 2;
constexpr int kCannotStart = 6;
constexpr int kBug = 70;

int Complain(const std::string& text, int code) {
  std::cerr << "mrcoordinator: " << text << "\n";
  return code;
}

void AddNetworkOptions(CLI::App& app, ServerOptions& options) {
  app.add_option("--listen", options.listen,
                 "where workers and clients connect: tcp://HOST:PORT (port 0: any), "
                 "ipc:///PATH; repeatable")
      ->capture_default_str()
      ->allow_extra_args(false)
      ->take_all();
  app.add_option("--advertise", options.advertise, "host name that others reach this machine by");
  app.add_option("--http", options.http, "status page, JSON and metrics: HOST:PORT, or off")
      ->capture_default_str();
  app.add_option("--rendezvous", options.rendezvous,
                 "write the address to this file, for -c file:PATH");
  app.add_option("--cluster", options.cluster, "name that clients may insist on");
  app.add_option("--auth", options.auth, "none, or curve (with --key-file)")
      ->capture_default_str()
      ->check(CLI::IsMember({"none", "curve"}));
  app.add_option("--key-file", options.key_file, "keys made by 'mrsubmit config keygen'")
      ->envname("MR_KEY_FILE");
  app.add_flag("--insecure", options.insecure,
               "allow --auth none on an address that other machines can reach");
  app.add_option("--peers", options.peers,
                 "all members of a replicated coordinator, 3 or 5: 1=tcp://HOST:PORT,2=tcp://HOST:PORT,…; made first with "
                 "'mrcoordinator bootstrap'");
  app.add_option("--node", options.node, "which of --peers this is");
}

void TakeHistory(const std::string& text, ServerOptions& options) {
  constexpr uint32_t kMost = 100'000;
  uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error == std::errc() && end == text.data() + text.size() && count >= 1 && count <= kMost) {
    options.history = count;
    return;
  }
  const Result<int64_t> age_ms = ParseDurationMs(text);
  if (!age_ms || *age_ms <= 0) {
    throw CLI::ValidationError("--history", StrCat("'", text, "' is neither a number of jobs from 1 to ", kMost,
                                                   " nor a duration; write for instance 200 or 30d"));
  }
  options.history = kMost;
  options.history_age_ms = *age_ms;
}

void AddJobOptions(CLI::App& app, ServerOptions& options) {
  AddDuration(app, "--heartbeat", options.heartbeat_ms, "how often workers report");
  AddDuration(app, "--worker-timeout", options.worker_timeout_ms,
              "a worker silent for so long is taken for dead");
  app.add_option("--max-jobs", options.max_jobs, "active jobs at once")
      ->capture_default_str()
      ->check(CLI::Range(1u, 10000u));
  app.add_option_function<std::string>(
         "--history", [&options](const std::string& text) { TakeHistory(text, options); },
         "ended jobs that are remembered: how many, or for how long (30d)")
      ->type_name("N|DURATION")
      ->default_str("200");
  AddDuration(app, "--keep-failed", options.keep_failed_ms,
              "workers keep what finished maps of a failed job wrote for so long, for run --resume; 0s: not at all");
  app.add_option_function<std::string>(
         "--exit-when-idle",
         [&options](const std::string& text) {
           const Result<int64_t> milliseconds = ParseDurationMs(text);
           if (!milliseconds)
             throw CLI::ValidationError("--exit-when-idle", milliseconds.error().text);
           options.exit_when_idle_ms = *milliseconds;
         },
         "end, and send the workers home, after so long without a job")
      ->type_name("DURATION");
}

void AddProcessOptions(CLI::App& app, ServerOptions& options) {
  app.add_option("--state-dir", options.state_dir,
                 "jobs and plugins are kept here, so that a restart goes on with them (default: a temporary "
                 "directory, and a restart forgets them)");
  app.add_flag("--volatile", options.keep_nothing,
               "jobs end with this process, also with --state-dir: nothing of them is synced");
  app.add_flag("--dev", options.dev, "start workers on this machine too");
  app.add_option("--dev-workers", options.dev_workers, "how many, with --dev")
      ->capture_default_str()
      ->check(CLI::Range(1u, 64u));
  app.add_option("--pid-file", options.pid_file, "write the process id here");
  app.add_flag("--die-with-parent", options.die_with_parent, "end when the parent process ends");
  AddLogOptions(app, options.log);
}

void AddOptions(CLI::App& app, ServerOptions& options) {
  AddNetworkOptions(app, options);
  AddJobOptions(app, options);
  AddProcessOptions(app, options);
}

// A group's members are told apart by their disks, and end when their operator says so.
Status CheckGroupOptions(const ServerOptions& options) {
  const auto wrong = [](std::string text) { return Fail(ErrorCode::kInvalidArgument, std::move(text)); };
  if (options.peers.empty()) {
    if (options.node != 0) return wrong(StrCat("--node ", options.node, " needs --peers"));
    return {};
  }
  MR_ASSIGN_OR_RETURN(const Group group, ParseGroup(options.peers));
  const GroupMember* self = group.Find({options.node});
  if (self == nullptr)
    return wrong(StrCat("--node ", options.node, " is none of --peers ", options.peers, "; say which of them this is"));
  if (options.state_dir.empty()) return wrong("--peers needs --state-dir: a member keeps what it has promised");
  for (const auto& [given, name] : {std::pair(options.keep_nothing, "--volatile"), std::pair(options.dev, "--dev"),
                                    std::pair(options.exit_when_idle_ms >= 0, "--exit-when-idle")}) {
    if (given) return wrong(StrCat(name, " is for a coordinator alone, without --peers"));
  }
  return CheckExposure({self->endpoint.substr(0, self->endpoint.find('#'))}, options.auth == "curve", options.insecure);
}

Status CheckOptions(const ServerOptions& options) {
  MR_RETURN_IF_ERROR(CheckGroupOptions(options));
  if (options.auth == "curve" && options.key_file.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "--auth curve needs --key-file; make one with 'mrsubmit config keygen'");
  }
  if (options.heartbeat_ms < 10 || options.worker_timeout_ms < 2 * options.heartbeat_ms) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("--worker-timeout (", options.worker_timeout_ms,
                       " ms) must be at least twice --heartbeat (", options.heartbeat_ms,
                       " ms), and that at least 10 ms"));
  }
  if (options.http != "off") MR_RETURN_IF_ERROR(http::ParseAddress(options.http));
  return CheckExposure(options.listen, options.auth == "curve", options.insecure);
}

// The state directory: the user's, or one of our own that goes with us.
class StateDirectory {
 public:
  static Result<std::unique_ptr<StateDirectory>> Open(Env& env, const std::string& wanted) {
    std::unique_ptr<StateDirectory> directory(new StateDirectory(env));
    directory->temporary_ = wanted.empty();
    if (wanted.empty()) {
      const char* base = std::getenv("TMPDIR");
      const std::string prefix =
          JoinPath(base != nullptr && *base != '\0' ? base : "/tmp", "mrcoordinator-");
      MR_ASSIGN_OR_RETURN(directory->path_, CreateTemporaryDirectory(prefix));
    } else {
      MR_ASSIGN_OR_RETURN(directory->path_, AbsolutePath(wanted));
      MR_RETURN_IF_ERROR(env.CreateDirectories(directory->path_));
    }
    MR_ASSIGN_OR_RETURN(directory->lock_, env.Lock(JoinPath(directory->path_, "lock")));
    return directory;
  }
  ~StateDirectory() {
    if (!temporary_ || path_.empty()) return;
    if (const Status removed = env_.RemoveTree(path_); !removed)
      LOG(WARNING) << removed.error().text;
  }
  const std::string& path() const { return path_; }
  bool temporary() const { return temporary_; }

 private:
  explicit StateDirectory(Env& env) : env_(env) {}
  Env& env_;
  std::string path_;
  bool temporary_ = false;
  std::unique_ptr<FileLock> lock_;
};

CoreOptions MakeCoreOptions(const ServerOptions& options, Now now) {
  CoreOptions core;
  core.cluster = options.cluster;
  core.version = ProgramVersion();
  core.started_unix_ms = now.unix_ms;
  core.lease = std::chrono::milliseconds(options.worker_timeout_ms);
  core.heartbeat = std::chrono::milliseconds(options.heartbeat_ms);
  core.max_jobs = options.max_jobs;
  core.history = options.history;
  if (options.history_age_ms > 0) core.history_age = std::chrono::milliseconds(options.history_age_ms);
  core.keep_failed = std::chrono::milliseconds(options.keep_failed_ms);
  if (options.exit_when_idle_ms >= 0)
    core.exit_when_idle = std::chrono::milliseconds(options.exit_when_idle_ms);
  return core;
}

Result<std::unique_ptr<HttpServer>> StartHttp(const ServerOptions& options) {
  if (options.http == "off") return nullptr;
  MR_ASSIGN_OR_RETURN(const http::Address address, http::ParseAddress(options.http));
  Result<std::unique_ptr<HttpServer>> http = HttpServer::Start(address);
  if (http || options.http_given) return http;
  LOG(WARNING) << http.error().text << "; going on without it";
  return nullptr;
}

Result<std::unique_ptr<DevWorkers>> StartDevWorkers(const ServerOptions& options,
                                                    const std::string& rendezvous) {
  if (!options.dev) return nullptr;
  MR_ASSIGN_OR_RETURN(const std::string folder, ProgramDirectory());
  std::vector<std::string> arguments{"-c", StrCat("file:", rendezvous), "--log-level",
                                     options.log.level};
  arguments.insert(arguments.end(), {"--auth", options.auth});
  if (options.auth == "curve")
    arguments.insert(arguments.end(), {"--key-file", options.key_file});
  return DevWorkers::Start(JoinPath(folder, "mrworker"), std::move(arguments), options.dev_workers);
}

void PrintStart(const net::RequestServer& requests, const HttpServer* http) {
  std::cout << VersionText("mrcoordinator", false) << "listening on "
            << Join(requests.endpoints(), " ") << "\n"
            << "status page " << (http == nullptr ? std::string("off") : http->url()) << std::endl;
}

// Removes the rendezvous file at the end: nobody should wait for a coordinator that has gone.
class RendezvousFile {
 public:
  RendezvousFile(Env& env, std::string path) : env_(env), path_(std::move(path)) {}
  ~RendezvousFile() {
    if (!path_.empty()) (void)env_.RemoveFile(path_);
  }

 private:
  Env& env_;
  std::string path_;
};

net::Rendezvous MakeRendezvous(const ServerOptions& options, const net::RequestServer& requests,
                               const HttpServer* http, const net::Security& security, Now now) {
  net::Rendezvous rendezvous;
  rendezvous.control = AdvertisedEndpoint(requests.endpoints(), options.advertise, HostName());
  rendezvous.http = http == nullptr ? "" : http->url();
  rendezvous.cluster = options.cluster;
  if (security.own) rendezvous.server_key = security.own->public_key;
  rendezvous.pid = static_cast<uint64_t>(::getpid());
  rendezvous.started_unix_ms = now.unix_ms;
  return rendezvous;
}

// What SIGHUP brings. Nothing: it was wrong, and all stays as it is.
std::optional<ServerOptions> ReadAgain(RunningSettings& running) {
  ServerOptions options;
  CLI::App app("", "mrcoordinator");
  AddOptions(app, options);
  if (!running.ReadAgain(app, options.log, {[&] { return CheckOptions(options); }, ""})) return std::nullopt;
  return options;
}

// Everything from the first file to the last reply. The order matters: processes are forked before
// threads exist, and the rendezvous file appears when requests are taken.
Status Serve(const ServerOptions& options, RunningSettings& running) {
  Env& env = PosixEnv();
  const SystemClock clock;
  const Now now = clock.Read();
  net::Security security;
  if (options.auth == "curve") {
    MR_ASSIGN_OR_RETURN(security, net::ReadKeyFile(options.key_file));
  }
  MR_ASSIGN_OR_RETURN(const auto state, StateDirectory::Open(env, options.state_dir));
  const bool durably = !state->temporary() && !options.keep_nothing;
  if (options.keep_nothing && env.Exists(JoinPath(state->path(), kMemberDirectory))) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat(state->path(), " holds the jobs of a coordinator that kept them; with --volatile they would neither go "
                       "on nor be kept. Leave --volatile out, or give another --state-dir"));
  }
  MR_ASSIGN_OR_RETURN(BlobStore blobs, BlobStore::Open(env, JoinPath(state->path(), "plugins"),
                                                       durably));
  CoordinatorState machine(/*alone=*/options.peers.empty());
  std::unique_ptr<Replica> alone;
  if (options.peers.empty()) {
    MR_ASSIGN_OR_RETURN(alone, durably ? OpenAlone(env, state->path(), machine) : OpenVolatile(machine));
    // What was agreed on before: alone, all that is there.
    MR_RETURN_IF_ERROR(alone->Pump());
    WarnOfMissingPlugins(machine.state(), blobs);
  }
  MR_ASSIGN_OR_RETURN(const auto signals, SignalQueue::Open());
  const std::string rendezvous = options.rendezvous.empty() && options.dev
                                     ? JoinPath(state->path(), "rendezvous.json")
                                     : options.rendezvous;
  // A file of an earlier life would send the workers astray.
  if (options.dev && env.Exists(rendezvous)) MR_RETURN_IF_ERROR(env.RemoveFile(rendezvous));
  MR_ASSIGN_OR_RETURN(const auto dev_workers, StartDevWorkers(options, rendezvous));

  net::NetContext context(security);
  MR_ASSIGN_OR_RETURN(const auto requests, net::RequestServer::Bind(context, options.listen));
  MR_ASSIGN_OR_RETURN(const auto http, StartHttp(options));
  std::unique_ptr<Replica> member;  // after the network, which must outlive it
  if (!options.peers.empty()) {
    MR_ASSIGN_OR_RETURN(const Group group, ParseGroup(options.peers));
    const std::string advertised = AdvertisedEndpoint(requests->endpoints(), options.advertise, HostName());
    MR_ASSIGN_OR_RETURN(member, OpenMember(env, context, {state->path(), {options.node}, group, advertised}, machine));
  }
  std::unique_ptr<PidFile> pid_file;
  if (!options.pid_file.empty()) {
    MR_ASSIGN_OR_RETURN(pid_file, PidFile::Create(env, options.pid_file));
  }
  if (!rendezvous.empty()) {
    MR_RETURN_IF_ERROR(net::WriteRendezvous(
        rendezvous, MakeRendezvous(options, *requests, http.get(), security, now)));
  }
  const RendezvousFile rendezvous_file(env, rendezvous);
  PrintStart(*requests, http.get());
  ServerOptions current = options;
  const auto core_options = [&] {
    CoreOptions core = MakeCoreOptions(current, now);
    if (http != nullptr) core.http = http->url();
    return core;
  };
  const auto reload = [&] {
    if (auto changed = ReadAgain(running)) current = std::move(*changed);
  };
  Server server({clock, alone ? *alone : *member, machine, blobs, *requests, *signals, core_options, reload, http.get(), dev_workers.get()});
  return server.Run();
}

int Main(int argc, char** argv) {
  if (argc > 1 && IsOperatorCommand(argv[1])) return RunOperatorCommand(argc, argv);
  BlockSignals();
  ServerOptions options;
  CLI::App app(
      "Owns the jobs of a Millrace cluster: hands out tasks to workers and decides who wins.",
      "mrcoordinator");
  app.footer("'mrcoordinator bootstrap|inspect|export|restore --help': the state directory of a coordinator that is not "
             "running, for a replicated one and after the loss of a disk.");
  AddOptions(app, options);
  const DaemonChecks checks{[&] { return CheckOptions(options); }, net::ZmqVersion()};
  if (const auto code = ParseDaemonOptions(app, "coordinator", argc, argv, checks)) return *code;
  options.http_given = app.get_option("--http")->count() > 0;
  if (const Status log = InitLogging("mrcoordinator", options.log); !log)
    return Complain(log.error().text, kUsage);
  if (options.die_with_parent) {
    if (const Status tied = DieWithParent(); !tied)
      return Complain(tied.error().text, kCannotStart);
  }
  RunningSettings running(app, "coordinator", argc, argv, {"max-jobs", "history"});
  const Status served = Serve(options, running);
  if (served) return 0;
  return Complain(served.error().text,
                  served.error().code == ErrorCode::kInternal ? kBug : kCannotStart);
}

}  // namespace
}  // namespace mr::coordinator

int main(int argc, char** argv) {
  try {
    return mr::coordinator::Main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "mrcoordinator: a bug of ours: " << error.what() << "\n";
    return 70;
  }
}
