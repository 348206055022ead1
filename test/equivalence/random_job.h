// A job drawn from a seed, three times over: what its map emits, the plugin that emits it, and what
// a simple program that holds everything in memory makes of it.
//
// Pure but for the plugin; everything follows from the seed alone, so a seed that fails fails
// again.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/abi/mr_abi.h"
#include "common/base/random.h"
#include "common/wire/job.h"

namespace mr::worker::test {

using Record = std::pair<std::string, std::string>;  // key, value

class RandomJob {
 public:
  enum class Kind : uint8_t { kGather, kSum, kMin, kMax, kDedup };
  enum class Combining : uint8_t { kNone, kUser, kNative };
  enum class Partitioning : uint8_t { kHash, kOwn, kRange };

  static RandomJob Draw(uint64_t seed);

  // The input's lines; map makes of a line what RecordsOf says of its number.
  std::string InputText() const;
  std::vector<Record> RecordsOf(uint64_t line) const;
  // Keys share a prefix of so many bytes (or are shorter) when they are of one group; SIZE_MAX:
  // equal keys only.
  size_t group_prefix() const { return group_prefix_; }
  std::string GroupOf(const std::string& key) const {
    return key.substr(0, std::min(group_prefix_, key.size()));
  }
  // kOwn: any pure function of the group.
  static uint32_t OwnPartition(std::string_view group, uint32_t count);
  bool skips_values() const { return skips_values_; }

  // What reduce writes for each group, by group.
  std::map<std::string, std::string> ExpectedGroups() const;
  uint64_t RecordCount() const;
  // Of the frames that map emits, and of the largest of them.
  std::pair<uint64_t, uint64_t> EmittedBytes() const;

  // The same as a plugin; its parameter "seed" has to be the job's.
  mr_job_def Plugin() const;
  std::string Describe() const;

  uint64_t seed = 0;
  Kind kind = Kind::kGather;
  Combining combining = Combining::kNone;
  Partitioning partitioning = Partitioning::kHash;
  uint32_t fold_width = 8;
  uint64_t lines = 0;
  uint64_t split_bytes = 0;
  uint32_t splits_per_map = 1;
  uint32_t partitions = 1;
  uint32_t workers = 1;
  uint64_t map_memory = 0;
  uint64_t reduce_memory = 0;
  wire::Compression codec = wire::Compression::kLz4;
  wire::Compression output_codec = wire::Compression::kNone;
  std::vector<std::string> bounds;  // kRange

 private:
  enum class KeyShape : uint8_t { kNumber, kBytes, kSharedPrefix, kZeros, kHuge };
  std::string KeyOf(uint64_t index) const;
  std::string ValueOf(Random& random) const;
  void DrawShapes(Random& random);
  void DrawSizes(Random& random);
  void DrawBounds(Random& random);

  KeyShape key_shape_ = KeyShape::kNumber;
  uint64_t distinct_keys_ = 1;
  uint32_t skew_ = 0;         // 0: keys are drawn evenly; each step favours the first ones more
  uint64_t value_bytes_ = 0;  // at most
  uint32_t per_line_ = 1;     // records, at most
  uint32_t line_bytes_ = 0;   // at most
  size_t group_prefix_ = SIZE_MAX;
  bool skips_values_ = false;  // reduce leaves most groups after their first record
};

// How reduce() writes: 'G' and the group, then 'R', key and value for each record (kGather), or 'S'
// and the folded value; names and values go with their size in four bytes before them.
struct WrittenGroup {
  std::string group;
  std::string text;
};
// Cuts an output file at its groups. False if it is not made of groups.
bool ParseGroups(std::string_view bytes, std::vector<WrittenGroup>& groups);

}  // namespace mr::worker::test
