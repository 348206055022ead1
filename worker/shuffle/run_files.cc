#include "worker/shuffle/run_files.h"

#include "common/base/strings.h"
#include "worker/run/run_reader.h"

namespace mr::worker {

std::string AttemptFileName(const AttemptId& attempt) {
  return StrCat(ToString(attempt), "@", attempt.epoch);
}

std::string RunFilePath(const std::string& output_dir, const AttemptId& attempt) {
  return JoinPath(output_dir, StrCat(AttemptFileName(attempt), ".run"));
}

std::string FindRunFile(Env& env, const std::vector<std::string>& output_dirs, const AttemptId& attempt) {
  std::string first = RunFilePath(output_dirs.front(), attempt);
  if (output_dirs.size() == 1 || env.Exists(first)) return first;
  for (size_t i = 1; i < output_dirs.size(); ++i) {
    std::string path = RunFilePath(output_dirs[i], attempt);
    if (env.Exists(path)) return path;
  }
  return first;
}

Result<OpenRun> OpenRunFile(Env& env, const std::vector<std::string>& output_dirs, const AttemptId& attempt) {
  OpenRun run;
  MR_ASSIGN_OR_RETURN(run.file, env.OpenForRead(FindRunFile(env, output_dirs, attempt)));
  MR_ASSIGN_OR_RETURN(run.extents, ReadRunIndex(*run.file));
  MR_ASSIGN_OR_RETURN(const FileStat stat, run.file->Stat());
  for (const PartitionExtent& extent : run.extents) {
    if (extent.offset <= stat.size_bytes && extent.bytes <= stat.size_bytes - extent.offset)
      continue;
    return Fail(ErrorCode::kDataLoss,
                StrCat(run.file->path(), " has an index that points outside of the file"));
  }
  return run;
}

Result<PartitionExtent> ExtentOf(const OpenRun& run, uint32_t partition) {
  if (partition < run.extents.size()) return run.extents[partition];
  return Fail(ErrorCode::kDataLoss, StrCat(run.file->path(), " has ", run.extents.size(),
                                           " partitions, none is number ", partition));
}

Result<std::shared_ptr<const OpenRun>> RunFileCache::Open(const AttemptId& attempt, Time now) {
  if (const auto found = by_attempt_.find(attempt); found != by_attempt_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    entries_.front().used = now;
    return entries_.front().run;
  }
  MR_ASSIGN_OR_RETURN(OpenRun run, OpenRunFile(env_, output_dirs_, attempt));
  entries_.push_front({attempt, std::make_shared<const OpenRun>(std::move(run)), now});
  by_attempt_[attempt] = entries_.begin();
  if (entries_.size() > max_open_) {
    by_attempt_.erase(entries_.back().attempt);
    entries_.pop_back();
  }
  return entries_.front().run;
}

void RunFileCache::Sweep(Time now, Duration idle) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (now - entry->used <= idle && env_.Exists(entry->run->file->path())) {
      ++entry;
      continue;
    }
    by_attempt_.erase(entry->attempt);
    entry = entries_.erase(entry);
  }
}

}  // namespace mr::worker
