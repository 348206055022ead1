// Runs one attempt after the other in this process, each from start to end on the calling thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/io/env.h"
#include "common/net/channel.h"
#include "common/wire/task_link.h"
#include "worker/run/arena.h"
#include "worker/task/app_library.h"
#include "worker/userjob/attempt_context.h"

namespace mr::worker {

// What a running attempt asks its worker. An error ends the attempt.
class AttemptLink {
 public:
  virtual ~AttemptLink() = default;
  // Asks for the commit and waits for the word.
  virtual Status WaitForCommit(const AttemptId& attempt) = 0;
  // The next news of the map outputs that it reads, waiting for it so long.
  virtual Result<std::optional<wire::SourceUpdate>> NextSources(const AttemptId& attempt, Duration wait) = 0;
  virtual Status SourcesFetched(const AttemptId& attempt) = 0;
};

class AttemptRunner {
 public:
  // All references must outlive the runner.
  AttemptRunner(Env& env, const Clock& clock, BlackBox& black_box, wire::TaskHello hello,
                AttemptLink& link);

  // Sets the environment, makes the private scratch directory, loads the plugin (the first time),
  // does the work and cleans up. Never fails itself: what went wrong is in the outcome. Adds the counter mr.cpu_ms.
  // `scratch`: which of the worker's scratch directories.
  wire::AttemptOutcome Run(const wire::Assignment& assignment, size_t scratch);

 private:
  Attempted<wire::AttemptResult> Work(AttemptContext& context);
  bool TakeOver(AttemptContext& context, const wire::EarlierOutput& earlier);
  Attempted<const mr_job_def*> FindJob(const wire::JobConfig& config);
  void ResetBlackBox();
  Status EnterWorkdir(const wire::Assignment& assignment, const std::string& scratch_dir);
  void ExportEnvironment(const wire::Assignment& assignment, const std::string& scratch_dir);

  Env& env_;
  const Clock& clock_;
  BlackBox& black_box_;
  wire::TaskHello hello_;
  AttemptLink& link_;
  std::unique_ptr<AppLibrary> app_;
  Arena kept_memory_{0};  // of the last map attempt; a reduce needs it in another form
  std::unique_ptr<net::NetContext> network_;  // with the worker's keys, from the first reduce on
};

// Name of a plugin's environment variable: MR_PARAM_ and the name in capitals, other bytes as '_'.
std::string EnvironmentName(std::string_view prefix, std::string_view name);
// One line on stderr, which is the attempt's log: "09:14:02.118 I message". `level`: MR_LOG_*.
void WriteLogLine(const Clock& clock, int level, std::string_view message);

}  // namespace mr::worker
