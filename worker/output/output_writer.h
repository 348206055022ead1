// A task's output: part files in the attempt's own directory, synced, then published under their
// final names once the coordinator has granted the commit.
//
// Every name, and the job's other files there, are in output_layout.h.
//
//   OUT/.millrace/<job>/<attempt>/part-r-00003   written here
//   OUT/part-r-00003                             published here (or OUT/.millrace/<job>/new/, with
//   --overwrite)
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/io/env.h"
#include "common/wire/job.h"

namespace mr::worker {

// One thread; the Env must outlive it. Steps in this order: Open…, Append…, Finish, (wait for the
// grant), Publish.
class OutputWriter {
 public:
  // One output file of the attempt. Buffered.
  class File {
   public:
    virtual ~File() = default;
    virtual Status Append(std::string_view bytes) = 0;
    virtual void CountRecords(uint64_t count) = 0;
  };

  static Result<std::unique_ptr<OutputWriter>> Create(Env& env, const wire::JobConfig& config,
                                                      const AttemptId& attempt);
  virtual ~OutputWriter() = default;  // removes what was not published

  // The main output (part-r-NNNNN or part-m-NNNNN); always exists, maybe empty.
  virtual File& Main() = 0;
  // Another output, NAME-r-NNNNN; made at first use. kInvalidArgument for a bad name: letters,
  // digits, '_' and
  // '.', not starting with '.' or '_', not "part".
  virtual Result<File*> Named(std::string_view name) = 0;

  // Flushes, fsyncs and closes all files, and fsyncs the directory.
  virtual Status Finish() = 0;
  // Gives the files their final names without replacing anything. A name that exists was published
  // by an earlier granted attempt: it is read, checked and adopted (also if its bytes differ: it
  // won). Then fsyncs. May be called again after an error. Errors: kFenced: the job is over and its
  // temporary files are gone. kAlreadyExists: the name is taken by a file that no attempt of this
  // job has written, or that is damaged.
  virtual Result<std::vector<wire::OutputFile>> Publish() = 0;
};

// The job's last task. Idempotent: may be run again after a crash between any two steps, and by two
// processes at the same time.
//
// Success: with overwrite, swaps the old content of OUT for the new; removes files that attempts of
// the job published and that are not in work.files; writes work.bad_records into OUT/_bad; writes _SUCCESS; removes everything temporary.
// _SUCCESS is never there without all files that it vouches for. Failure: removes what attempts
// published and everything temporary; with overwrite, OUT is as it was before the job. OUT itself
// is removed if the job made it and it is empty (a crash in the last instant may leave it). Errors:
// kDataLoss: a published file is missing or has another size. kAlreadyExists: with overwrite,
// somebody put a file into OUT meanwhile that is in the way. Others: those of Env; run it again.
Status FinishJob(Env& env, JobId job, const wire::JobConfig& config, const wire::FinishWork& work);

}  // namespace mr::worker
