// Runs the user's combiner over sorted records and writes what it emits to a run.
#pragma once

#include <string>
#include <string_view>

#include "worker/run/run_writer.h"
#include "worker/userjob/group_stream.h"
#include "worker/userjob/user_job.h"
#include "worker/userjob/window_sink.h"

namespace mr::worker {

// One thread; one per attempt, since the plugin may keep a pointer to its sink.
class Combiner {
 public:
  Combiner(UserJob& job, AttemptContext& context);

  // `source`: one partition's records in key order; they go to `run`, whose partition has been started. A
  // combiner has to keep the order: what it emits belongs to the group that it was given and does not go back.
  // That is checked (kBadOutput), because an unsorted run would silently lose groups at the reducer.
  template <class Source>
  Attempted<void> Run(Source& source, RunWriter& run) {
    run_ = &run;
    any_ = false;
    const uint64_t written_before = output_records_;
    GroupStream<Source> groups(source, job_, context_.black_box);
    groups_name_ = [](void* stream) { return static_cast<GroupStream<Source>*>(stream)->name(); };
    stream_ = &groups;
    Attempted<void> result;
    while (result && groups.NextGroup() == Step::kRecord) {
      auto combined = job_.Combine(groups.abi(), sink_.abi());
      if (sink_.Flush() && !combined && !groups.failed()) result = combined;
      if (sink_.failure()) result = tl::unexpected(*sink_.failure());
    }
    context_.black_box.excerpt_size = 0;  // the next death is not about a group
    Count("mr.combine_input_records", groups.records());
    Count("mr.combine_output_records", output_records_ - written_before);
    input_records_ += groups.records();
    if constexpr (requires { source.error(); }) {
      if (groups.failed()) return tl::unexpected(FailureOf(source.error()));
    }
    return result;
  }

  // False once enough records have shown that it leaves nearly all of them: then it only costs.
  bool pays() const {
    return input_records_ < kSampleRecords ||
           static_cast<double>(output_records_) <= kWorstRatio * static_cast<double>(input_records_);
  }

 private:
  static constexpr uint64_t kSampleRecords = 10'000;
  static constexpr double kWorstRatio = 0.9;

  bool Take(std::string_view frames);
  bool Refuse(std::string message, std::string_view key);
  void Count(const char* name, uint64_t count);

  UserJob& job_;
  AttemptContext& context_;
  WindowSink sink_;
  RunWriter* run_ = nullptr;
  void* stream_ = nullptr;
  std::string_view (*groups_name_)(void* stream) = nullptr;
  bool any_ = false;
  uint64_t input_records_ = 0;
  uint64_t output_records_ = 0;
  std::string last_key_;
};

}  // namespace mr::worker
