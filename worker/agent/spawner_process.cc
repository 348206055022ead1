#include "worker/agent/spawner_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "common/io/env.h"
#include "worker/userjob/black_box.h"

namespace mr::worker {
namespace {

constexpr int kLinkFd = 3;  // in the task
constexpr int kBlackBoxFd = 4;
constexpr int kFirstFreeFd = 5;
constexpr int kExecErrorExit = 127;

// The descriptors of one new task; whatever is still open at the end is closed.
struct Plumbing {
  int link[2] = {-1, -1};  // [0] the worker's
  int log[2] = {-1, -1};   // [0] the worker's
  int black_box = -1;
  int exec_error[2] = {-1, -1};
  ~Plumbing() {
    for (const int fd :
         {link[0], link[1], log[0], log[1], black_box, exec_error[0], exec_error[1]}) {
      if (fd >= 0) ::close(fd);
    }
  }
};

const char* Prepare(Plumbing& plumbing) {
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, plumbing.link) != 0) return "socketpair";
  if (::pipe2(plumbing.log, O_CLOEXEC) != 0) return "pipe";
  if (::pipe2(plumbing.exec_error, O_CLOEXEC) != 0) return "pipe";
  plumbing.black_box = ::memfd_create("mr-black-box", MFD_CLOEXEC);
  if (plumbing.black_box < 0) return "memfd_create";
  if (::ftruncate(plumbing.black_box, sizeof(BlackBox)) != 0) return "ftruncate";
  // Only the worker's ends: the flag belongs to the open file, and each end is one of its own.
  ::fcntl(plumbing.link[0], F_SETFL, O_NONBLOCK);
  ::fcntl(plumbing.log[0], F_SETFL, O_NONBLOCK);
  return nullptr;
}

// In the child: from here on only async-signal-safe calls.
[[noreturn]] void BecomeTask(const Plumbing& plumbing, const char* program, int spawner_pid) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != spawner_pid) ::_exit(0);
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &plain, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // Out of the way of the fixed numbers first, then onto them.
  const int link = ::fcntl(plumbing.link[1], F_DUPFD, 64);
  const int box = ::fcntl(plumbing.black_box, F_DUPFD, 64);
  const int log = ::fcntl(plumbing.log[1], F_DUPFD, 64);
  const int report = ::fcntl(plumbing.exec_error[1], F_DUPFD, 64);
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::dup2(link, kLinkFd);
  ::dup2(box, kBlackBoxFd);
  ::dup2(report, kFirstFreeFd);
  ::fcntl(kFirstFreeFd, F_SETFD, FD_CLOEXEC);
  ::close_range(kFirstFreeFd + 1, ~0u, 0);
  char parent[16];
  std::snprintf(parent, sizeof parent, "%d", spawner_pid);
  char link_text[] = "3";
  char box_text[] = "4";
  char link_option[] = "--link-fd";
  char box_option[] = "--black-box-fd";
  char parent_option[] = "--parent";
  char* arguments[] = {const_cast<char*>(program),
                       link_option,
                       link_text,
                       box_option,
                       box_text,
                       parent_option,
                       parent,
                       nullptr};
  ::execv(program, arguments);
  const int error_number = errno;
  [[maybe_unused]] const ssize_t told = ::write(kFirstFreeFd, &error_number, sizeof error_number);
  ::_exit(kExecErrorExit);
}

void SendToWorker(int socket, const SpawnerMessage& message, const int* descriptors) {
  iovec part{const_cast<SpawnerMessage*>(&message), sizeof message};
  alignas(cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (descriptors != nullptr) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* attached = CMSG_FIRSTHDR(&header);
    attached->cmsg_level = SOL_SOCKET;
    attached->cmsg_type = SCM_RIGHTS;
    attached->cmsg_len = CMSG_LEN(3 * sizeof(int));
    std::memcpy(CMSG_DATA(attached), descriptors, 3 * sizeof(int));
  }
  while (::sendmsg(socket, &header, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

class SpawnerProcess {
 public:
  explicit SpawnerProcess(int socket) : socket_(socket), own_pid_(::getpid()) {}

  void Serve(const SpawnRequest& request) {
    if (request.kind == SpawnRequest::kRemoveAtEnd)
      remove_at_end_ = request.path;
    else
      Spawn(request);
  }

  void Spawn(const SpawnRequest& request) {
    SpawnerMessage message{};
    message.kind = SpawnerMessage::kSpawned;
    message.id = request.id;
    Plumbing plumbing;
    const char* failed = Prepare(plumbing);
    int pid = -1;
    if (failed == nullptr) {
      pid = ::fork();
      if (pid == 0) BecomeTask(plumbing, request.path, own_pid_);
      if (pid < 0) failed = "fork";
    }
    message.error_number = errno;
    if (failed == nullptr) {
      ::setpgid(pid, pid);  // whoever comes first, parent or child
      ::close(plumbing.exec_error[1]);
      plumbing.exec_error[1] = -1;
      int error_number = 0;
      ssize_t got = 0;
      do {
        got = ::read(plumbing.exec_error[0], &error_number, sizeof error_number);
      } while (got < 0 && errno == EINTR);
      if (got == sizeof error_number) {
        failed = request.path;
        message.error_number = error_number;
        ::waitpid(pid, nullptr, 0);
      }
    }
    if (failed != nullptr) {
      std::snprintf(message.step, sizeof message.step, "%.*s",
                    static_cast<int>(sizeof message.step - 1), failed);
      return SendToWorker(socket_, message, nullptr);
    }
    tasks_[pid] = request.id;
    message.pid = pid;
    const int descriptors[3] = {plumbing.link[0], plumbing.black_box, plumbing.log[0]};
    SendToWorker(socket_, message, descriptors);
  }

  void Reap() {
    for (;;) {
      int status = 0;
      rusage usage{};
      const int pid = ::wait4(-1, &status, WNOHANG, &usage);
      if (pid <= 0) return;
      const auto task = tasks_.find(pid);
      if (task == tasks_.end()) continue;
      ::kill(-pid, SIGKILL);  // what the user code has left running
      SpawnerMessage message{};
      message.kind = SpawnerMessage::kExited;
      message.id = task->second;
      message.pid = pid;
      message.wait_status = status;
      message.peak_memory_bytes = static_cast<uint64_t>(usage.ru_maxrss) * 1024;
      message.cpu_ms = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
      tasks_.erase(task);
      SendToWorker(socket_, message, nullptr);
    }
  }

  void End() {
    for (const auto& [pid, id] : tasks_) ::kill(-pid, SIGKILL);
    while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
    }
    if (remove_at_end_.empty()) return;
    [[maybe_unused]] const Status removed = PosixEnv().RemoveTree(remove_at_end_);
  }

 private:
  int socket_;
  int own_pid_;
  std::map<int, uint64_t> tasks_;
  std::string remove_at_end_;
};

}  // namespace

void RunSpawner(int socket) {
  ::prctl(PR_SET_NAME, "mr-spawner");
  // Keys pressed in a terminal reach the whole foreground group; only the socket's end stops this
  // process.
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE})
    ::signal(number, SIG_IGN);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_SETMASK, &child, nullptr);
  const int signals = ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  SpawnerProcess spawner(socket);
  for (;;) {
    pollfd waiting[2] = {{socket, POLLIN, 0}, {signals, POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0 && errno != EINTR) break;
    signalfd_siginfo info;
    while (::read(signals, &info, sizeof info) > 0) {
    }
    spawner.Reap();
    if (waiting[0].revents == 0) continue;
    SpawnRequest request{};
    const ssize_t got = ::recv(socket, &request, sizeof request, MSG_DONTWAIT);
    if (got == sizeof request) {
      request.path[sizeof request.path - 1] = '\0';
      spawner.Serve(request);
    } else if (got >= 0 || (errno != EAGAIN && errno != EINTR)) {
      break;
    }
  }
  spawner.End();
  ::_exit(0);
}

}  // namespace mr::worker
