// What a plugin offers, as JSON; for mrtask describe, which mrsubmit runs before it sends anything.
#pragma once

#include <string>

#include "worker/task/app_library.h"

namespace mr::worker {

// {"plugin", "build_id", "abi": {"major", "minor", "sdk_version", "compiler", "stdlib", "flags": [...]},
//  "jobs": [{"name", "help", "key_type", "value_type", "input_format", "output_format", "map_only",
//            "has_combine", "has_reduce", "fold", "partition": "hash" | "range" | "custom",
//            "range_partition", "params": [{"name", "type", "default" (null = required),
//            "required", "help"}]}]}
std::string DescribeJson(const AppLibrary& app, const std::string& path, const std::string& build_id,
                         bool indent);

}  // namespace mr::worker
