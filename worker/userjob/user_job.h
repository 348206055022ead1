// One instance of the user's job, in one attempt. Every call into the user's code goes through here: it sets
// the black box's phase around the call and turns fail() into a wire::Failure that names the record.
#pragma once

#include <memory>
#include <string>

#include "common/abi/mr_abi.h"
#include "worker/userjob/attempt_context.h"

namespace mr::worker {

class UserJob {
 public:
  // Runs the constructor and setup(). `job` and `context` must outlive the instance.
  static Attempted<std::unique_ptr<UserJob>> Create(const mr_job_def& job, AttemptContext& context);
  ~UserJob();  // runs the destructor

  const mr_job_def& def() const;
  Attempted<void> Map(const mr_records& records, mr_sink& sink);
  Attempted<void> Combine(mr_group& group, mr_sink& sink);
  Attempted<void> Reduce(mr_group& group, mr_sink& sink);
  Attempted<void> Finish(mr_sink& sink);
  std::string_view GroupOf(std::string_view key) const;  // the prefix that names the key's group
  // In [0, count). kBadOutput if the user's partition() answers outside of it.
  Attempted<uint32_t> PartitionOf(std::string_view key, uint32_t count);
  // Copies user counters into context.counters; call once, after the last record.
  void CollectCounters();

 private:
  struct Impl;
  explicit UserJob(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mr::worker
