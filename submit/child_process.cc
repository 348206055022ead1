#include "submit/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/strings.h"
#include "common/io/env.h"

namespace mr::submit {
namespace {

constexpr size_t kCaptureMax = 16u << 20;

// In the child, between fork and exec: only calls that are safe there.
[[noreturn]] void Exec(char* const* arguments, pid_t parent, int out, int err) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // the parent died before the prctl
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(null, STDIN_FILENO);
  ::dup2(out >= 0 ? out : null, STDOUT_FILENO);
  ::dup2(err >= 0 ? err : null, STDERR_FILENO);
  ::setpgid(0, 0);  // a Ctrl-C at the terminal is ours to handle, not theirs
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

Result<pid_t> Spawn(const std::vector<std::string>& command, int out, int err) {
  if (::access(command.front().c_str(), X_OK) != 0) {
    return FailErrno(errno, StrCat("cannot run ", command.front()));
  }
  std::vector<char*> arguments;
  for (const std::string& part : command) arguments.push_back(const_cast<char*>(part.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return FailErrno(errno, StrCat("cannot start ", command.front()));
  if (pid == 0) Exec(arguments.data(), parent, out, err);
  return pid;
}

int OpenPidDescriptor(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

int TimeoutMs(Time deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1 << 30));
}

struct Pipe {
  std::array<int, 2> ends{-1, -1};
  ~Pipe() {
    for (int& end : ends) Close(end);
  }
  static void Close(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
};

// Reads both pipes until both are closed. False at the deadline.
bool Collect(Pipe& out, Pipe& err, CapturedRun& run, Time deadline) {
  for (;;) {
    std::array<pollfd, 2> polls = {pollfd{out.ends[0], POLLIN, 0}, pollfd{err.ends[0], POLLIN, 0}};
    if (out.ends[0] < 0 && err.ends[0] < 0) return true;
    const int ready = ::poll(polls.data(), polls.size(), TimeoutMs(deadline));
    if (ready == 0) return false;
    for (size_t i = 0; i < polls.size(); ++i) {
      if (polls[i].fd < 0 || polls[i].revents == 0) continue;
      std::array<char, 65536> buffer;
      const ssize_t count = ::read(polls[i].fd, buffer.data(), buffer.size());
      std::string& text = i == 0 ? run.out : run.err;
      if (count > 0 && text.size() < kCaptureMax)
        text.append(buffer.data(), static_cast<size_t>(count));
      if (count == 0) Pipe::Close(i == 0 ? out.ends[0] : err.ends[0]);
    }
  }
}

}  // namespace

ChildProcess::~ChildProcess() {
  if (pid_ > 0 && !HasEnded()) {
    Signal(SIGKILL);
    ::waitpid(pid_, &status_, 0);
  }
  if (pid_descriptor_ >= 0) ::close(pid_descriptor_);
}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pid_descriptor_, other.pid_descriptor_);
  std::swap(ended_, other.ended_);
  std::swap(status_, other.status_);
  return *this;
}

Result<ChildProcess> ChildProcess::Start(const std::vector<std::string>& command,
                                         const std::string& output_path) {
  int output = -1;
  if (!output_path.empty()) {
    output = ::open(output_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (output < 0) return FailErrno(errno, StrCat("cannot write ", output_path));
  }
  const Result<pid_t> pid = Spawn(command, output, output);
  if (output >= 0) ::close(output);
  if (!pid) return Fail(pid.error());
  ChildProcess child;
  child.pid_ = *pid;
  child.pid_descriptor_ = OpenPidDescriptor(*pid);
  return child;
}

bool ChildProcess::HasEnded() {
  if (pid_ <= 0) return true;
  if (!ended_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) ended_ = true;
  return ended_;
}

void ChildProcess::Signal(int signal_number) {
  if (pid_ > 0 && !ended_) ::kill(pid_, signal_number);
}

bool ChildProcess::WaitUntil(Time deadline) {
  while (!HasEnded()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    pollfd poll_one{pid_descriptor_, POLLIN, 0};
    // Without a pid descriptor (an old kernel) this is a plain pause.
    const int timeout =
        pid_descriptor_ >= 0 ? TimeoutMs(deadline) : std::min(TimeoutMs(deadline), 5);
    ::poll(&poll_one, pid_descriptor_ >= 0 ? 1 : 0, timeout);
  }
  return true;
}

std::string ChildProcess::EndText() const {
  if (WIFSIGNALED(status_)) {
    return StrCat("signal ", WTERMSIG(status_), " (", ::strsignal(WTERMSIG(status_)), ")");
  }
  return StrCat("exit code ", WEXITSTATUS(status_));
}

Result<CapturedRun> RunCaptured(const std::vector<std::string>& command, Duration timeout) {
  const Time deadline = std::chrono::steady_clock::now() + timeout;
  Pipe out, err;
  if (::pipe2(out.ends.data(), O_CLOEXEC) != 0 || ::pipe2(err.ends.data(), O_CLOEXEC) != 0) {
    return FailErrno(errno, StrCat("cannot start ", command.front()));
  }
  MR_ASSIGN_OR_RETURN(const pid_t pid, Spawn(command, out.ends[1], err.ends[1]));
  Pipe::Close(out.ends[1]);
  Pipe::Close(err.ends[1]);
  CapturedRun run;
  const bool complete = Collect(out, err, run, deadline);
  if (!complete) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!complete) {
    return Fail(ErrorCode::kTimeout,
                StrCat(command.front(), " did not end within ",
                       std::chrono::duration_cast<std::chrono::seconds>(timeout).count(), " s"));
  }
  run.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return run;
}

Result<std::string> SiblingProgram(const std::string& name) {
  MR_ASSIGN_OR_RETURN(const std::string directory, ProgramDirectory());
  std::string path = JoinPath(directory, name);
  if (::access(path.c_str(), X_OK) != 0) {
    return Fail(ErrorCode::kNotFound,
                StrCat("the program ", path,
                       " is missing; it belongs next to mrsubmit: install or build it"));
  }
  return path;
}

}  // namespace mr::submit
