// From a collector to the map output: spills, their merge, the one run file that is published.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/strings.h"
#include "worker/map/collector.h"
#include "worker/map/combiner.h"
#include "worker/map/fold.h"
#include "worker/run/merger.h"
#include "worker/run/run_writer.h"

namespace mr::worker {

enum class CombineMode : uint8_t { kNone, kUser, kFold };

// The parts that do not depend on the kind of collector. One thread.
class MapOutputBase {
 protected:
  struct SpillFile {
    std::string path;
    std::shared_ptr<const ReadableFile> file;  // open while there are few spills
    std::vector<PartitionExtent> extents;
  };
  // Combining again at the merge pays when it can find partners; with fewer spills it is a wasted pass.
  static constexpr size_t kMinSpillsToCombine = 3;
  static constexpr uint64_t kBeatEvery = 4096;

  MapOutputBase(AttemptContext& context, UserJob& job, CombineMode mode, const FoldSpec& fold);

  Attempted<std::unique_ptr<RunWriter>> CreateRun(const std::string& path, bool scratch);
  Attempted<void> AddSpill(const std::string& path, RunWriter& run);
  std::string NextSpillPath() const;
  Merger OpenPartition(uint32_t partition);
  Attempted<void> MergeSpills(RunWriter& run);
  Attempted<void> Publish(RunWriter& run, const std::string& temporary);
  wire::MapResult Describe(const RunWriter& run);

  template <class Source>
  Attempted<void> Copy(Source& source, RunWriter& run) {
    uint64_t records = 0;
    Step step;
    while ((step = source.Next()) == Step::kRecord) {
      bool appended;
      if constexpr (requires { source.frame(); }) {
        appended = run.Append(source.frame());
      } else {
        appended = run.Append(source.key(), source.value());
      }
      if (!appended) return tl::unexpected(FailureOf(run.status().error()));
      if (++records % kBeatEvery == 0) context_.black_box.Beat();
    }
    if constexpr (requires { source.error(); }) {
      if (step == Step::kError) return tl::unexpected(FailureOf(source.error()));
    }
    return {};
  }

  template <class Source>
  Attempted<void> FoldInto(Source& source, RunWriter& run) {
    std::string key;
    uint64_t value = 0;
    bool any = false;
    char eight[8];
    uint64_t records = 0;
    Step step;
    while ((step = source.Next()) == Step::kRecord) {
      uint64_t next = fold_.Load(source.value().data());
      if (any && source.key() == key) {
        value = fold_.Apply(value, next);
      } else {
        if (any && !run.Append(key, fold_.Store(value, eight))) break;
        key.assign(source.key());
        value = next;
        any = true;
      }
      if (++records % kBeatEvery == 0) context_.black_box.Beat();
    }
    if constexpr (requires { source.error(); }) {
      if (step == Step::kError) return tl::unexpected(FailureOf(source.error()));
    }
    if (any && run.status()) run.Append(key, fold_.Store(value, eight));
    if (!run.status()) return tl::unexpected(FailureOf(run.status().error()));
    return {};
  }

  // Whether the user's combiner is to be run now.
  bool Combines() const { return mode_ == CombineMode::kUser && combiner_.pays(); }

  AttemptContext& context_;
  CombineMode mode_;
  FoldSpec fold_;
  Combiner combiner_;
  uint32_t partitions_;
  uint32_t fan_in_;
  std::vector<SpillFile> spills_;
};

template <class Collector>
class MapOutput : private MapOutputBase {
 public:
  MapOutput(AttemptContext& context, UserJob& job, CombineMode mode, const FoldSpec& fold, Collector& collector)
      : MapOutputBase(context, job, mode, fold), collector_(collector) {}

  // Moves the collector's records to a scratch run.
  Attempted<void> Spill() {
    std::string path = NextSpillPath();
    auto run = CreateRun(path, true);
    if (!run) return tl::unexpected(std::move(run).error());
    if (auto written = Write(**run); !written) return written;
    return AddSpill(path, **run);
  }

  // Everything collected, as one run file at context.map_output_path: whole, or not there.
  Attempted<wire::MapResult> Finish() {
    std::string temporary = context_.map_output_path + ".tmp";
    auto run = CreateRun(temporary, false);
    if (!run) return tl::unexpected(std::move(run).error());
    auto done = Fill(**run);
    if (done) done = Publish(**run, temporary);
    if (!done) {
      (void)context_.env.RemoveFile(temporary);  // best effort: the failure to tell is the first one
      return tl::unexpected(std::move(done).error());
    }
    return Describe(**run);
  }

  // A combiner or fold that does not pay was switched off.
  bool combiner_off() const { return HasEqualKeys() || (mode_ == CombineMode::kUser && !combiner_.pays()); }

 private:
  Attempted<void> Fill(RunWriter& run) {
    if (spills_.empty()) return Write(run);
    if (!collector_.empty()) {
      if (auto spilled = Spill(); !spilled) return spilled;
    }
    collector_.Release();  // the merge gets its memory
    return MergeSpills(run);
  }

  Attempted<void> Write(RunWriter& run) {
    context_.black_box.Beat();
    if (auto sorted = collector_.Sort(); !sorted) return sorted;
    for (uint32_t partition = 0; partition < partitions_; ++partition) {
      if (!run.StartPartition(partition)) return tl::unexpected(FailureOf(run.status().error()));
      auto source = collector_.Records(partition);
      auto written = Combines() ? combiner_.Run(source, run) : HasEqualKeys() ? FoldInto(source, run) : Copy(source, run);
      if (!written) return written;
    }
    collector_.Clear();
    return {};
  }

  bool HasEqualKeys() const {
    if constexpr (requires { collector_.has_equal_keys(); }) return collector_.has_equal_keys();
    return false;
  }

  Collector& collector_;
};

}  // namespace mr::worker
