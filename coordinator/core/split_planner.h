// Cuts a job's input into map tasks. Pure and deterministic: the same spec always gives the same
// plan, so the plan itself is never stored.
//
// Files are taken in the user's order. A file is cut every split_bytes (kFixed: rounded down to
// whole records); compressed files and kWhole files are never cut. What is smaller than split_bytes
// is packed with its neighbours.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/wire/job.h"

namespace mr::coordinator {

inline constexpr uint32_t kMaxMapTasks = 100'000;
inline constexpr uint32_t kMaxFilesPerTask = 10'000;
inline constexpr uint32_t kMaxReducers = 10'000;
inline constexpr uint32_t kMaxSlotsPerTask = 4096;
// Bounds the segment index that the coordinator keeps: one entry per (map task, partition).
inline constexpr uint64_t kMaxSegments = 50'000'000;

// Everything about a spec that needs no plan: ranges, names, paths. Errors: kInvalidArgument.
Status CheckSpec(const wire::JobSpec& spec);

// One MapWork per map task; at least one, even when there is no input at all. Empty files are left
// out, except with kWhole, where each is a record. Splits are larger than the job's split size when
// there would be more than max_splits tasks. Expects CheckSpec to have passed. Errors:
// kInvalidArgument when there are too many tasks all the same.
Result<std::vector<wire::MapWork>> PlanSplits(const wire::JobSpec& spec);

uint64_t SplitBytes(const wire::MapWork& work);  // of all its splits
// "a.txt[0,100)", "a.txt[0,100) and 3 more", "no input".
std::string DescribeSplits(const wire::MapWork& work);

}  // namespace mr::coordinator
