// Total order: the bounds between reducers, from a sample of the input's keys.
#pragma once

#include <string>
#include <vector>

#include "common/io/env.h"
#include "common/wire/job.h"

namespace mr::submit {

// Stretches of the input to sample: `count` of them at most, evenly spread over all bytes. The same
// for the same input and seed. Compressed files are taken whole, the first few only.
std::vector<wire::Split> SampleSplits(const wire::JobSpec& spec, size_t count, uint64_t bytes_each);

// reducers-1 ascending, distinct bounds at the quantiles of the sorted sample. A sample with too
// few distinct keys gives repeated bounds, which leaves those partitions empty.
std::vector<std::string> QuantileBounds(const std::vector<std::string>& sorted_keys,
                                        uint32_t reducers);

// Runs `mrtask sample` over the plugin's map and sets spec.config.range_bounds.
Status SetRangeBounds(Env& env, const std::string& plugin_path,
                      const std::string& temporary_directory, wire::JobSpec& spec);

}  // namespace mr::submit
