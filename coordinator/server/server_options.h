// What mrcoordinator is told on its command line and in its configuration file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/logging.h"

namespace mr::coordinator {

struct ServerOptions {
  std::vector<std::string> listen{"tcp://127.0.0.1:4610"};
  std::string advertise;  // host that others use; empty = as listened on
  std::string http = "127.0.0.1:4611";
  bool http_given = false;  // by the user: then it must work
  std::string state_dir;    // empty = a private temporary one, removed at the end
  bool keep_nothing = false;  // --volatile: what is in it need not survive this process
  std::string rendezvous;   // file to write; empty = none
  std::string cluster;
  std::string auth = "none";
  std::string key_file;
  bool insecure = false;
  int64_t heartbeat_ms = 500;
  int64_t worker_timeout_ms = 10'000;
  uint32_t max_jobs = 50;
  uint32_t history = 200;
  int64_t history_age_ms = 0;  // 0: any age
  int64_t keep_failed_ms = 3'600'000;
  int64_t exit_when_idle_ms = -1;  // < 0: never
  bool dev = false;
  uint32_t dev_workers = 1;
  bool die_with_parent = false;
  std::string pid_file;
  uint64_t node = 0;  // of --peers; 0: alone
  std::string peers;  // all members of a replicated coordinator; empty: alone
  LogOptions log;
};

}  // namespace mr::coordinator
