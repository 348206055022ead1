#include "worker/userjob/output_sinks.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mr::worker {
namespace {

// Large enough to be written as it is: the file does not copy such pieces into a buffer of its own.
constexpr size_t kMainWindowBytes = 256u << 10;

}  // namespace

OutputSinks::OutputSinks(OutputWriter& writer, AttemptContext& context, bool count_lines)
    : writer_(writer), context_(context), count_lines_(count_lines) {
  main_ = MakeSink(writer.Main(), [this](std::string_view name) { return Named(name); },
                   kMainWindowBytes);
}

std::unique_ptr<WindowSink> OutputSinks::MakeSink(OutputWriter::File& file, WindowSink::Namer namer,
                                                   size_t bytes) {
  // The consumer needs the sink that it belongs to, which does not exist before it.
  auto self = std::make_shared<WindowSink*>(nullptr);
  auto sink = std::make_unique<WindowSink>(
      context_.black_box,
      [this, &file, self](std::string_view piece) { return Write(**self, file, piece); }, std::move(namer), bytes);
  *self = sink.get();
  const bool json = context_.assignment.config.output_format == wire::OutputFormat::kJsonLines;
  sink->set_format(json ? MR_OUTPUT_JSON_LINES : MR_OUTPUT_TSV);
  return sink;
}

bool OutputSinks::Write(WindowSink& sink, OutputWriter::File& file, std::string_view bytes) {
  if (auto written = file.Append(bytes); !written) {
    sink.Fail(FailureOf(written.error()));
    return false;
  }
  bytes_ += bytes.size();
  if (count_lines_) {
    auto lines = static_cast<uint64_t>(std::count(bytes.begin(), bytes.end(), '\n'));
    records_ += lines;
    file.CountRecords(lines);
  }
  context_.black_box.Beat();
  return true;
}

WindowSink* OutputSinks::Named(std::string_view name) {
  if (auto found = named_.find(name); found != named_.end()) return found->second.get();
  auto file = writer_.Named(name);
  if (!file) {
    wire::Failure failure = FailureOf(file.error());
    if (file.error().code == ErrorCode::kInvalidArgument) failure.cause = wire::FailureCause::kBadOutput;
    main_->Fail(std::move(failure));
    return nullptr;
  }
  return named_.emplace(std::string(name), MakeSink(**file, nullptr, WindowSink::kFirstBytes)).first->second.get();
}

Attempted<void> OutputSinks::Check() const {
  if (main_->failure()) return tl::unexpected(*main_->failure());
  for (const auto& [name, sink] : named_) {
    if (sink->failure()) return tl::unexpected(*sink->failure());
  }
  return {};
}

Attempted<void> OutputSinks::Finish(uint64_t raw_records) {
  main_->Flush();
  for (auto& [name, sink] : named_) sink->Flush();
  if (auto ok = Check(); !ok) return ok;
  if (!count_lines_) {
    writer_.Main().CountRecords(raw_records);
    records_ += raw_records;
  }
  context_.counters["mr.output_records"] += static_cast<int64_t>(records_);
  context_.counters["mr.output_bytes"] += static_cast<int64_t>(bytes_);
  return {};
}

bool CountsLines(const mr_job_def& job) {
  return job.output_format == nullptr || std::strcmp(job.output_format, "tsv") == 0;
}

}  // namespace mr::worker
