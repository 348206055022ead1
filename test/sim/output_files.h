// The jobs' output directories on the file system that all workers share, and the rules that hold for them whatever
// happens: a published part never changes, comes from an attempt with leave, and holds every map's records once.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/wire/job.h"
#include "test/sim/world.h"

namespace mr::sim {

class OutputFiles {
 public:
  explicit OutputFiles(World& world) : world_(world) {}

  // An attempt has written its part under a name of its own. `maps`: whose records are in it, in the order of reading.
  void WriteTemporary(const AttemptId& attempt, std::vector<uint32_t> maps);
  // Gives the temporary file its final name unless that exists: then the file that is there counts.
  // Null: there is no temporary file.
  const wire::OutputFile* Publish(const AttemptId& attempt);
  void DropTemporary(const AttemptId& attempt) { temporary_.erase(attempt); }

  // The finish task: the manifest is written last, or everything is removed.
  // Where an error stops it; what it has done by then stays done.
  enum class Stop : uint8_t { kNever, kBefore, kHalfway, kAfter };
  void Finish(JobId job, const wire::FinishWork& work, Stop stop);

  // At the end of the run.
  // `without`: tasks that were given up.
  void CheckSucceeded(JobId job, uint32_t maps, uint32_t reduces, const std::set<TaskId>& without) const;
  void CheckCleaned(JobId job) const;

  static std::string PartName(const TaskId& task);

 private:
  struct Part {
    AttemptId attempt;
    std::vector<uint32_t> maps;
    wire::OutputFile file;
  };
  World& world_;
  std::map<AttemptId, std::vector<uint32_t>> temporary_;
  std::map<TaskId, Part> published_;
  std::set<JobId> manifests_;
};

}  // namespace mr::sim
