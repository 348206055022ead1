// Small runs for tests.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "worker/run/merger.h"
#include "worker/run/run_reader.h"
#include "worker/run/run_writer.h"

namespace mr::worker::test {

using Records = std::vector<std::pair<std::string, std::string>>;  // key, value
using Partitions = std::map<uint32_t, Records>;

inline std::vector<PartitionExtent> WriteRun(Env& env, const std::string& path, uint32_t count,
                                             const Partitions& partitions,
                                             wire::Compression compression = wire::Compression::kNone) {
  auto run = RunWriter::Create(env, path, {.partitions = count, .compression = compression});
  EXPECT_TRUE(run.has_value()) << run.error().text;
  for (const auto& [partition, records] : partitions) {
    EXPECT_TRUE((*run)->StartPartition(partition));
    for (const auto& [key, value] : records) EXPECT_TRUE((*run)->Append(key, value));
  }
  EXPECT_TRUE((*run)->Finish().has_value());
  return (*run)->extents();
}

inline Segment FileSegment(const std::string& path, const PartitionExtent& extent, AttemptId source = {}) {
  Segment segment;
  segment.path = path;
  segment.offset = extent.offset;
  segment.bytes = extent.bytes;
  segment.source = source;
  return segment;
}

// All records of a merge; what ended it is in `end`.
inline Records Drain(Merger& merger, Step& end) {
  Records records;
  while ((end = merger.Next()) == Step::kRecord) records.emplace_back(merger.key(), merger.value());
  return records;
}

inline Records ReadSegment(Env& env, const Segment& segment, Step& end) {
  Merger merger(env, {SegmentInput::From(segment)}, {});
  return Drain(merger, end);
}

}  // namespace mr::worker::test
