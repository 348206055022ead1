#include "coordinator/core/split_planner.h"

#include <algorithm>
#include <optional>

#include "common/base/strings.h"
#include "coordinator/core/bad_records.h"

namespace mr::coordinator {
namespace {

tl::unexpected<Error> Reject(std::string text) {
  return Fail(ErrorCode::kInvalidArgument, std::move(text));
}

bool IsSha256(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// Packs splits into tasks, in order.
class Packer {
 public:
  explicit Packer(uint64_t split_bytes) : split_bytes_(split_bytes) {}

  void Add(wire::Split split) {
    const uint64_t bytes = split.end - split.begin;
    const bool full = !current_.splits.empty() && (current_bytes_ + bytes > split_bytes_ ||
                                                   current_.splits.size() >= kMaxFilesPerTask);
    if (full) Close();
    current_bytes_ += bytes;
    current_.splits.push_back(std::move(split));
  }

  void Close() {
    if (current_.splits.empty()) return;
    tasks_.push_back(std::move(current_));
    current_ = {};
    current_bytes_ = 0;
  }

  size_t task_count() const { return tasks_.size() + (current_.splits.empty() ? 0 : 1); }
  std::vector<wire::MapWork> Take() { return std::move(tasks_); }

 private:
  const uint64_t split_bytes_;
  wire::MapWork current_;
  uint64_t current_bytes_ = 0;
  std::vector<wire::MapWork> tasks_;
};

uint64_t TotalBytes(const wire::JobSpec& spec) {
  uint64_t total = 0;
  for (const wire::InputFile& file : spec.inputs) total += file.size_bytes;
  return total;
}

// However large a split is, a task takes only so many files.
tl::unexpected<Error> TooMany(const wire::JobSpec& spec) {
  return Reject(StrCat("the input (", FormatSize(TotalBytes(spec)), " in ", spec.inputs.size(),
                       " files) makes more than ", FormatCount(spec.config.max_splits),
                       " map tasks however large the splits are: a task takes at most ", kMaxFilesPerTask,
                       " files; give a larger --max-splits, or fewer files"));
}

// None: more than `most` tasks.
std::optional<std::vector<wire::MapWork>> Cut(const wire::JobSpec& spec, uint64_t step, uint32_t most) {
  const bool whole = spec.config.input_format == wire::InputFormat::kWhole;
  if (spec.config.input_format == wire::InputFormat::kFixed) {
    step = std::max(step / spec.config.record_bytes, uint64_t{1}) * spec.config.record_bytes;
  }
  Packer packer(step);
  for (const wire::InputFile& file : spec.inputs) {
    if (file.size_bytes == 0 && !whole) continue;
    const bool one_piece =
        whole || file.compression != wire::Compression::kNone || file.size_bytes <= step;
    if (one_piece) {
      packer.Add({file, 0, file.size_bytes});
    } else {
      for (uint64_t begin = 0; begin < file.size_bytes;) {
        const uint64_t length = std::min(step, file.size_bytes - begin);
        packer.Add({file, begin, begin + length});
        begin += length;
        if (packer.task_count() > most) return std::nullopt;
      }
    }
    if (packer.task_count() > most) return std::nullopt;
  }
  packer.Close();
  return packer.Take();
}

Status CheckRanges(const wire::JobConfig& config) {
  if (config.reducers > kMaxReducers) {
    return Reject(StrCat("the job asks for ", config.reducers, " reducers; at most ", kMaxReducers,
                         " are possible"));
  }
  if (config.split_bytes == 0)
    return Reject("the split size is 0; give --split-size at least 1 byte");
  if (config.max_splits == 0 || config.max_splits > kMaxMapTasks) {
    return Reject(StrCat("at most ", config.max_splits, " splits are asked for; it must be from 1 to ",
                         kMaxMapTasks, " (--max-splits)"));
  }
  if (config.slots_per_task == 0 || config.slots_per_task > kMaxSlotsPerTask) {
    return Reject(StrCat("a task asks for ", config.slots_per_task, " slots; it must be from 1 to ",
                         kMaxSlotsPerTask, " (--slots-per-task)"));
  }
  if (config.tie_ms < 0) return Reject("the time of --tie is negative");
  if (config.backup_factor_percent < 100) {
    return Reject(StrCat("the backup factor is ", config.backup_factor_percent / 100.0, "; it must be at least 1"));
  }
  if (config.max_failed_permille > 1000) {
    return Reject(StrCat("max failed tasks is ", wire::FormatPermille(config.max_failed_permille),
                         "; give a share from 0% to 100%"));
  }
  if (config.max_attempts == 0 || config.max_attempts > 100) {
    return Reject(StrCat("max attempts is ", config.max_attempts,
                         "; it must be from 1 to 100 (--max-attempts)"));
  }
  if (config.skip_bad_records > kMaxSkipBadRecords) {
    return Reject(StrCat("each task may leave out ", config.skip_bad_records, " bad records; at most ",
                         kMaxSkipBadRecords, " are possible (--skip-bad-records), as each costs an attempt. Where more "
                         "are to be expected, let map() count them and return"));
  }
  if (config.task_timeout_ms <= 0) {
    return Reject(StrCat("the task time-out is ", config.task_timeout_ms,
                         " ms; it must be positive (--task-timeout)"));
  }
  if (config.task_memory_bytes < (1u << 20)) {
    return Reject(StrCat("the task memory is ", FormatSize(config.task_memory_bytes),
                         "; a task needs at least 1.0 MiB (--task-memory)"));
  }
  if (config.input_format == wire::InputFormat::kFixed && config.record_bytes == 0) {
    return Reject("fixed-size records need their size in bytes, which is 0");
  }
  return {};
}

Status CheckRangeBounds(const wire::JobConfig& config) {
  if (config.range_bounds.empty()) return {};
  if (config.range_bounds.size() + 1 != config.reducers) {
    return Reject(StrCat("a total order over ", config.reducers, " reducers needs ",
                         config.reducers - 1, " bounds, not ", config.range_bounds.size()));
  }
  if (!std::is_sorted(config.range_bounds.begin(), config.range_bounds.end())) {
    return Reject("the bounds of a total order must ascend");
  }
  return {};
}

}  // namespace

Status CheckSpec(const wire::JobSpec& spec) {
  const wire::JobConfig& config = spec.config;
  if (!IsSha256(config.plugin_sha256)) {
    return Reject(StrCat("the plugin's hash '", Printable(config.plugin_sha256, 80),
                         "' is not a SHA-256 in lower-case hex"));
  }
  if (config.output_dir.empty() || config.output_dir.front() != '/') {
    return Reject(StrCat("the output directory '", Printable(config.output_dir),
                         "' is not an absolute path"));
  }
  MR_RETURN_IF_ERROR(CheckRanges(config));
  MR_RETURN_IF_ERROR(CheckRangeBounds(config));
  for (const wire::InputFile& file : spec.inputs) {
    if (file.path.empty() || file.path.front() != '/') {
      return Reject(StrCat("the input '", Printable(file.path), "' is not an absolute path"));
    }
  }
  return {};
}

Result<std::vector<wire::MapWork>> PlanSplits(const wire::JobSpec& spec) {
  const wire::JobConfig& config = spec.config;
  const uint64_t total = TotalBytes(spec);
  uint64_t step = std::max<uint64_t>(config.split_bytes, 1);
  auto cut = Cut(spec, step, config.max_splits);
  // Larger splits rather than too many tasks. Records of fixed size, and files that are not cut, make it a search.
  if (!cut) step = std::max(step, total / config.max_splits);
  while (!cut && step <= total) {
    step = step + step / 8 + 1;
    cut = Cut(spec, step, config.max_splits);
  }
  if (!cut) return TooMany(spec);
  std::vector<wire::MapWork> tasks = std::move(*cut);
  if (tasks.empty()) tasks.emplace_back();
  if (uint64_t{config.reducers} * tasks.size() > kMaxSegments) {
    return Reject(StrCat(tasks.size(), " map tasks times ", config.reducers,
                         " reducers are more than ", FormatCount(kMaxSegments),
                         " segments; give a larger --split-size or fewer reducers"));
  }
  return tasks;
}

uint64_t SplitBytes(const wire::MapWork& work) {
  uint64_t bytes = 0;
  for (const wire::Split& split : work.splits) bytes += split.end - split.begin;
  return bytes;
}

std::string DescribeSplits(const wire::MapWork& work) {
  if (work.splits.empty()) return "no input";
  const wire::Split& first = work.splits.front();
  std::string text = StrCat(first.file.path, "[", first.begin, ",", first.end, ")");
  if (work.splits.size() > 1) text += StrCat(" and ", work.splits.size() - 1, " more");
  return text;
}

}  // namespace mr::coordinator
