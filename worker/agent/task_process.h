// The agent's view of one mrtask process: link, black box, log.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/io/env.h"
#include "common/wire/task_link.h"
#include "worker/agent/death.h"
#include "worker/agent/log_tail.h"
#include "worker/agent/spawner.h"
#include "worker/task/task_link.h"
#include "worker/userjob/black_box.h"

namespace mr::worker {

// One thread.
class TaskProcess {
 public:
  // Takes over the descriptors. Errors: the black box cannot be mapped.
  static Result<std::unique_ptr<TaskProcess>> Adopt(const Spawned& spawned);
  ~TaskProcess();
  TaskProcess(const TaskProcess&) = delete;
  TaskProcess& operator=(const TaskProcess&) = delete;

  int pid() const { return pid_; }
  FrameSocket& link() { return link_; }
  int log_fd() const { return log_fd_; }
  LogTail& log() { return log_; }
  const BlackBox& black_box() const { return *black_box_; }

  // Reads what is in the log pipe now; false when its end has been reached.
  bool DrainLog();
  uint64_t MemoryBytes() const;                 // resident, from /proc; 0 if it has gone
  // "MODULE+0xOFFSET" for each frame that the task has left in its black box; without the module when
  // the process has gone.
  std::vector<std::string> LiveFrames() const;
  void SignalProcess(int signal_number) const;  // the task only
  void SignalGroup(int signal_number) const;    // and everything it started

  // After its end. `exited` as the spawner reported it. Line numbers are counted for text formats
  // if the record is not too far into its file.
  DeathReport Autopsy(const Exited& exited, Env& env,
                      const std::optional<wire::Assignment>& assignment);

 private:
  TaskProcess(const Spawned& spawned, const BlackBox* black_box);

  int pid_;
  FrameSocket link_;
  int log_fd_;
  const BlackBox* black_box_;
  LogTail log_;
};

// Private resident memory of a process, from /proc; 0 if it has gone.
uint64_t ResidentBytes(int pid);

// "/cache/3f9c….so+0x1234 symbol", as the crash handler writes it, to "Parser::field(int)
// (wordcount.so)".
std::string SymbolizeFrame(Env& env, const std::string& frame, const std::string& plugin_name);

}  // namespace mr::worker
