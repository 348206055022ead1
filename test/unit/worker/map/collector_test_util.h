// What the tests of EmitTable and EmitBuffer share: frames as a plugin writes them, and what a collector gives back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/logging.h"
#include "common/base/random.h"
#include "test/unit/worker/testutil/c_jobs.h"
#include "worker/map/collector.h"
#include "worker/map/partitioner.h"
#include "worker/run/frame.h"
#include "worker/run/step.h"

namespace mr::worker::test {

inline const Spill kNoSpill = []() -> Attempted<void> {
  LOG(FATAL) << "spilled";
  return {};
};

using Record = std::pair<std::string, std::string>;
using Records = std::vector<Record>;

inline void AppendFrame(std::string& frames, std::string_view key, std::string_view value) {
  char header[kFrameHeaderBytes];
  WriteFrameHeader(header, key.size(), value.size());
  frames.append(header, sizeof header).append(key).append(value);
}

// A window of frames with the slack that WindowSink leaves behind its own.
class Window {
 public:
  void Add(std::string_view key, std::string_view value) { AppendFrame(bytes_, key, value); }
  std::string_view Frames() {
    const size_t size = bytes_.size();
    bytes_.append(16, '\xff');  // not zero: nothing may depend on it
    bytes_.resize(size);
    return bytes_;
  }
  size_t size() const { return bytes_.size(); }
  void Clear() { bytes_.clear(); }

 private:
  std::string bytes_;
};

// A job, its instance and a partitioner for so many reducers.
class PartitionerFixture {
 public:
  explicit PartitionerFixture(uint32_t partitions, mr_job_def def = GroupingJob())
      : attempt_(scratch_.path()),
        def_(def),
        job_(UserJob::Create(def_, attempt_.context).value()),
        partitioner_(*job_, partitions) {}
  Partitioner& partitioner() { return partitioner_; }
  uint32_t Of(std::string_view key) {
    uint32_t partition = 0;
    CHECK(partitioner_.Of(key, partition));
    return partition;
  }

 private:
  ScratchDirectory scratch_;
  AttemptFixture attempt_;
  mr_job_def def_;
  std::unique_ptr<UserJob> job_;
  Partitioner partitioner_;
};

// What a spill does: sorts, takes the records of each partition, clears.
template <class Collector>
std::vector<Records> Drain(Collector& collector, uint32_t partitions) {
  std::vector<Records> all(partitions);
  CHECK(collector.Sort().has_value());
  for (uint32_t p = 0; p < partitions; ++p) {
    auto source = collector.Records(p);
    while (source.Next() == Step::kRecord) all[p].emplace_back(source.key(), source.value());
  }
  collector.Clear();
  return all;
}

// Keys that are hard to sort and to find: empty, of zeros, alike in their first 8, 16 and 70 bytes, up to 300
// bytes long, often equal.
inline std::string HardKey(Random& random) {
  static constexpr std::string_view kAlphabet("\0\0\1az\xff", 6);
  std::string key;
  switch (random.Below(6)) {
    case 0:
      break;
    case 1:
      key = "https://";
      break;
    case 2:
      key = "https://example.";
      break;
    case 3:
      key.assign(70, 'p');
      break;
    case 4:
      key.assign(random.Below(20), '\0');
      break;
    default:
      for (uint64_t n = random.Below(40); n > 0; --n) key += static_cast<char>(random.Below(256));
  }
  const uint64_t more = random.Below(20) == 0 ? random.Below(230) : random.Below(4);
  for (uint64_t i = 0; i < more; ++i) key += kAlphabet[random.Below(kAlphabet.size())];
  return key;
}

}  // namespace mr::worker::test
