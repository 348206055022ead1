// Starts and reaps the task processes. A process of its own with a single thread, forked by main
// before any other thread or ZeroMQ context exists: fork() in a process with threads is not safe.
//
// Its tasks end with it (PR_SET_PDEATHSIG), and it ends when its socket to the agent closes, for
// whatever reason; it then kills the process group of each task, with all that user code has
// started.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/result.h"

namespace mr::worker {

// What the agent holds of a new task. Descriptors are the receiver's to close.
struct Spawned {
  uint64_t id = 0;   // as asked for
  int pid = 0;       // also its process group; 0: it could not be started, `error` says why
  int link_fd = -1;  // non-blocking
  int black_box_fd = -1;
  int log_fd = -1;  // read end of stdout and stderr, non-blocking
  std::string error;
};
struct Exited {
  uint64_t id = 0;
  int pid = 0;
  int wait_status = 0;  // as from waitpid
  uint64_t peak_memory_bytes = 0;
  int64_t cpu_ms = 0;
};
struct SpawnerNews {
  std::optional<Spawned> spawned;
  std::optional<Exited> exited;
};

// The agent's end. One thread.
class Spawner {
 public:
  // Forks the spawner process. Call before any thread exists.
  static Result<Spawner> Fork();
  Spawner(Spawner&& other) noexcept;
  Spawner& operator=(Spawner&&) = delete;
  ~Spawner();  // closes the socket, which ends the process and all tasks, and waits for it

  int descriptor() const { return socket_; }  // readable when there is news
  // Asks for a new task process; the answer arrives as news. Errors: the spawner has gone
  // (kUnavailable).
  Status Spawn(uint64_t id, const std::string& program);
  // A directory that the spawner deletes when it ends, after the tasks: also when this process is
  // killed.
  Status RemoveAtEnd(const std::string& directory);
  // What has happened, if anything. Errors: the spawner has gone (kUnavailable).
  Result<std::optional<SpawnerNews>> Next();

 private:
  Status Send(uint64_t id, bool remove_at_end, const std::string& path);
  Spawner(int socket, int pid) : socket_(socket), pid_(pid) {}
  int socket_ = -1;
  int pid_ = 0;
};

}  // namespace mr::worker
