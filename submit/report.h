// What is said when a job has ended: the summary of a success, the diagnosis of a failure. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "common/wire/control.h"
#include "submit/console.h"

namespace mr::submit {

struct ReportContext {
  Style style;
  bool local = false;         // no cluster that could be asked later
  uint32_t slots = 0;         // of the local cluster
  uint32_t max_attempts = 0;  // 0 = not known
  std::string output;         // as the user wrote it; "-" = standard output
  bool hints = false;         // a person is at the terminal
  bool verbose = false;       // tell all that is known, also of a small local job
  wire::PluginBuild build = {};  // of the job's plugin, if known
  std::string endpoint = {};  // for commands that are to be typed; empty = nothing need be said
};

// Several lines, each with its newline.
std::string SuccessReport(const wire::JobView& job, const ReportContext& context);
std::string FailureReportText(const wire::JobView& job, const ReportContext& context);
// A paused job: what happened, and the two ways on.
std::string PausedReport(const wire::JobView& job, const ReportContext& context);
std::string KilledReport(const wire::JobView& job, const ReportContext& context);
// The one of the three that fits.
std::string EndReport(const wire::JobView& job, const ReportContext& context);

// "words 4,312,998,120 · lines_skipped 17": the user's counters on one line; empty if there are
// none.
std::string UserCounters(const wire::Counters& counters, const Style& style);
bool IsEngineCounter(std::string_view name);

// First bytes of a record: as text, or hexadecimal when it is not valid UTF-8.
std::string RecordPreview(std::string_view excerpt, uint64_t record_bytes);

// "std::invalid_argument: not a number: 'n/a'"
std::string CauseText(const wire::Failure& failure);

}  // namespace mr::submit
