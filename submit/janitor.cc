#include "submit/janitor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/io/env.h"

namespace mr::submit {
namespace {

constexpr int kSocketFd = 3;

[[noreturn]] void Watch(int socket, const std::string& directory) {
  ::prctl(PR_SET_NAME, "mr-janitor");
  ::setpgid(0, 0);  // what is sent to our whole group at a terminal is not meant for it
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(number, SIG_IGN);
  // It must hold nothing open that others wait for, such as our standard output.
  const int null = ::open("/dev/null", O_RDWR);
  for (const int standard : {0, 1, 2}) ::dup2(null, standard);
  if (socket != kSocketFd) ::dup2(socket, kSocketFd);
  ::close_range(kSocketFd + 1, ~0u, 0);
  char byte = 0;
  ssize_t got = 0;
  do {
    got = ::read(kSocketFd, &byte, 1);
  } while (got < 0 && errno == EINTR);
  if (got == 0) [[maybe_unused]]
    const Status removed = PosixEnv().RemoveTree(directory);
  ::_exit(0);
}

}  // namespace

Result<Janitor> Janitor::Start(const std::string& directory) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
    return FailErrno(errno, "cannot make a socket pair");
  const pid_t pid = ::fork();
  if (pid < 0) {
    const int saved = errno;
    ::close(ends[0]);
    ::close(ends[1]);
    return FailErrno(saved, "cannot fork");
  }
  if (pid == 0) {
    ::close(ends[1]);
    Watch(ends[0], directory);
  }
  ::close(ends[0]);
  Janitor janitor;
  janitor.socket_ = ends[1];
  janitor.pid_ = pid;
  return janitor;
}

Janitor& Janitor::operator=(Janitor&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(pid_, other.pid_);
  return *this;
}

Janitor::~Janitor() {
  if (pid_ == 0) return;
  [[maybe_unused]] const ssize_t told = ::send(socket_, "", 1, MSG_NOSIGNAL);
  ::close(socket_);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace mr::submit
