#include "coordinator/server/process.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/logging.h"
#include "common/base/strings.h"

namespace mr::coordinator {
namespace {

constexpr int kStopMilliseconds = 5000;
constexpr int kStopStepMilliseconds = 20;

sigset_t Handled() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD}) ::sigaddset(&set, number);
  return set;
}

// Between fork and exec: only calls that are safe there.
[[noreturn]] void ExecChild(const char* program, char* const* arguments, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(127);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::execv(program, arguments);
  ::_exit(127);
}

std::string DescribeEnd(int status) {
  if (WIFSIGNALED(status)) return StrCat("was ended by signal ", WTERMSIG(status));
  return StrCat("ended with exit code ", WEXITSTATUS(status));
}

}  // namespace

void BlockSignals() {
  const sigset_t set = Handled();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

Result<std::unique_ptr<SignalQueue>> SignalQueue::Open() {
  const sigset_t set = Handled();
  const int descriptor = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (descriptor < 0) return FailErrno(errno, "cannot receive signals");
  return std::unique_ptr<SignalQueue>(new SignalQueue(descriptor));
}

SignalQueue::~SignalQueue() { ::close(descriptor_); }

int SignalQueue::Next() {
  signalfd_siginfo info{};
  const ssize_t got = ::read(descriptor_, &info, sizeof info);
  return got == static_cast<ssize_t>(sizeof info) ? static_cast<int>(info.ssi_signo) : 0;
}

Status DieWithParent() {
  const pid_t parent = ::getppid();
  if (::prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
    return FailErrno(errno, "cannot tie the coordinator to its parent");
  if (::getppid() != parent)
    return Fail(ErrorCode::kCancelled, "the parent process has ended already");
  return {};
}

Result<std::unique_ptr<PidFile>> PidFile::Create(Env& env, const std::string& path) {
  MR_RETURN_IF_ERROR(WriteFileAtomically(env, path, StrCat(::getpid(), "\n")));
  return std::unique_ptr<PidFile>(new PidFile(env, path));
}

PidFile::~PidFile() {
  if (const Status removed = env_.RemoveFile(path_); !removed) LOG(WARNING) << removed.error().text;
}

std::string HostName() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "localhost";
  return name;
}

Result<std::unique_ptr<DevWorkers>> DevWorkers::Start(const std::string& program,
                                                      std::vector<std::string> arguments,
                                                      uint32_t count) {
  if (::access(program.c_str(), X_OK) != 0) {
    return Fail(ErrorCode::kNotFound,
                StrCat("--dev needs ", program, ", which is missing or cannot be run"));
  }
  std::unique_ptr<DevWorkers> workers(new DevWorkers());
  const pid_t parent = ::getpid();
  for (uint32_t i = 1; i <= count; ++i) {
    std::vector<std::string> words{program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    words.push_back("--name");
    words.push_back(StrCat("dev", i));
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const pid_t child = ::fork();
    if (child < 0) return FailErrno(errno, StrCat("cannot start ", program));
    if (child == 0) ExecChild(program.c_str(), argv.data(), parent);
    workers->children_.push_back(child);
  }
  return workers;
}

void DevWorkers::Reap() {
  std::erase_if(children_, [](pid_t child) {
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) != child) return false;
    LOG(INFO) << "worker process " << child << " " << DescribeEnd(status);
    return true;
  });
}

DevWorkers::~DevWorkers() {
  for (const pid_t child : children_) ::kill(child, SIGTERM);
  for (int waited = 0; !children_.empty() && waited < kStopMilliseconds;
       waited += kStopStepMilliseconds) {
    Reap();
    // A wait with an end, until SIGCHLD or the step is over.
    if (!children_.empty()) ::poll(nullptr, 0, kStopStepMilliseconds);
  }
  for (const pid_t child : children_) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
}

}  // namespace mr::coordinator
