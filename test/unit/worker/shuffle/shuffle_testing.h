// Run files and attempts for the tests of the shuffle.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/io/env.h"
#include "worker/run/run_reader.h"
#include "worker/run/run_writer.h"
#include "worker/shuffle/run_files.h"
#include "worker/shuffle/segment_fetcher.h"
#include "worker/shuffle/segment_server.h"

namespace mr::worker {

inline constexpr const char* kAnyPort = "tcp://127.0.0.1:0";

inline AttemptId MapAttempt(uint32_t index, uint32_t number = 0) {
  return AttemptId{TaskId{JobId{1}, Phase::kMap, index}, number, 1};
}

struct TemporaryDirectory {
  TemporaryDirectory() : path(*CreateTemporaryDirectory("/tmp/mr-shuffle-test-")) {}
  ~TemporaryDirectory() { (void)PosixEnv().RemoveTree(path); }
  const std::string path;
};

// A run with `sizes[p]` bytes of values, more or less, in partition p; 0 leaves it empty.
inline void WriteRun(const std::string& directory, const AttemptId& attempt,
                     const std::vector<size_t>& sizes) {
  RunOptions options;
  options.partitions = static_cast<uint32_t>(sizes.size());
  options.compression = wire::Compression::kNone;
  auto writer = RunWriter::Create(PosixEnv(), RunFilePath(directory, attempt), options);
  ASSERT_TRUE(writer.has_value()) << writer.error().text;
  Random random(attempt.task.index + 1);
  std::string value(1000, '\0');
  for (uint32_t partition = 0; partition < sizes.size(); ++partition) {
    if (sizes[partition] == 0) continue;
    ASSERT_TRUE((*writer)->StartPartition(partition));
    for (size_t written = 0; written < sizes[partition]; written += value.size()) {
      for (char& c : value) c = static_cast<char>(random.Next());
      const std::string number = std::to_string(written);
      ASSERT_TRUE((*writer)->Append(std::string(12 - number.size(), '0') + number, value));
    }
  }
  ASSERT_TRUE((*writer)->Finish().has_value());
}

// The bytes of one partition, read straight from the run file.
inline std::string BytesInRun(const std::string& directory, const AttemptId& attempt,
                              uint32_t partition) {
  auto run = OpenRunFile(PosixEnv(), {directory}, attempt);
  EXPECT_TRUE(run.has_value());
  const PartitionExtent extent = run->extents.at(partition);
  std::string bytes(extent.bytes, '\0');
  EXPECT_EQ(*run->file->ReadAt(extent.offset, bytes), extent.bytes);
  return bytes;
}

inline std::string BytesOf(const Segment& segment) {
  if (segment.path.empty()) return std::string(segment.memory.view());
  auto file = PosixEnv().OpenForRead(segment.path);
  EXPECT_TRUE(file.has_value());
  std::string bytes(segment.bytes, '\0');
  EXPECT_EQ(*(*file)->ReadAt(segment.offset, bytes), segment.bytes);
  return bytes;
}

// One reduce attempt: its context, its scratch directory, its work.
struct Reducer {
  explicit Reducer(uint32_t partition = 0) { work.partition = partition; }

  void From(const AttemptId& attempt, const std::string& endpoint) {
    work.sources.push_back({attempt, {}, endpoint});
  }
  Attempted<std::vector<Segment>> Fetch() { return FetchSegments(context, work, options); }

  TemporaryDirectory scratch;
  BlackBox black_box;
  wire::Assignment assignment;
  AttemptContext context{assignment, PosixEnv(), black_box, "w1", scratch.path, "", {}, {}, {}};
  wire::ReduceWork work;
  FetchOptions options;
};

// A worker that serves its map outputs.
struct TestWorker {
  explicit TestWorker(net::NetContext& net, const std::string& endpoint = kAnyPort) {
    auto started = SegmentServer::Start(net, PosixEnv(), endpoint, "", {outputs.path});
    EXPECT_TRUE(started.has_value()) << (started ? "" : started.error().text);
    server = std::move(*started);
  }
  TemporaryDirectory outputs;
  std::unique_ptr<SegmentServer> server;
};

}  // namespace mr::worker
