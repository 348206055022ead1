// Runs a RandomJob through the real data path, in this process: map attempts, run files, segment
// servers, reduce attempts, part files. Only the coordinator and the process borders are missing.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/net/channel.h"
#include "test/equivalence/random_job.h"
#include "test/unit/worker/testutil/c_jobs.h"
#include "worker/shuffle/segment_server.h"

namespace mr::worker::test {

// What a job, or many, put the data path through.
struct Totals {
  int64_t spills = 0;
  int64_t spills_most = 0;       // of one map attempt
  int64_t extra_merges_map = 0;  // merge passes beyond the last: scratch runs that they wrote
  int64_t extra_merges_reduce = 0;
  int64_t extra_merges_most = 0;  // of one attempt
  int64_t combined_records = 0;   // by a user's combiner
  int64_t fetched_bytes = 0;
  uint64_t partition_records_most = 0;
  void Add(const Totals& other);
};

class JobRunner {
 public:
  JobRunner(const RandomJob& job, net::NetContext& net);
  const Totals& totals() const { return totals_; }

  // Everything, and whether the output is what it has to be. What is wrong, or nothing.
  std::optional<std::string> Run();

 private:
  // One worker: its map outputs, and who serves them to the others.
  struct Worker {
    std::string outputs;
    std::string endpoint;
    std::unique_ptr<SegmentServer> server;
  };
  using Problem = std::optional<std::string>;

  Problem StartWorkers();
  Problem RunMaps();
  Problem RunMap(uint32_t index, const std::vector<wire::Split>& splits);
  Problem RunReduces();  // in two threads, as slots do
  Problem RunReduce(uint32_t partition);
  Problem Compare() const;
  void CountMap(wire::Counters& counters);
  void CountReduce(wire::Counters& counters);
  Problem ReadPart(uint32_t partition, std::string& bytes) const;
  Problem CheckOrder(uint32_t partition, const std::vector<WrittenGroup>& groups) const;
  void Configure(AttemptFixture& fixture, Phase phase, uint32_t index, uint64_t memory) const;

  const RandomJob& job_;
  net::NetContext& net_;
  const mr_job_def def_;
  ScratchDirectory scratch_;
  std::vector<Worker> workers_;
  std::vector<wire::MapOutput> outputs_;
  std::vector<uint64_t> partition_records_;  // as the maps reported them
  std::vector<uint64_t> reduced_records_;    // as the reduces counted them
  std::vector<wire::OutputFile> files_;      // by partition
  std::mutex totals_mutex_;                  // reduces run in two threads
  Totals totals_;
};

}  // namespace mr::worker::test
