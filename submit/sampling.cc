#include "submit/sampling.h"

#include <algorithm>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/wire/codec.h"
#include "submit/child_process.h"
#include "submit/error_codes.h"

namespace mr::submit {
namespace {

constexpr size_t kSampleSplits = 64;
constexpr uint64_t kSampleBytes = 64u << 10;
constexpr size_t kCompressedFilesMax = 4;
constexpr Duration kSampleTimeout = std::chrono::minutes(2);

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

Result<std::vector<std::string>> ReadHexLines(std::string_view text) {
  std::vector<std::string> keys;
  for (const std::string_view line : Split(text, '\n')) {
    const std::string_view hex = Trim(line);
    if (hex.empty()) continue;
    std::string key;
    for (size_t i = 0; i + 1 < hex.size(); i += 2) {
      const int high = HexDigit(hex[i]), low = HexDigit(hex[i + 1]);
      if (high < 0 || low < 0) {
        return Fail(ErrorCode::kInternal,
                    "mrtask sample printed something that is not hexadecimal");
      }
      key.push_back(static_cast<char>(high * 16 + low));
    }
    keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace

std::vector<wire::Split> SampleSplits(const wire::JobSpec& spec, size_t count,
                                      uint64_t bytes_each) {
  std::vector<wire::Split> splits;
  uint64_t plain_bytes = 0;
  size_t compressed = 0;
  for (const wire::InputFile& file : spec.inputs) {
    if (file.compression == wire::Compression::kNone)
      plain_bytes += file.size_bytes;
    else if (compressed++ < kCompressedFilesMax)
      splits.push_back({file, 0, file.size_bytes});
  }
  if (plain_bytes == 0) return splits;
  // A file that must be read whole cannot be cut.
  const bool whole = spec.config.input_format == wire::InputFormat::kWhole;
  const uint64_t record = std::max<uint64_t>(spec.config.record_bytes, 1);
  const uint64_t stride = std::max<uint64_t>(plain_bytes / count, bytes_each);
  uint64_t base = 0;  // position of the file in all plain bytes
  // The stretches lie where the job's seed says: the same for the same job, and not always at the same places.
  uint64_t next = Random(spec.config.seed).Below(stride - std::min(stride, bytes_each) + 1) / record * record;
  for (const wire::InputFile& file : spec.inputs) {
    if (file.compression != wire::Compression::kNone) continue;
    if (whole && next < base + file.size_bytes) {
      splits.push_back({file, 0, file.size_bytes});
      next = std::max(next + stride, base + file.size_bytes);
    }
    for (; next < base + file.size_bytes; next += stride) {
      const uint64_t begin = (next - base) / record * record;
      splits.push_back({file, begin, std::min(begin + bytes_each, file.size_bytes)});
    }
    base += file.size_bytes;
  }
  return splits;
}

std::vector<std::string> QuantileBounds(const std::vector<std::string>& sorted_keys,
                                        uint32_t reducers) {
  std::vector<std::string> bounds;
  if (sorted_keys.empty()) {
    // Nothing was seen: one partition gets all keys.
    return std::vector<std::string>(reducers > 0 ? reducers - 1 : 0);
  }
  // What is left is shared evenly by the partitions that are left: a key that fills a partition of its own takes
  // nothing from the others. Cuts lie between different keys, at the nearer end of the run of equal ones.
  const auto end = sorted_keys.end();
  auto done = sorted_keys.begin();
  for (uint32_t left = reducers; left > 1; --left) {
    const auto even = done == end ? done : done + (end - done) / left;
    auto cut = even;
    if (even != end) {
      const auto [first, last] = std::equal_range(done, end, *even);
      cut = first == done || last - even < even - first ? last : first;
    }
    bounds.push_back(cut == end ? sorted_keys.back() : *cut);
    done = cut;
  }
  return bounds;
}

Status SetRangeBounds(Env& env, const std::string& plugin_path,
                      const std::string& temporary_directory, wire::JobSpec& spec) {
  MR_ASSIGN_OR_RETURN(const std::string program, SiblingProgram("mrtask"));
  wire::RunAttempt run;
  run.assignment.attempt = AttemptId{TaskId{JobId{1}, Phase::kMap, 0}, 0, 1};
  run.assignment.map_count = 1;
  run.assignment.config = spec.config;
  run.assignment.work = wire::MapWork{SampleSplits(spec, kSampleSplits, kSampleBytes)};
  const std::string path = JoinPath(temporary_directory, "sample.spec");
  MR_RETURN_IF_ERROR(WriteFileAtomically(env, path, wire::Encode(wire::ToTaskMessage{run})));
  MR_ASSIGN_OR_RETURN(
      const CapturedRun result,
      RunCaptured({program, "sample", plugin_path, "--name", spec.config.plugin_name, "--spec", path}, kSampleTimeout));
  if (result.exit_code != 0) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("the keys of ", spec.config.job_name,
                       " could not be sampled for its total order: ", Trim(result.err)));
  }
  MR_ASSIGN_OR_RETURN(std::vector<std::string> keys, ReadHexLines(result.out));
  std::sort(keys.begin(), keys.end());
  spec.config.range_bounds = QuantileBounds(keys, spec.config.reducers);
  return {};
}

}  // namespace mr::submit
