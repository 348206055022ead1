#include "worker/map/map_attempt.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "common/base/strings.h"
#include "worker/input/byte_source.h"
#include "worker/input/record_reader.h"
#include "worker/map/emit_buffer.h"
#include "worker/map/fold_collector.h"
#include "worker/map/map_memory.h"
#include "worker/map/map_output.h"
#include "worker/map/skip_records.h"
#include "worker/output/output_writer.h"
#include "worker/run/run_index.h"
#include "worker/userjob/output_sinks.h"
#include "worker/userjob/user_job.h"

namespace mr::worker {
namespace {

tl::unexpected<wire::Failure> BadParameter(std::string message) {
  wire::Failure failure;
  failure.cause = wire::FailureCause::kBadParameter;
  failure.message = std::move(message);
  return tl::unexpected(std::move(failure));
}

// An input that cannot be had is the job's fault, except for a disk or network that failed just now.
wire::Failure InputFailure(const Error& error, const wire::Split& split) {
  wire::Failure failure = FailureOf(error);
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kPermission:
    case ErrorCode::kDataLoss:
    case ErrorCode::kUnsupported:
      failure.cause = wire::FailureCause::kBadInput;
      break;
    default:
      break;
  }
  failure.input_path = split.file.path;
  if (error.code == ErrorCode::kNotFound || error.code == ErrorCode::kPermission)
    failure.message += "; inputs must be on paths that every worker reaches and may read";
  return failure;
}

class MapAttempt {
 public:
  MapAttempt(AttemptContext& context, const mr_job_def& def, const wire::MapWork& work)
      : context_(context),
        config_(context.assignment.config),
        box_(context.black_box),
        def_(def),
        work_(work),
        skip_(context.assignment.skip) {}

  Attempted<wire::MapResult> Run() {
    if (auto fits = CheckConfig(); !fits) return tl::unexpected(std::move(fits).error());
    uint64_t total = 0;
    for (const wire::Split& split : work_.splits) total += split.end - split.begin;
    box_.bytes_total.store(total, std::memory_order_relaxed);
    FoldSpec fold = FoldSpec::Of(def_);
    Attempted<wire::MapResult> result;
    if (config_.reducers == 0) {
      result = RunMapOnly();
    } else if (config_.combine && fold.kind != MR_FOLD_NONE) {
      result = RunCollecting<FoldCollector>(CombineMode::kFold, fold, fold);
    } else {
      CombineMode mode = config_.combine && def_.combine != nullptr ? CombineMode::kUser : CombineMode::kNone;
      result = RunCollecting<EmitBuffer>(mode, fold);
    }
    if (result) result->skipped = skip_.taken();
    return result;
  }

 private:
  Attempted<void> CheckConfig() const;
  Attempted<wire::MapResult> RunMapOnly();
  template <class Collector, class... Extra>
  Attempted<wire::MapResult> RunCollecting(CombineMode mode, const FoldSpec& fold, const Extra&... extra);
  template <class Check>
  Attempted<void> MapSplits(UserJob& job, mr_sink& sink, Check check);
  template <class Check>
  Attempted<void> MapSplit(UserJob& job, mr_sink& sink, const wire::Split& split, Check check);
  template <class Check>
  Attempted<void> MapBatch(UserJob& job, mr_sink& sink, mr_records& records, const RecordReader::Batch& batch,
                           Check check);
  void EnterRecords(const mr_records& records);
  void Count(const char* name, uint64_t count) { context_.counters[name] += static_cast<int64_t>(count); }

  AttemptContext& context_;
  const wire::JobConfig& config_;
  BlackBox& box_;
  const mr_job_def& def_;
  const wire::MapWork& work_;
  SkipRecords skip_;
  uint64_t input_bytes_ = 0;    // of the splits before the current one
  uint64_t input_records_ = 0;
};

Attempted<void> MapAttempt::CheckConfig() const {
  bool map_only = (def_.flags & MR_JOB_MAP_ONLY) != 0 || def_.reduce == nullptr;
  std::string name = def_.name == nullptr ? "" : def_.name;
  if (map_only && config_.reducers > 0) {
    return BadParameter(StrCat("job \"", name, "\" is map only, but ", config_.reducers,
                               " reduce tasks were asked for: submit it with -r 0"));
  }
  if (config_.reducers > kMaxPartitions) {
    return BadParameter(StrCat("-r ", config_.reducers, " is more than the ", kMaxPartitions,
                               " reduce tasks that a job may have"));
  }
  bool ranged = def_.partition_kind == MR_PARTITION_RANGE && config_.reducers > 0;
  if (ranged && (config_.range_bounds.size() + 1 != config_.reducers ||
                 !std::is_sorted(config_.range_bounds.begin(), config_.range_bounds.end()))) {
    return BadParameter(StrCat("job \"", name, "\" needs ", config_.reducers - 1,
                               " ascending range bounds for its partitions, but has ",
                               config_.range_bounds.size(), ": submit it again, so that the input is sampled"));
  }
  return {};
}

// Before user code runs: whatever kills it now died in these records.
void MapAttempt::EnterRecords(const mr_records& records) {
  mr_where& where = box_.where;
  where.record_data = nullptr;
  where.record_size = 0;
  where.batch_data = records.records[0].data;
  where.batch_offset = records.first_offset;
  box_.Beat();
}

// The batch in one call of user code, or in several around the records that are to be left out.
template <class Check>
Attempted<void> MapAttempt::MapBatch(UserJob& job, mr_sink& sink, mr_records& records,
                                     const RecordReader::Batch& batch, Check check) {
  const std::vector<mr_bytes>& all = *batch.records;
  for (size_t begin = 0; begin < all.size();) {
    const size_t end = skip_.Next(batch, begin);
    records.count = static_cast<uint32_t>(end - begin);
    records.records = &all[begin];
    records.first_offset = batch.first_offset + static_cast<uint64_t>(all[begin].data - all.front().data);
    if (records.count > 0) {
      EnterRecords(records);
      auto mapped = job.Map(records, sink);
      if (Attempted<void> sound = check(); !sound) return sound;
      if (!mapped) return mapped;
    }
    records.first_no += records.count;
    begin = end;
    if (begin < all.size()) skip_.Take(all[begin++], records.first_no++);
  }
  return {};
}

template <class Check>
Attempted<void> MapAttempt::MapSplit(UserJob& job, mr_sink& sink, const wire::Split& split, Check check) {
  auto reader = RecordReader::Open(context_.env, split, config_.input_format, config_.record_bytes);
  if (!reader) return tl::unexpected(InputFailure(reader.error(), split));
  std::string_view path = std::string_view(split.file.path).substr(0, sizeof box_.input_path - 1);
  box_.input_path[path.size()] = '\0';
  std::memcpy(box_.input_path, path.data(), path.size());
  mr_records records{};
  records.size = sizeof records;
  records.input_name = {split.file.path.data(), split.file.path.size()};
  records.input_tag = {split.file.tag.data(), split.file.tag.size()};
  box_.where.record_no = 0;
  skip_.EnterSplit(split.file.path);
  RecordReader::Batch batch;
  while (true) {
    auto more = (*reader)->Next(batch);
    if (!more) return tl::unexpected(InputFailure(more.error(), split));
    if (!*more) break;
    if (batch.records->empty()) continue;
    if (auto mapped = MapBatch(job, sink, records, batch, check); !mapped) return mapped;
    box_.bytes_done.store(input_bytes_ + batch.input_bytes, std::memory_order_relaxed);
    box_.records_done.store(input_records_ + records.first_no, std::memory_order_relaxed);
  }
  if (Status same = CheckStillUnchanged(context_.env, split.file); !same)
    return tl::unexpected(InputFailure(same.error(), split));
  input_bytes_ += split.end - split.begin;
  input_records_ += records.first_no;
  box_.bytes_done.store(input_bytes_, std::memory_order_relaxed);
  return {};
}

// `check` tells the sink's failure, which is the cause when user code stops.
template <class Check>
Attempted<void> MapAttempt::MapSplits(UserJob& job, mr_sink& sink, Check check) {
  for (const wire::Split& split : work_.splits) {
    if (auto mapped = MapSplit(job, sink, split, check); !mapped) return mapped;
  }
  box_.where.record_data = nullptr;
  auto finished = job.Finish(sink);
  if (Attempted<void> sound = check(); !sound) return sound;
  if (!finished) return finished;
  const uint64_t skipped = skip_.taken().size();
  if (skipped > 0) Count("mr.skipped_records", skipped);
  Count("mr.map_input_records", input_records_ - skipped);
  Count("mr.map_input_bytes", input_bytes_);
  return {};
}

template <class Collector, class... Extra>
Attempted<wire::MapResult> MapAttempt::RunCollecting(CombineMode mode, const FoldSpec& fold,
                                                     const Extra&... extra) {
  auto job = UserJob::Create(def_, context_);
  if (!job) return tl::unexpected(std::move(job).error());
  Partitioner partitioner(**job, config_.reducers, config_.range_bounds);
  Collector collector(MapMemory::Of(config_.task_memory_bytes).collector_bytes, extra..., partitioner,
                      context_.kept_memory);
  MapOutput<Collector> output(context_, **job, mode, fold, collector);
  Spill spill = [&output] { return output.Spill(); };
  WindowSink* face = nullptr;
  WindowSink sink(box_, [&](std::string_view frames) {
    auto taken = collector.Consume(frames, spill);
    if (!taken) face->Fail(std::move(taken).error());
    return taken.has_value();
  });
  face = &sink;
  auto check = [&sink]() -> Attempted<void> {
    if (sink.failure()) return tl::unexpected(*sink.failure());
    return {};
  };
  auto mapped = MapSplits(**job, sink.abi(), check);
  if (!mapped) return tl::unexpected(std::move(mapped).error());
  sink.Flush();
  if (auto sound = check(); !sound) return tl::unexpected(std::move(sound).error());
  Count("mr.map_output_records", collector.stats().records);
  Count("mr.map_output_bytes", collector.stats().bytes);
  auto result = output.Finish();
  if (output.combiner_off()) Count("mr.combiner_off", 1);
  (*job)->CollectCounters();
  return result;
}

Attempted<wire::MapResult> MapAttempt::RunMapOnly() {
  auto writer = OutputWriter::Create(context_.env, config_, context_.assignment.attempt);
  if (!writer) return tl::unexpected(FailureOf(writer.error()));
  OutputSinks sinks(**writer, context_, CountsLines(def_));
  auto job = UserJob::Create(def_, context_);
  if (!job) return tl::unexpected(std::move(job).error());
  auto mapped = MapSplits(**job, sinks.main(), [&sinks] { return sinks.Check(); });
  if (!mapped) return tl::unexpected(std::move(mapped).error());
  if (auto finished = sinks.Finish(input_records_ - skip_.taken().size()); !finished) {
    return tl::unexpected(std::move(finished).error());
  }
  (*job)->CollectCounters();
  job->reset();  // its destructor is user code too: let it fail before anything is published
  Status status = (*writer)->Finish();
  if (status) status = context_.wait_for_commit();
  if (!status) return tl::unexpected(FailureOf(status.error()));
  auto files = (*writer)->Publish();
  if (!files) return tl::unexpected(FailureOf(files.error()));
  wire::MapResult result;
  result.files = std::move(*files);
  return result;
}

}  // namespace

Attempted<wire::MapResult> RunMapAttempt(AttemptContext& context, const mr_job_def& job,
                                         const wire::MapWork& work) {
  return MapAttempt(context, job, work).Run();
}

}  // namespace mr::worker
