// --local: a private coordinator and worker as children, on ipc:// endpoints in a temporary
// directory. The job takes exactly the same way as on a cluster.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/io/env.h"
#include "submit/child_process.h"
#include "submit/janitor.h"

namespace mr::submit {

class LocalCluster {
 public:
  // Starts both and returns at once: ZeroMQ connects when they are there. Errors: kNotFound for a
  // missing program, kIo.
  static Result<std::unique_ptr<LocalCluster>> Start(Env& env, uint32_t slots);
  // Takes both down and removes the directory, unless KeepLogs was called.
  ~LocalCluster();
  LocalCluster(const LocalCluster&) = delete;
  LocalCluster& operator=(const LocalCluster&) = delete;

  std::string endpoint() const;
  const std::string& directory() const { return directory_; }
  uint32_t slots() const { return slots_; }
  std::vector<int> ChildDescriptors() const;  // readable when a child has ended
  // A sentence when one of the children has ended by itself, else empty.
  std::string DeathText();
  // Leaves the daemons' logs where they are, for an error of ours.
  void KeepLogs() { keep_logs_ = true; }
  bool keeps_logs() const { return keep_logs_; }

 private:
  LocalCluster(Env& env, std::string directory, uint32_t slots)
      : env_(env), directory_(std::move(directory)), slots_(slots) {}
  std::string LogPath(const std::string& name) const;
  Env& env_;
  std::string directory_;
  uint32_t slots_;
  bool keep_logs_ = false;
  Janitor janitor_;  // for the case that we are killed
  ChildProcess coordinator_;
  ChildProcess worker_;
};

// A private directory for this run: under $TMPDIR, or /tmp where the path of a socket would become
// too long.
Result<std::string> MakeRunDirectory();

}  // namespace mr::submit
