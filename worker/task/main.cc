// mrtask: hosts a plugin. A child of mrworker that runs attempts (--link-fd), or a tool that
// describes or samples a plugin without risk for the program that asks.
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <variant>

#include "common/base/clock.h"
#include "common/base/options.h"
#include "common/base/strings.h"
#include "common/io/env.h"
#include "common/wire/codec.h"
#include "worker/task/app_library.h"
#include "worker/task/crash_handler.h"
#include "worker/task/describe.h"
#include "worker/task/elf_file.h"
#include "worker/task/limits.h"
#include "worker/task/sample.h"
#include "worker/task/serve.h"

namespace mr::worker {
namespace {

constexpr int kExitUsage = 2;
constexpr int kExitRefused = 6;
constexpr int kExitBug = 70;

struct Options {
  int link_fd = -1;
  int black_box_fd = -1;
  int parent_pid = 0;
  std::string plugin;
  std::string shown_name;
  std::string source;
  std::string spec;
  bool json = false;
  bool version = false;
};

// What the plugin's static constructors print must not end up in our output: while loading, stdout
// is stderr.
class StdoutAside {
 public:
  StdoutAside() : saved_(::dup(STDOUT_FILENO)) { ::dup2(STDERR_FILENO, STDOUT_FILENO); }
  ~StdoutAside() {
    std::fflush(stdout);
    if (saved_ < 0) return;
    ::dup2(saved_, STDOUT_FILENO);
    ::close(saved_);
  }
  StdoutAside(const StdoutAside&) = delete;
  StdoutAside& operator=(const StdoutAside&) = delete;

 private:
  int saved_;
};

int Refuse(std::string_view text) {
  std::cerr << "mrtask: " << text << std::endl;
  return kExitRefused;
}

int Serve(const Options& options) {
  if (!IsolateProcess(options.parent_pid)) return 0;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // a pipe to the worker: lines should survive a crash
  auto black_box = MapBlackBox(options.black_box_fd);
  if (!black_box) return Refuse(black_box.error().text);
  ::close(options.black_box_fd);
  InstallCrashHandler(**black_box);
  FrameSocket link(options.link_fd);
  const SystemClock clock;
  const Status served = ServeAttempts(PosixEnv(), clock, link, **black_box);
  if (served) return 0;
  if (served.error().code == ErrorCode::kUnavailable)
    return 0;  // the worker has gone: nobody to tell
  std::cerr << "mrtask: " << served.error().text << std::endl;
  return kExitBug;
}

std::string ShownName(const Options& options) {
  return options.shown_name.empty() ? BaseName(options.plugin) : options.shown_name;
}

std::string BuildIdOf(Env& env, const std::string& path) {
  const Result<ElfFile> elf = ElfFile::Open(env, path);
  return elf ? elf->BuildId() : std::string();
}

int Describe(const Options& options) {
  Result<std::unique_ptr<AppLibrary>> app = [&] {
    const StdoutAside aside;
    return AppLibrary::Load(PosixEnv(), options.plugin, ShownName(options));
  }();
  if (!app) return Refuse(app.error().text);
  const std::string& path = options.source.empty() ? options.plugin : options.source;
  std::cout << DescribeJson(**app, path, BuildIdOf(PosixEnv(), options.plugin), !options.json) << std::endl;
  return 0;
}

Attempted<std::vector<std::string>> Sample(const Options& options,
                                           const wire::Assignment& assignment) {
  auto app = AppLibrary::Load(PosixEnv(), options.plugin, ShownName(options));
  if (!app) return tl::unexpected(FailureOf(app.error()));
  auto job = (*app)->FindJob(assignment.config.job_name);
  if (!job) return tl::unexpected(FailureOf(job.error()));
  const char* temporary = std::getenv("TMPDIR");
  auto scratch = CreateTemporaryDirectory(
      JoinPath(temporary != nullptr ? temporary : "/tmp", "mrtask-sample-"));
  if (!scratch) return tl::unexpected(FailureOf(scratch.error()));
  auto keys = SampleKeys(PosixEnv(), **job, assignment, *scratch, SampleLimits{});
  PosixEnv().RemoveTree(*scratch);
  return keys;
}

int RunSample(const Options& options) {
  auto bytes = ReadWholeFile(PosixEnv(), options.spec, wire::kMaxMessageBytes);
  if (!bytes) return Refuse(bytes.error().text);
  auto message = wire::Decode<wire::ToTaskMessage>(*bytes);
  const auto* run = message ? std::get_if<wire::RunAttempt>(&message->body) : nullptr;
  if (run == nullptr)
    return Refuse(StrCat(options.spec, " does not hold an encoded RunAttempt message"));
  auto keys = [&] {
    const StdoutAside aside;
    return Sample(options, run->assignment);
  }();
  if (!keys) {
    const wire::Failure& failure = keys.error();
    return Refuse(failure.type.empty() ? failure.message
                                       : StrCat(failure.type, ": ", failure.message));
  }
  std::string out;
  for (const std::string& key : *keys) out += ToHex(key) + "\n";
  std::cout << out << std::flush;
  return 0;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("hosts a plugin for mrworker, or describes one", "mrtask");
  app.add_option("--link-fd", options.link_fd, "socket to the worker (set by mrworker)");
  app.add_option("--black-box-fd", options.black_box_fd,
                 "memory shared with the worker (set by mrworker)");
  app.add_option("--parent", options.parent_pid, "process to end with (set by mrworker)");
  app.add_flag("--version", options.version, "print the version");
  CLI::App* describe = app.add_subcommand(
      "describe", "print what a plugin offers, as JSON; exit 6 if it is unusable");
  describe->add_option("plugin", options.plugin, "the plugin's .so file")->required();
  describe->add_option("--name", options.shown_name, "what messages call the plugin");
  describe->add_option("--source", options.source, "the file that it is a copy of, to be shown");
  describe->add_flag("--json", options.json, "on one line");
  CLI::App* sample =
      app.add_subcommand("sample", "print sampled keys of a job's map, in hexadecimal, sorted");
  sample->add_option("plugin", options.plugin, "the plugin's .so file")->required();
  sample->add_option("--spec", options.spec, "file with an encoded RunAttempt message")->required();
  sample->add_option("--name", options.shown_name, "what messages call the plugin");
  if (const std::optional<int> code = ParseCommandLine(app, argc, argv)) return *code;
  if (options.version) {
    std::cout << VersionText("mrtask", false) << std::flush;
    return 0;
  }
  LogOptions log;
  log.level = "warning";
  if (const Status started = InitLogging("mrtask", log); !started)
    return Refuse(started.error().text);
  if (describe->parsed()) return Describe(options);
  if (sample->parsed()) return RunSample(options);
  if (options.link_fd >= 0 && options.black_box_fd >= 0) return Serve(options);
  std::cerr << "mrtask: this program is started by mrworker; people use 'mrtask describe PLUGIN'\n";
  return kExitUsage;
}

}  // namespace
}  // namespace mr::worker

int main(int argc, char** argv) { return mr::worker::Main(argc, argv); }
