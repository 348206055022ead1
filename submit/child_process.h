// Programs that mrsubmit starts: its siblings mrtask, mrcoordinator and mrworker. They die with it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace mr::submit {

// A running child; the destructor kills what is still there.
class ChildProcess {
 public:
  ChildProcess() = default;
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept { *this = std::move(other); }
  ChildProcess& operator=(ChildProcess&& other) noexcept;

  // `output_path`: where standard output and error go (appended); empty = /dev/null.
  static Result<ChildProcess> Start(const std::vector<std::string>& command,
                                    const std::string& output_path);

  pid_t pid() const { return pid_; }
  int pid_descriptor() const { return pid_descriptor_; }  // readable once the child has ended
  bool HasEnded();
  void Signal(int signal_number);
  // True if it ended in time.
  bool WaitUntil(Time deadline);
  // "exit code 2" or "signal 9 (Killed)"; only after it has ended.
  std::string EndText() const;

 private:
  pid_t pid_ = -1;
  int pid_descriptor_ = -1;
  bool ended_ = false;
  int status_ = 0;
};

struct CapturedRun {
  int exit_code = 0;  // 128 + signal number if a signal ended it
  std::string out;
  std::string err;
};
// Runs to the end, within `timeout`. Errors: kNotFound when the program is missing, kTimeout, kIo.
Result<CapturedRun> RunCaptured(const std::vector<std::string>& command, Duration timeout);

// The sibling program NAME, next to this one.
Result<std::string> SiblingProgram(const std::string& name);

}  // namespace mr::submit
