// Reads a job's output: the part files of a directory in order, decompressed by their names.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/io/env.h"

namespace mr::submit {

// part-r-00000 …, or part-m-… of a map-only job; one file when `part` is given; PATH itself if it
// is a file. Errors: kNotFound when there is no such output.
Result<std::vector<std::string>> OutputParts(Env& env, const std::string& path,
                                             std::optional<uint64_t> part);

// Gives the file's content to `sink` piece by piece, until that returns false. .gz and .zst are
// decompressed. Errors: kDataLoss for damaged data.
using ByteSink = std::function<bool(std::string_view)>;
Status ReadOutputFile(Env& env, const std::string& path, const ByteSink& sink);

}  // namespace mr::submit
