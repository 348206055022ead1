// Signals as a descriptor, the pid file, and dying with the parent. Process-wide: called from
// main's thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/io/env.h"

namespace mr::coordinator {

// Blocks SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGCHLD, ignores SIGPIPE. Call before any thread is
// made.
void BlockSignals();

// The blocked signals, one number per read.
class SignalQueue {
 public:
  static Result<std::unique_ptr<SignalQueue>> Open();
  ~SignalQueue();
  int descriptor() const { return descriptor_; }
  int Next();  // 0: none is waiting

 private:
  explicit SignalQueue(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

// The kernel sends SIGTERM when the parent ends. Errors: kCancelled when it has ended already.
Status DieWithParent();

// Writes "PID\n"; removed by the destructor.
class PidFile {
 public:
  static Result<std::unique_ptr<PidFile>> Create(Env& env, const std::string& path);
  ~PidFile();

 private:
  PidFile(Env& env, std::string path) : env_(env), path_(std::move(path)) {}
  Env& env_;
  std::string path_;
};

std::string HostName();

// Children of --dev: workers beside this program that die with it. Started before the process has
// any thread.
class DevWorkers {
 public:
  // `program`'s path; each worker gets `arguments` and --name dev1, dev2, ….
  static Result<std::unique_ptr<DevWorkers>> Start(const std::string& program,
                                                   std::vector<std::string> arguments,
                                                   uint32_t count);
  ~DevWorkers();  // SIGTERM, a few seconds, SIGKILL; reaps all
  void Reap();    // after SIGCHLD: logs those that have ended

 private:
  DevWorkers() = default;
  std::vector<pid_t> children_;
};

}  // namespace mr::coordinator
