// What goes into the coordinator's core and what comes out. Events are things that happened;
// actions are things that the shell must do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/wire/control.h"
#include "common/wire/records.h"

namespace mr::coordinator {

// A decoded request. `token` names who waits for the answer; the core only hands it back.
struct RequestReceived {
  std::string token;
  wire::Request request;
};

// A plugin's bytes are complete, verified and on disk.
struct BlobStored {
  std::string sha256;
  uint64_t size_bytes = 0;
};

// Time has passed. Everything that depends on time alone happens here, never in the other events:
// so requests that queued up while the coordinator was stalled are heard before anybody is declared
// dead.
struct Tick {};

// The process was told to end (a signal): whoever waits for an answer hears it now, not from a time-out.
struct StopAsked {};

using Event = std::variant<RequestReceived, BlobStored, Tick, StopAsked>;

struct Reply {
  std::string token;
  wire::Response response;
};

struct Actions {
  std::vector<wire::Record> records;  // make durable, in order, before any reply leaves
  std::vector<Reply> replies;
  std::optional<Time> next_deadline;  // a Tick is wanted by then
  std::vector<std::string> removed_plugins;  // delete their bytes once the records are durable
  bool stop = false;  // idle for long enough and every worker was told: end the process
};

struct CoreOptions {
  std::string cluster;  // empty: answers to any name
  std::string version;
  std::string http;  // base URL, shown to clients
  int64_t started_unix_ms = 0;
  uint64_t epoch = 1;  // differs in every life of the coordinator and grows
  Duration lease = std::chrono::seconds(10);
  Duration heartbeat = std::chrono::milliseconds(500);
  // After a restart, how long workers get to name what they run before it is handed out again: the time-out of an
  // answer that the old life owed them, and a little more.
  Duration settle = std::chrono::seconds(3);
  // As many live workers are known to have been there: once they are back, there is nothing to wait for. 0 = not known.
  uint32_t expected_workers = 0;
  uint32_t max_jobs = 50;                            // active ones
  uint32_t history = 200;                            // ended ones that are remembered
  std::optional<Duration> history_age;               // ended ones older than this are forgotten too
  std::optional<Duration> exit_when_idle;            // without an active job for this long
  Duration leave_timeout = std::chrono::seconds(5);  // how long workers are waited for then
  // Finished map outputs of a job that failed or was killed are kept so long for --resume; 0 = not at all.
  Duration keep_failed = std::chrono::hours(1);
  Duration cleanup_timeout =
      std::chrono::seconds(10);  // for the cleanup of a job that did not succeed
};

}  // namespace mr::coordinator
