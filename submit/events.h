// What may interrupt a wait: signals (through signalfd), keys, children that end. One descriptor
// stands for all of them, so that a wait for the network ends when any of them happens.
#pragma once

#include <termios.h>

#include <optional>
#include <vector>

#include "common/base/clock.h"

namespace mr::submit {

enum class EventKind : uint8_t {
  kInterrupt,
  kTerminate,
  kHangup,
  kResize,
  kSuspend,
  kContinue,
  kKey,
  kChildEnded
};

struct Event {
  EventKind kind = EventKind::kKey;
  char key = 0;
};

// Make it before any thread: it blocks the signals it reads. One thread. The destructor gives
// everything back: signal mask and terminal.
class EventSource {
 public:
  EventSource();
  ~EventSource();
  EventSource(const EventSource&) = delete;
  EventSource& operator=(const EventSource&) = delete;

  int descriptor() const { return epoll_; }
  // Single keys from the terminal on standard input, without Enter. Nothing happens if we are in
  // the background.
  void WatchKeys();
  void WatchChild(int pid_descriptor);
  // Everything that has happened; never waits.
  std::vector<Event> Take();
  // True if something is there to take.
  bool Wait(Duration timeout);
  // Stops this process as Ctrl-Z wants it, with the terminal as the shell knows it; returns when
  // continued.
  void SuspendSelf();

 private:
  void Add(int descriptor);
  void SetRawKeys(bool raw);
  int epoll_ = -1;
  int signals_ = -1;
  bool keys_ = false;
  std::optional<termios> saved_terminal_;
};

}  // namespace mr::submit
