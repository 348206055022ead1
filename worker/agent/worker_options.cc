#include "worker/agent/worker_options.h"

#include <sched.h>

#include <charconv>

#include "common/base/isolation.h"
#include "common/base/options.h"
#include "common/base/strings.h"
#include "common/http/http_address.h"
#include "common/net/channel.h"
#include "common/net/endpoint.h"
#include "worker/agent/scratch.h"

namespace mr::worker {
namespace {

constexpr uint32_t kSlotsMax = 1024;

tl::unexpected<Error> Wrong(std::string text) {
  return Fail(ErrorCode::kInvalidArgument, std::move(text));
}

// Host part of tcp://HOST:PORT.
std::string HostOf(std::string_view endpoint) {
  endpoint.remove_prefix(std::string_view("tcp://").size());
  std::string host(endpoint.substr(0, endpoint.rfind(':')));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  return host;
}

void AddOptions(CLI::App& app, WorkerOptions& o) {
  app.add_option("-c,--coordinator", o.coordinator,
                 "where it listens: tcp://HOST:PORT, ipc://PATH, or file:PATH of "
                 "its rendezvous file; of a replicated one all of them, with commas between")
      ->envname("MR_COORDINATOR");
  app.add_option("--cluster", o.cluster, "refuse a coordinator of another cluster than this");
  app.add_option("--name", o.name,
                 "stable identity of this worker (default: host name with a suffix)")
      ->envname("MR_WORKER_NAME");
  app.add_option("--slots", o.slots, "tasks at the same time: auto (one per CPU), or a number")
      ->capture_default_str();
  app.add_option("--memory", o.memory,
                 "for all tasks together, as share of the RAM or as a size; a task may use its "
                 "slot's part of it")
      ->capture_default_str();
  app.add_option("--scratch", o.scratch,
                 "directory for plugins and map outputs, or several, A,B,…, of which each task gets one: give one "
                 "per disk (default: a private one in $TMPDIR or /var/tmp, removed at the end)");
  app.add_option("--scratch-reserve", o.scratch_reserve,
                 "leave a directory out while less than this is free there, and take no work when all are: share or size")
      ->capture_default_str();
  app.add_option("--data-listen", o.data_listen, "where reducers fetch map outputs; port 0 = any")
      ->capture_default_str();
  app.add_option("--advertise", o.advertise, "HOST or HOST:PORT that others reach its map outputs by");
  app.add_option("--auth", o.auth,
                 "none, or curve: encrypt with the keys of --key-file, map outputs too (default: "
                 "curve with a key file, else none)")
      ->check(CLI::IsMember({"none", "curve"}));
  app.add_option("--key-file", o.key_file, "keys made by 'mrsubmit config keygen'")
      ->envname("MR_KEY_FILE");
  AddPairs(app, "--labels", o.labels, "key=value[,key=value…], shown with the worker; repeatable");
  app.add_option("--isolation", o.isolation, "process: each task in a process of its own")
      ->capture_default_str();
  app.add_option("--mrtask", o.mrtask, "program that hosts plugins (default: beside this one)");
  AddDuration(app, "--drain-timeout", o.drain_timeout_ms,
              "after SIGTERM, how long running tasks may go on");
  app.add_option("--death-timeout", o.death_timeout,
                 "end with exit code 7 after this time without the coordinator, or "
                 "never")
      ->capture_default_str();
  app.add_option("--http", o.http,
                 "this worker's status, /metrics and /healthz: HOST:PORT (port 0: any), or off")
      ->capture_default_str();
  app.add_flag("--insecure", o.insecure,
               "allow --data-listen beyond this host, without encryption");
  app.add_flag("--die-with-parent", o.die_with_parent,
               "end when the process that started this one ends");
  app.add_option("--pid-file", o.pid_file, "write the process id there");
  AddLogOptions(app, o.log);
}

}  // namespace

WorkerCommandLine::WorkerCommandLine(int argc, const char* const* argv) : argc_(argc), argv_(argv) {}
WorkerCommandLine::~WorkerCommandLine() = default;

std::optional<int> WorkerCommandLine::Parse(WorkerOptions& options) {
  CLI::App app("runs tasks for a Millrace coordinator", "mrworker");
  AddOptions(app, options);
  const DaemonChecks checks{[&] { return CheckWorkerOptions(options); }, net::ZmqVersion()};
  if (const auto code = ParseDaemonOptions(app, "worker", argc_, argv_, checks)) return code;
  running_ = std::make_unique<RunningSettings>(app, "worker", argc_, argv_,
                                               std::set<std::string>{"drain-timeout", "death-timeout"});
  return std::nullopt;
}

std::optional<WorkerOptions> WorkerCommandLine::ReadAgain() {
  WorkerOptions options;
  CLI::App app("", "mrworker");
  AddOptions(app, options);
  const DaemonChecks checks{[&] { return CheckWorkerOptions(options); }, ""};
  if (!running_->ReadAgain(app, options.log, checks)) return std::nullopt;
  return options;
}

Result<uint32_t> ParseSlots(const std::string& text) {
  if (text == "auto") {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
    return static_cast<uint32_t>(std::max(1, CPU_COUNT(&allowed)));
  }
  uint32_t slots = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), slots);
  if (error != std::errc() || end != text.data() + text.size() || slots == 0 || slots > kSlotsMax) {
    return Wrong(StrCat("--slots '", text, "' is neither auto nor a number from 1 to ", kSlotsMax));
  }
  return slots;
}

Result<uint64_t> ParseShare(const std::string& option, const std::string& text, uint64_t whole) {
  if (text.ends_with('%')) {
    double percent = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size() - 1, percent);
    if (error != std::errc() || end != text.data() + text.size() - 1 ||
        !(percent >= 0 && percent <= 100)) {
      return Wrong(StrCat(option, " '", text, "' is not a share from 0% to 100%"));
    }
    return static_cast<uint64_t>(static_cast<double>(whole) * percent / 100);
  }
  auto bytes = ParseSize(text);
  if (!bytes)
    return Wrong(
        StrCat(option, " '", text, "' is neither a share such as 80% nor a size such as 16GiB"));
  return *bytes;
}

Result<int64_t> ParseDeathTimeout(const std::string& text) {
  if (text == "never") return 0;
  auto duration = ParseDurationMs(text);
  if (!duration || *duration <= 0) {
    return Wrong(
        StrCat("--death-timeout '", text, "' is neither never nor a duration such as 60s"));
  }
  return *duration;
}

bool UsesKeys(const WorkerOptions& options) {
  return options.auth == "curve" || (options.auth.empty() && !options.key_file.empty());
}

Status CheckWorkerOptions(const WorkerOptions& o) {
  if (o.coordinator.empty()) {
    return Wrong(
        "which coordinator? Give -c tcp://HOST:PORT or -c file:PATH of its rendezvous file");
  }
  if (auto slots = ParseSlots(o.slots); !slots) return Fail(slots.error());
  if (!o.scratch.empty()) {
    if (auto roots = ParseScratch(o.scratch); !roots) return Fail(roots.error());
  }
  if (auto memory = ParseShare("--memory", o.memory, 1); !memory) return Fail(memory.error());
  if (auto reserve = ParseShare("--scratch-reserve", o.scratch_reserve, 1); !reserve)
    return Fail(reserve.error());
  if (auto timeout = ParseDeathTimeout(o.death_timeout); !timeout) return Fail(timeout.error());
  MR_RETURN_IF_ERROR(CheckIsolation(o.isolation));
  if (o.http != "off") {
    if (const auto address = http::ParseAddress(o.http); !address) return Fail(address.error());
  }
  if (o.auth == "curve" && o.key_file.empty()) {
    return Wrong("--auth curve needs --key-file; make one with 'mrsubmit config keygen'");
  }
  const bool advertises = o.advertise.empty() || net::ParseEndpoint(StrCat("tcp://", o.advertise)) ||
                          net::ParseEndpoint(StrCat("tcp://", o.advertise, ":1"));
  if (!advertises) return Wrong(StrCat("--advertise '", o.advertise, "' is neither HOST nor HOST:PORT"));
  const bool tcp = o.data_listen.starts_with("tcp://");
  if (!tcp && !o.data_listen.starts_with("ipc://")) {
    return Wrong(
        StrCat("--data-listen '", o.data_listen, "' is neither tcp://HOST:PORT nor ipc://PATH"));
  }
  if (tcp && !o.insecure && !UsesKeys(o)) {
    const std::string host = HostOf(o.data_listen);
    if (!host.starts_with("127.") && host != "localhost" && host != "::1") {
      return Wrong(StrCat("--data-listen ", o.data_listen,
                          " gives map outputs to everybody who can reach ", host,
                          ", without encryption: make keys with 'mrsubmit config keygen' and give --key-file, or "
                          "add --insecure if that network is trusted"));
    }
  }
  return {};
}

}  // namespace mr::worker
