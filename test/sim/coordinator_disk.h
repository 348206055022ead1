// The coordinator's disk: the real journal on files in memory that may fill up, fail, be cut off in the middle of a
// write, and lose their power. Beside them the list of what was written: what a later life finds is compared with it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "coordinator/core/state.h"
#include "test/sim/journal.h"
#include "test/sim/options.h"
#include "test/sim/world.h"
#include "test/support/fault_env.h"
#include "test/support/memory_env.h"

namespace mr::sim {

class CoordinatorDisk {
 public:
  struct Opened {
    uint64_t epoch = 0;
    coordinator::State state;
  };

  CoordinatorDisk(World& world, const Options& options);

  // A new life begins. Nothing: the disk does not let it.
  std::optional<Opened> Open();
  // The process is gone: what it wrote stays.
  void Close() { journal_.reset(); }
  // Sectors that were not synced are lost, each by itself.
  void LosePower();

  // As the server uses its log. After an error the process must end.
  Status Append(std::span<const std::string> records);
  Status Sync();
  Status Idle() { return journal_->Idle(); }
  bool WantsSnapshot() const { return journal_->WantsSnapshot(); }
  Status SaveSnapshot(const std::string& state);

  // Nothing can be made longer, nothing new be made.
  void FillUp();
  // Every other call fails, with or without its effect.
  void BreakDown();
  // The process is killed at one of its next calls, which may be half done by then.
  void CutOffSoon();
  // Of all of these.
  void Mend();
  bool faulty() const { return faulty_; }
  bool cut_off() const { return cut_off_; }

  // Every record on the disk, of all lives, encoded.
  const std::vector<std::string>& records() const { return records_; }

 private:
  Result<size_t> FindPosition(const JournalContents& contents) const;
  void Compare(const JournalContents& contents);

  World& world_;
  const Options& options_;
  test::MemoryEnv files_;
  test::FaultEnv env_{files_};
  std::unique_ptr<Journal> journal_;
  bool faulty_ = false;
  bool cut_off_ = false;

  std::vector<std::string> records_;
  size_t synced_ = 0;        // of them: were told to somebody
  size_t written_ = 0;       // of them: the process saw them written; only a loss of power takes them
  std::map<std::string, size_t> snapshots_;  // state -> how many records it stands for
  uint64_t last_epoch_ = 0;
};

}  // namespace mr::sim
