// The command line of mrworker.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/base/logging.h"
#include "common/base/result.h"

namespace mr {
class RunningSettings;
}

namespace mr::worker {

struct WorkerOptions {
  std::string coordinator;
  std::string cluster;
  std::string name;
  std::string slots = "auto";
  std::string memory = "80%";
  std::string scratch;
  std::string scratch_reserve = "5%";
  std::string data_listen = "tcp://127.0.0.1:0";
  std::string advertise;
  std::string auth;  // none or curve; empty: curve if there is a key file
  std::string key_file;
  std::map<std::string, std::string> labels;
  std::string isolation = "process";
  std::string mrtask;
  int64_t drain_timeout_ms = 30'000;
  std::string death_timeout = "60s";
  std::string http = "off";
  bool insecure = false;
  bool die_with_parent = false;
  std::string pid_file;
  LogOptions log;
};

// Whether everything this worker says and hears is encrypted.
bool UsesKeys(const WorkerOptions& options);

// `argv` must stay.
class WorkerCommandLine {
 public:
  WorkerCommandLine(int argc, const char* const* argv);
  ~WorkerCommandLine();
  // An exit code when the program should end now (after --help, --version, a usage error …).
  std::optional<int> Parse(WorkerOptions& options);
  // For SIGHUP, after Parse: reads everything again and logs what differs; the new log level is in force. Nothing: it
  // was wrong, and all stays as it is.
  std::optional<WorkerOptions> ReadAgain();

 private:
  int argc_;
  const char* const* argv_;
  std::unique_ptr<RunningSettings> running_;
};

// The values with a choice of forms. Errors: kInvalidArgument, naming the option.
Result<uint32_t> ParseSlots(const std::string& text);  // auto, or a number from 1 to 1024
Result<uint64_t> ParseShare(const std::string& option, const std::string& text,
                            uint64_t whole);                 // 80%, or a size
Result<int64_t> ParseDeathTimeout(const std::string& text);  // a duration, or never: 0
// What must hold before the worker starts; the first that does not is the error.
Status CheckWorkerOptions(const WorkerOptions& options);

}  // namespace mr::worker
