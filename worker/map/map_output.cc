#include "worker/map/map_output.h"

#include "worker/map/map_memory.h"

namespace mr::worker {

MapOutputBase::MapOutputBase(AttemptContext& context, UserJob& job, CombineMode mode, const FoldSpec& fold)
    : context_(context),
      mode_(mode),
      fold_(fold),
      combiner_(job, context),
      partitions_(context.assignment.config.reducers),
      fan_in_(MapMemory::Of(context.assignment.config.task_memory_bytes).fan_in) {}

Attempted<std::unique_ptr<RunWriter>> MapOutputBase::CreateRun(const std::string& path, bool scratch) {
  const wire::Compression codec = context_.assignment.config.shuffle_codec;
  RunOptions options{.partitions = partitions_,
                     .compression = scratch ? ScratchCodec(codec) : MapOutputCodec(codec),
                     .digests = !scratch};
  auto run = RunWriter::Create(context_.env, path, options);
  if (run) return std::move(*run);
  wire::Failure failure = FailureOf(run.error());
  if (run.error().code == ErrorCode::kInvalidArgument) failure.cause = wire::FailureCause::kBadParameter;
  return tl::unexpected(std::move(failure));
}

std::string MapOutputBase::NextSpillPath() const {
  return JoinPath(context_.scratch_dir, StrCat("spill-", spills_.size(), ".run"));
}

Attempted<void> MapOutputBase::AddSpill(const std::string& path, RunWriter& run) {
  if (auto finished = run.Finish(); !finished) return tl::unexpected(FailureOf(finished.error()));
  spills_.push_back({path, nullptr, run.extents()});
  ++context_.counters["mr.spills"];
  context_.counters["mr.spilled_records"] += static_cast<int64_t>(run.records());
  context_.black_box.Beat();
  return {};
}

// Few spills are opened once for all partitions; many are opened partition by partition, as their turn comes,
// because open files are limited.
Merger MapOutputBase::OpenPartition(uint32_t partition) {
  std::vector<SegmentInput> inputs;
  for (const SpillFile& spill : spills_) {
    const PartitionExtent& extent = spill.extents[partition];
    if (extent.bytes == 0) continue;
    inputs.push_back(SegmentInput::From(spill.file, extent));
    if (!spill.file) inputs.back().path = spill.path;
  }
  MergeOptions options;
  options.fan_in = fan_in_;
  options.scratch_prefix = JoinPath(context_.scratch_dir, StrCat("merge-", partition, "-"));
  options.compression = ScratchCodec(context_.assignment.config.shuffle_codec);
  options.beat = [this] { context_.black_box.Beat(); };
  return Merger(context_.env, std::move(inputs), std::move(options));
}

Attempted<void> MapOutputBase::MergeSpills(RunWriter& run) {
  if (spills_.size() <= fan_in_) {
    for (SpillFile& spill : spills_) {
      auto file = context_.env.OpenForRead(spill.path);
      if (!file) return tl::unexpected(FailureOf(file.error()));
      spill.file = std::move(*file);
    }
  }
  for (uint32_t partition = 0; partition < partitions_; ++partition) {
    if (!run.StartPartition(partition)) return tl::unexpected(FailureOf(run.status().error()));
    Merger merger = OpenPartition(partition);
    Attempted<void> written;
    if (mode_ == CombineMode::kFold) {
      written = FoldInto(merger, run);
    } else if (Combines() && spills_.size() >= kMinSpillsToCombine) {
      written = combiner_.Run(merger, run);
    } else {
      written = Copy(merger, run);
    }
    if (!written) return written;
    if (merger.scratch_runs() > 0) context_.counters["mr.extra_merges"] += static_cast<int64_t>(merger.scratch_runs());
  }
  return {};
}

Attempted<void> MapOutputBase::Publish(RunWriter& run, const std::string& temporary) {
  auto finished = run.Finish();
  if (finished) finished = context_.env.Rename(temporary, context_.map_output_path);
  if (!finished) return tl::unexpected(FailureOf(finished.error()));
  return {};
}

wire::MapResult MapOutputBase::Describe(const RunWriter& run) {
  wire::MapResult result;
  result.output_bytes = run.size_bytes();
  for (const PartitionExtent& extent : run.extents()) {
    result.partition_bytes.push_back(extent.bytes);
    result.partition_records.push_back(extent.records);
    result.partition_digests.push_back(extent.digest);
  }
  context_.counters["mr.map_materialized_bytes"] += static_cast<int64_t>(run.size_bytes());
  return result;
}

}  // namespace mr::worker
