// The worker's scratch directories: what lies where, and which takes the next attempt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace mr::worker {

// Folders of one scratch directory.
struct ScratchPaths {
  explicit ScratchPaths(const std::string& root);
  std::string root, plugins, map_outputs, attempts;
};

// "A,B" → A and B, absolute. Errors: kInvalidArgument for an empty part, one given twice, and one inside of another.
Result<std::vector<std::string>> ParseScratch(const std::string& text);

// Deals attempts out to the directories that have room, in turn, so that several disks share the work. Pure.
class ScratchDisks {
 public:
  struct Disk {
    std::string root;
    uint64_t reserve_bytes = 0;
    uint64_t free_bytes = 0;  // of its file system, when last looked at; 0 if that failed
    bool usable = true;       // more is free than the reserve
  };

  explicit ScratchDisks(std::vector<Disk> disks) : disks_(std::move(disks)) {}  // at least one

  // `free_bytes`: nothing if the file system could not be asked; it is then as good as full. True: whether it is usable
  // has changed.
  bool Observe(size_t index, std::optional<uint64_t> free_bytes);
  // Of the next attempt. With no room anywhere: still the next in turn; the attempt will say what is wrong.
  size_t Next();
  // What may be written to all of them together.
  uint64_t room_bytes() const;
  const std::vector<Disk>& disks() const { return disks_; }

 private:
  std::vector<Disk> disks_;
  size_t turn_ = 0;
};

}  // namespace mr::worker
