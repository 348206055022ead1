// The sinks of a reduce or map-only attempt: bytes go to the task's output files as they are.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "worker/output/output_writer.h"
#include "worker/userjob/window_sink.h"

namespace mr::worker {

// How the records of an output file are counted: with "tsv" a record is a line. With "raw" only the user code
// knows, so the caller counts for the main file (groups reduced, or records mapped) and named files count 0.
class OutputSinks {
 public:
  // All must outlive it.
  OutputSinks(OutputWriter& writer, AttemptContext& context, bool count_lines);

  mr_sink& main() { return main_->abi(); }
  // Hands all windows on to the files and adds mr.output_records and mr.output_bytes to the counters.
  // `raw_records`: what the main file counts when lines are not counted.
  Attempted<void> Finish(uint64_t raw_records);
  // After a call into user code: the sinks' own failure, which is the cause of the call's.
  Attempted<void> Check() const;

 private:
  std::unique_ptr<WindowSink> MakeSink(OutputWriter::File& file, WindowSink::Namer namer, size_t bytes);
  bool Write(WindowSink& sink, OutputWriter::File& file, std::string_view bytes);
  WindowSink* Named(std::string_view name);

  OutputWriter& writer_;
  AttemptContext& context_;
  bool count_lines_;
  uint64_t records_ = 0;
  uint64_t bytes_ = 0;
  std::unique_ptr<WindowSink> main_;
  std::map<std::string, std::unique_ptr<WindowSink>, std::less<>> named_;
};

// True for output_format "tsv".
bool CountsLines(const mr_job_def& job);

}  // namespace mr::worker
