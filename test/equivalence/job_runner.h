// Runs a RandomJob through the real data path, in this process: map attempts, run files, segment
// servers, reduce attempts, part files. Only the coordinator and the process borders are missing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/net/channel.h"
#include "test/equivalence/random_job.h"
#include "test/unit/worker/testutil/c_jobs.h"
#include "worker/shuffle/segment_server.h"

namespace mr::worker::test {

class JobRunner {
 public:
  JobRunner(const RandomJob& job, net::NetContext& net);

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
};

}  // namespace mr::worker::test
