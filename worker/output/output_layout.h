// Where a job keeps its files in the output directory, and how a task's outputs are named.
//
//   OUT/.millrace/<job>/                    everything temporary of the job; "j42-<nonce>", 16 hex
//   digits
//       <attempt>/                          "j42-r3.0@7" (7: the coordinator's epoch, as it fences
//       attempts)
//           part-r-00003                    being written, gone when published
//           announced                       what this attempt may publish, written before it asks
//           for the commit
//       created                             OUT did not exist before this job: it goes when the job
//       fails new/ incoming/ old/ discarded/      --overwrite, see finish_job.cc
//   OUT/.millrace/<job>.gone/               the same, on its way out; no attempt can publish from
//   here
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/io/env.h"
#include "common/wire/job.h"

namespace mr::worker {

struct OutputLayout {
  OutputLayout(JobId job, const wire::JobConfig& config);

  std::string AttemptDirectory(const AttemptId& attempt) const;

  std::string out;      // what users see
  std::string hidden;   // OUT/.millrace, shared by all jobs
  std::string job;      // of this job
  std::string gone;     // `job` under the name it has while it is removed
  std::string success;  // OUT/_SUCCESS
};

// Names inside `job` and `gone`.
inline constexpr char kCreatedMarker[] = "created";
inline constexpr char kNewDirectory[] = "new";
inline constexpr char kIncomingDirectory[] = "incoming";
inline constexpr char kOldDirectory[] = "old";
inline constexpr char kDiscardedDirectory[] = "discarded";
inline constexpr char kAnnouncedFile[] = "announced";
inline constexpr char kSuccessFile[] = "_SUCCESS";
inline constexpr char kHiddenDirectory[] = ".millrace";
inline constexpr char kBadDirectory[] = "_bad";  // in OUT: what --skip-bad-records left out

// "part-r-00003", "errors-m-00120.gz".
std::string OutputFileName(std::string_view output, const TaskId& task,
                           wire::Compression compression);
// Whether plugins may use it: letters, digits, '_' and '.', not starting with '.' or '_', not
// "part".
Status CheckOutputName(std::string_view name);

// The announcement of an attempt as text, one line per file. Lines that are cut off are not read.
std::string FormatAnnouncement(const std::vector<wire::OutputFile>& files);
std::vector<wire::OutputFile> ParseAnnouncement(std::string_view text);
// Of all attempts below `job_directory` (the layout's `job` or `gone`); none if it does not exist.
Result<std::vector<wire::OutputFile>> ReadAnnouncements(Env& env, const std::string& job_directory);

// Unlike Env::Exists this does not take an error for "no".
Result<bool> IsThere(Env& env, const std::string& path);
// Makes kNotFound a success.
Status IgnoreNotFound(Status status);

}  // namespace mr::worker
