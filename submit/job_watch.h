// Watches one job to its end, or to the point where the user does not want to any more. One thread.
#pragma once

#include <optional>
#include <string>

#include "submit/cluster.h"
#include "submit/events.h"
#include "submit/interrupt_rules.h"
#include "submit/local_cluster.h"
#include "submit/outage.h"
#include "submit/progress_display.h"
#include "submit/report.h"

namespace mr::submit {

struct WatchOptions {
  ProgressDisplay::Options display;
  OnInterrupt on_interrupt = OnInterrupt::kAsk;
  std::optional<Duration> wait_timeout;
  Duration outage_timeout = std::chrono::seconds(20);  // of the coordinator
  ReportContext report;
  LocalCluster* local = nullptr;  // null: a real cluster
};

struct WatchEnd {
  int exit_code = 0;
  std::optional<wire::JobView> job;  // the last that was seen
};

class JobWatch {
 public:
  JobWatch(Cluster& cluster, Console& console, EventSource& events, WatchOptions options);
  // Prints everything that there is to say, and gives the exit code.
  WatchEnd Run(JobId job);

 private:
  void HandleEvents();
  void Decide(Decision decision);
  void AskQuestion();
  void Kill();
  void TellPause();
  void Finish();
  void Stop(int exit_code, const std::string& line);
  void OnLost(const Error& error);
  bool CheckTime();
  uint32_t WaitMs() const;
  void Throttle();
  Now Read() const { return clock_.Read(); }

  Cluster& cluster_;
  Console& console_;
  EventSource& events_;
  WatchOptions options_;
  ProgressDisplay display_;
  InterruptRules rules_;
  SystemClock clock_;
  JobId job_;
  std::optional<wire::JobView> view_;
  std::optional<int> exit_code_;
  Time begin_{};
  Outage outage_;
  bool told_pause_ = false;
};

}  // namespace mr::submit
