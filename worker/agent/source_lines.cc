#include "worker/agent/source_lines.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <map>

#include "common/base/strings.h"
#include "worker/agent/task_process.h"
#include "worker/task/elf_file.h"

namespace mr::worker {
namespace {

constexpr std::chrono::milliseconds kTimeLimit{2000};
constexpr uint64_t kMemoryMax = uint64_t{2} << 30;
constexpr size_t kOutputMax = 64 << 10;

// Starts `arguments` with its output in a new pipe. Returns the process, or -1.
int Start(const std::vector<std::string>& arguments, int* output) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return -1;
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  // Nothing of the worker's environment: it may ask for downloads of debug information.
  char* environment[] = {const_cast<char*>("LC_ALL=C"), nullptr};
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;  // this thread's signals are blocked
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, argv[0], &files, &attributes, argv.data(), environment);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  ::close(ends[1]);
  if (error != 0) {
    ::close(ends[0]);
    return -1;
  }
  const rlimit memory{kMemoryMax, kMemoryMax};
  ::prlimit(pid, RLIMIT_AS, &memory, nullptr);
  *output = ends[0];
  return pid;
}

// Up to its end; nothing if that is too far or too late.
std::string ReadAll(int descriptor) {
  const auto deadline = std::chrono::steady_clock::now() + kTimeLimit;
  std::string text;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{descriptor, POLLIN, 0};
    const int ready = left.count() <= 0 ? 0 : ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return "";
    char buffer[4096];
    const ssize_t got = ::read(descriptor, buffer, sizeof buffer);
    if (got == 0) return text;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 || text.size() > kOutputMax) return "";
    text.append(buffer, static_cast<size_t>(got));
  }
}

// "/home/me/parser.cpp:88 (discriminator 2)" to "parser.cpp:88"; "??:0" and "parser.cpp:?" to "".
std::string Shortened(std::string_view line) {
  line = line.substr(0, line.find(" (discriminator"));
  const size_t colon = line.rfind(':');
  if (line.starts_with("??") || colon == std::string_view::npos) return "";
  const std::string_view number = line.substr(colon + 1);
  if (number.empty() || number == "0" || number.find_first_not_of("0123456789") != std::string_view::npos) return "";
  return StrCat(BaseName(std::string(line.substr(0, colon))), line.substr(colon));
}

bool HasLines(Env& env, const std::string& module) {
  const auto elf = ElfFile::Open(env, module);
  return elf && elf->FindSection(".debug_line") != nullptr;
}

// A plugin lies in the cache under its hash.
bool IsPlugin(const std::string& module, const std::string& plugin_name) {
  const std::string name = BaseName(module);
  return name == plugin_name || (name.size() == 64 + 3 && name.ends_with(".so"));
}

}  // namespace

std::vector<std::string> SourceLines(Env& env, const std::string& module, const std::vector<uint64_t>& addresses,
                                     const char* program) {
  std::vector<std::string> lines(addresses.size());
  if (addresses.empty() || !HasLines(env, module)) return lines;
  std::vector<std::string> arguments{program, "-e", module};
  for (const uint64_t address : addresses) {
    char digits[20];
    arguments.push_back(StrCat("0x", std::string(digits, std::to_chars(digits, digits + sizeof digits, address, 16).ptr)));
  }
  int output = -1;
  const int pid = Start(arguments, &output);
  if (pid < 0) return lines;
  const std::string text = ReadAll(output);
  ::close(output);
  ::kill(pid, SIGKILL);  // its output has ended, or its time has
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  std::string_view rest = text;
  for (std::string& line : lines) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) break;
    line = Shortened(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  return lines;
}

std::vector<std::string> SymbolizeFrames(Env& env, const std::vector<std::string>& frames,
                                         const std::string& plugin_name) {
  std::vector<std::string> named;
  std::map<std::string, std::vector<size_t>> of_module;  // indices of frames in plugins
  std::vector<uint64_t> addresses(frames.size());
  for (size_t i = 0; i < frames.size(); ++i) {
    named.push_back(SymbolizeFrame(env, frames[i], plugin_name));
    const size_t plus = frames[i].rfind("+0x");
    if (plus == std::string::npos) continue;
    const std::string module = frames[i].substr(0, plus);
    std::from_chars(frames[i].data() + plus + 3, frames[i].data() + frames[i].size(), addresses[i], 16);
    if (IsPlugin(module, plugin_name)) of_module[module].push_back(i);
  }
  for (const auto& [module, indices] : of_module) {
    std::vector<uint64_t> asked;
    for (const size_t i : indices) asked.push_back(addresses[i]);
    const std::vector<std::string> lines = SourceLines(env, module, asked);
    for (size_t k = 0; k < indices.size(); ++k) {
      std::string& frame = named[indices[k]];
      const size_t shown_module = frame.rfind(" (");  // absent from a frame without a symbol
      if (!lines[k].empty() && shown_module != std::string::npos)
        frame.insert(shown_module, StrCat(" at ", lines[k]));
    }
  }
  return named;
}

}  // namespace mr::worker
