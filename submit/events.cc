#include "submit/events.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace mr::submit {
namespace {

sigset_t WatchedSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT})
    sigaddset(&set, number);
  return set;
}

std::optional<EventKind> KindOf(uint32_t signal_number) {
  switch (signal_number) {
    case SIGINT:
      return EventKind::kInterrupt;
    case SIGTERM:
      return EventKind::kTerminate;
    case SIGHUP:
      return EventKind::kHangup;
    case SIGWINCH:
      return EventKind::kResize;
    case SIGTSTP:
      return EventKind::kSuspend;
    case SIGCONT:
      return EventKind::kContinue;
    default:
      return std::nullopt;
  }
}

}  // namespace

EventSource::EventSource() {
  const sigset_t set = WatchedSignals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  Add(signals_);
}

EventSource::~EventSource() {
  SetRawKeys(false);
  ::close(signals_);
  ::close(epoll_);
  // The mask stays blocked until the end of the process: what comes now would only break the
  // clean-up.
}

void EventSource::Add(int descriptor) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = descriptor;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
}

void EventSource::WatchKeys() {
  if (::isatty(STDIN_FILENO) != 1 || ::tcgetpgrp(STDIN_FILENO) != ::getpgrp()) return;
  SetRawKeys(true);
  if (!keys_) Add(STDIN_FILENO);
  keys_ = true;
}

void EventSource::SetRawKeys(bool raw) {
  if (!raw) {
    if (saved_terminal_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &*saved_terminal_);
    saved_terminal_.reset();
    return;
  }
  termios state{};
  if (saved_terminal_ || ::tcgetattr(STDIN_FILENO, &state) != 0) return;
  saved_terminal_ = state;
  state.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &state);
}

void EventSource::WatchChild(int pid_descriptor) {
  if (pid_descriptor >= 0) Add(pid_descriptor);
}

std::vector<Event> EventSource::Take() {
  std::vector<Event> events;
  std::array<epoll_event, 8> ready;
  const int count = ::epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), 0);
  for (int i = 0; i < count; ++i) {
    const int descriptor = ready[static_cast<size_t>(i)].data.fd;
    if (descriptor == signals_) {
      signalfd_siginfo info{};
      while (::read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
        if (const auto kind = KindOf(info.ssi_signo)) events.push_back({*kind, 0});
      }
    } else if (descriptor == STDIN_FILENO) {
      char key = 0;
      if (::read(STDIN_FILENO, &key, 1) == 1)
        events.push_back({EventKind::kKey, key});
      else
        ::epoll_ctl(epoll_, EPOLL_CTL_DEL, STDIN_FILENO, nullptr);
    } else {
      ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
      events.push_back({EventKind::kChildEnded, 0});
    }
  }
  return events;
}

bool EventSource::Wait(Duration timeout) {
  pollfd one{epoll_, POLLIN, 0};
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  return ::poll(&one, 1, static_cast<int>(ms < 0 ? 0 : ms)) > 0;
}

void EventSource::SuspendSelf() {
  const bool had_keys = saved_terminal_.has_value();
  SetRawKeys(false);
  ::raise(SIGSTOP);
  if (had_keys) WatchKeys();
}

}  // namespace mr::submit
