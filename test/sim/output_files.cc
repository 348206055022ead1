#include "test/sim/output_files.h"

#include <algorithm>
#include <utility>

#include "common/base/strings.h"

namespace mr::sim {

std::string OutputFiles::PartName(const TaskId& task) {
  std::string digits = StrCat(task.index);
  digits.insert(0, 5 - std::min<size_t>(5, digits.size()), '0');
  return StrCat(task.phase == Phase::kMap ? "part-m-" : "part-r-", digits);
}

void OutputFiles::WriteTemporary(const AttemptId& attempt, std::vector<uint32_t> maps) {
  temporary_[attempt] = std::move(maps);
}

const wire::OutputFile* OutputFiles::Publish(const AttemptId& attempt) {
  const auto temporary = temporary_.find(attempt);
  if (temporary == temporary_.end()) return nullptr;
  const TaskId task = attempt.task;
  if (!published_.contains(task)) {
    if (manifests_.contains(task.job))
      world_.Blame(StrCat(ToString(attempt), " published after its job's manifest was written"));
    Part part{attempt, std::move(temporary->second), {}};
    part.file = {PartName(task), 10, 1, task.index + 1};
    world_.Note(StrCat("published ", part.file.name, " of ", ToString(task.job), " by ", ToString(attempt)));
    published_.emplace(task, std::move(part));
  }
  temporary_.erase(temporary);
  return &published_.at(task).file;
}

void OutputFiles::Finish(JobId job, const wire::FinishWork& work, Stop stop) {
  if (stop == Stop::kBefore) return;
  if (!work.success) {
    // A cleanup that a worker repeats, because its report was lost, finds nothing.
    if (manifests_.contains(job)) world_.Blame(StrCat(ToString(job), " was cleaned up after its success"));
    std::erase_if(published_, [&](const auto& entry) {
      return entry.first.job == job && (stop != Stop::kHalfway || entry.first.index % 2 == 0);
    });
  } else {
    for (const wire::OutputFile& file : work.files) {
      const auto same = [&](const auto& entry) { return entry.first.job == job && entry.second.file == file; };
      if (std::none_of(published_.begin(), published_.end(), same))
        world_.Blame(StrCat(ToString(job), ": the manifest names ", file.name, ", which is not there"));
    }
    if (stop == Stop::kHalfway) return;
    manifests_.insert(job);
  }
  std::erase_if(temporary_, [&](const auto& entry) { return entry.first.task.job == job; });
}

void OutputFiles::CheckSucceeded(JobId job, uint32_t maps, uint32_t reduces, const std::set<TaskId>& without) const {
  if (!manifests_.contains(job)) world_.Blame(StrCat(ToString(job), " succeeded without a manifest"));
  const uint32_t parts = reduces == 0 ? maps : reduces;
  for (uint32_t index = 0; index < parts; ++index) {
    const TaskId task{job, reduces == 0 ? Phase::kMap : Phase::kReduce, index};
    const auto found = published_.find(task);
    if (without.contains(task)) {
      if (found != published_.end()) world_.Blame(StrCat(ToString(task), " was given up and has an output"));
      continue;
    }
    if (found == published_.end()) {
      world_.Blame(StrCat(ToString(job), " succeeded without ", PartName(task)));
      continue;
    }
    std::vector<uint32_t> wanted;
    for (uint32_t map = 0; map < maps; ++map) {
      if (!without.contains({job, Phase::kMap, map})) wanted.push_back(map);
    }
    if (reduces == 0) wanted = {index};
    if (found->second.maps != wanted)
      world_.Blame(StrCat(PartName(task), " of ", ToString(job), " does not hold each map's records once"));
  }
}

void OutputFiles::CheckCleaned(JobId job) const {
  for (const auto& [task, part] : published_) {
    if (task.job == job) world_.Blame(StrCat(ToString(job), " did not succeed and left ", part.file.name));
  }
}

}  // namespace mr::sim
