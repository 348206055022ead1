#include "worker/reduce/reduce_attempt.h"

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "worker/output/output_writer.h"
#include "worker/reduce/reduce_memory.h"
#include "worker/run/block_codec.h"
#include "worker/run/merger.h"
#include "worker/userjob/group_stream.h"
#include "worker/userjob/output_sinks.h"
#include "worker/userjob/user_job.h"

namespace mr::worker {
namespace {

constexpr uint64_t kProgressEvery = 1024;  // groups

wire::Failure MergeFailure(const Merger& merger) {
  wire::Failure failure = FailureOf(merger.error());
  if (merger.damaged_source()) {
    failure.cause = wire::FailureCause::kFetch;
    failure.type = ErrorCodeName(merger.error().code);
    failure.failed_source = merger.damaged_source();
  }
  return failure;
}

Merger OpenMerger(AttemptContext& context, const std::vector<Segment>& segments) {
  std::vector<SegmentInput> inputs;
  inputs.reserve(segments.size());
  for (const Segment& segment : segments) inputs.push_back(SegmentInput::From(segment));
  MergeOptions options;
  options.fan_in = ReduceMemory::Of(context.assignment.config.task_memory_bytes).FanIn(segments);
  options.scratch_prefix = JoinPath(context.scratch_dir, "merge-");
  options.compression = ScratchCodec(context.assignment.config.shuffle_codec);
  options.beat = [&context] { context.black_box.Beat(); };
  return Merger(context.env, std::move(inputs), std::move(options));
}

// The group that is to be left out; null if this one is not.
const wire::BadRecord* FindBad(const std::vector<wire::BadRecord>& skip, std::string_view key, uint64_t number) {
  for (const wire::BadRecord& bad : skip) {
    if (bad.bytes != key.size() || !key.starts_with(bad.data)) continue;
    // Of a long key only the beginning is known.
    if (bad.data.size() == key.size() || bad.number == number) return &bad;
  }
  return nullptr;
}

wire::BadRecord LeftOut(wire::BadRecord bad, std::string_view key, uint64_t number) {
  bad.number = number;
  bad.data = key.substr(0, wire::kMaxBadRecordData);
  return bad;
}

// After the last record: progress is complete, and the user's finish() has its say.
Attempted<void> Conclude(AttemptContext& context, UserJob& job, OutputSinks& sinks, uint64_t groups, uint64_t records) {
  BlackBox& box = context.black_box;
  box.records_done.store(records, std::memory_order_relaxed);
  box.bytes_done.store(box.bytes_total.load(std::memory_order_relaxed), std::memory_order_relaxed);
  box.excerpt_size = 0;
  auto finished = job.Finish(sinks.main());
  if (auto sound = sinks.Check(); !sound) return sound;
  if (!finished) return finished;
  context.counters["mr.reduce_input_groups"] += static_cast<int64_t>(groups);
  context.counters["mr.reduce_input_records"] += static_cast<int64_t>(records);
  return sinks.Finish(groups);
}

// What a reduce() of MR_JOB_IDENTITY_REDUCE would do, without two calls into user code and back per record.
Attempted<void> PassRecords(AttemptContext& context, UserJob& job, Merger& merger, OutputSinks& sinks) {
  BlackBox& box = context.black_box;
  mr_sink& sink = sinks.main();
  std::string group;
  uint64_t groups = 0, records = 0;
  Step step;
  while ((step = merger.Next()) == Step::kRecord) {
    const Frame& frame = merger.frame();
    if (frame.key() != group || records == 0) {
      group.assign(frame.key());
      ++groups;
    }
    const size_t size = frame.size() - kFrameHeaderBytes;
    if (static_cast<size_t>(sink.end - sink.cursor) < size && sink.more(&sink, size) != 0) return sinks.Check();
    std::memcpy(sink.cursor, frame.data + kFrameHeaderBytes, size);
    sink.cursor += size;
    if (++records % kProgressEvery == 0) {
      box.records_done.store(records, std::memory_order_relaxed);
      box.bytes_done.store(merger.bytes_read(), std::memory_order_relaxed);
      box.Beat();
    }
  }
  if (step == Step::kError) return tl::unexpected(MergeFailure(merger));
  return Conclude(context, job, sinks, groups, records);
}

// All groups but those in Assignment::skip through the user's reduce() and finish(); returns what was left out.
Attempted<std::vector<wire::BadRecord>> ReduceGroups(AttemptContext& context, UserJob& job, Merger& merger,
                                                     OutputSinks& sinks) {
  BlackBox& box = context.black_box;
  const std::vector<wire::BadRecord>& skip = context.assignment.skip;
  std::vector<wire::BadRecord> skipped;
  const auto fail = [](Attempted<void> failed) { return tl::unexpected(std::move(failed).error()); };
  GroupStream<Merger> groups(merger, job, box);
  while (groups.NextGroup() == Step::kRecord) {
    const uint64_t number = groups.groups() - 1;
    box.where.record_no = number;
    if (const wire::BadRecord* bad = FindBad(skip, groups.name(), number)) {
      skipped.push_back(LeftOut(*bad, groups.name(), number));
      continue;
    }
    auto reduced = job.Reduce(groups.abi(), sinks.main());
    if (groups.failed()) break;
    // A sink's failure is why user code stopped, so it is looked at first.
    if (auto sound = sinks.Check(); !sound) return fail(sound);
    if (!reduced) return fail(reduced);
    if (groups.groups() % kProgressEvery == 0) {
      box.records_done.store(groups.records(), std::memory_order_relaxed);
      box.bytes_done.store(merger.bytes_read(), std::memory_order_relaxed);
    }
  }
  if (groups.failed()) return tl::unexpected(MergeFailure(merger));
  if (!skipped.empty()) context.counters["mr.skipped_records"] += static_cast<int64_t>(skipped.size());
  auto concluded = Conclude(context, job, sinks, groups.groups() - skipped.size(), groups.records());
  if (!concluded) return fail(concluded);
  return skipped;
}

}  // namespace

Attempted<wire::ReduceResult> ReduceSegments(AttemptContext& context, const mr_job_def& def,
                                             const std::vector<Segment>& segments) {
  uint64_t bytes = 0;
  for (const Segment& segment : segments) bytes += segment.bytes;
  context.counters["mr.shuffle_bytes"] += static_cast<int64_t>(bytes);
  context.black_box.bytes_total.store(bytes, std::memory_order_relaxed);

  auto writer = OutputWriter::Create(context.env, context.assignment.config, context.assignment.attempt);
  if (!writer) return tl::unexpected(FailureOf(writer.error()));
  OutputSinks sinks(**writer, context, CountsLines(def));
  auto job = UserJob::Create(def, context);
  if (!job) return tl::unexpected(std::move(job).error());
  wire::ReduceResult result;
  {
    Merger merger = OpenMerger(context, segments);
    const bool passes = (def.flags & MR_JOB_IDENTITY_REDUCE) != 0 && def.group_size == nullptr;
    if (passes) {
      if (auto passed = PassRecords(context, **job, merger, sinks); !passed)
        return tl::unexpected(std::move(passed).error());
    } else {
      auto reduced = ReduceGroups(context, **job, merger, sinks);
      if (!reduced) return tl::unexpected(std::move(reduced).error());
      result.skipped = std::move(*reduced);
    }
    if (merger.scratch_runs() > 0) context.counters["mr.extra_merges"] += static_cast<int64_t>(merger.scratch_runs());
  }
  (*job)->CollectCounters();
  job->reset();  // its destructor is user code too: let it fail before anything is published
  Status status = (*writer)->Finish();
  if (status) status = context.wait_for_commit();
  if (!status) return tl::unexpected(FailureOf(status.error()));
  auto files = (*writer)->Publish();
  if (!files) return tl::unexpected(FailureOf(files.error()));
  result.files = std::move(*files);
  return result;
}

Attempted<wire::ReduceResult> RunReduceAttempt(AttemptContext& context, const mr_job_def& job,
                                               const wire::ReduceWork& work, const FetchOptions& options) {
  const ReduceMemory memory = ReduceMemory::Of(context.assignment.config.task_memory_bytes);
  FetchOptions within = options;
  within.memory_bytes = memory.fetch_bytes;
  within.parallel = memory.parallel;
  within.window = memory.window;
  auto segments = FetchSegments(context, work, within);
  if (!segments) return tl::unexpected(std::move(segments).error());
  return ReduceSegments(context, job, *segments);
}

}  // namespace mr::worker
