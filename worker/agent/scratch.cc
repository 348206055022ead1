#include "worker/agent/scratch.h"

#include "common/base/strings.h"
#include "common/io/env.h"

namespace mr::worker {
namespace {

tl::unexpected<Error> Reject(const std::string& text, std::string why) {
  return Fail(ErrorCode::kInvalidArgument, StrCat("--scratch ", text, ": ", std::move(why)));
}

bool IsInside(const std::string& path, const std::string& directory) {
  return path.starts_with(directory.ends_with('/') ? directory : directory + "/");
}

}  // namespace

ScratchPaths::ScratchPaths(const std::string& root)
    : root(root),
      plugins(JoinPath(root, "plugins")),
      map_outputs(JoinPath(root, "map")),
      attempts(JoinPath(root, "tmp")) {}

Result<std::vector<std::string>> ParseScratch(const std::string& text) {
  std::vector<std::string> roots;
  for (const std::string_view part : Split(text, ',')) {
    if (part.empty()) {
      return Reject(text, "a directory between the commas is missing; give them as A,B (a path cannot have a comma)");
    }
    MR_ASSIGN_OR_RETURN(std::string path, AbsolutePath(part));
    for (const std::string& other : roots) {
      if (path == other) return Reject(text, StrCat(part, " is named twice; name each disk's directory once"));
      if (IsInside(path, other) || IsInside(other, path)) {
        return Reject(text, StrCat(IsInside(path, other) ? path : other, " lies inside of ",
                                   IsInside(path, other) ? other : path, "; name directories beside each other"));
      }
    }
    roots.push_back(std::move(path));
  }
  return roots;
}

bool ScratchDisks::Observe(size_t index, std::optional<uint64_t> free_bytes) {
  Disk& disk = disks_.at(index);
  const bool before = disk.usable;
  disk.free_bytes = free_bytes.value_or(0);
  disk.usable = disk.free_bytes > disk.reserve_bytes;
  return disk.usable != before;
}

size_t ScratchDisks::Next() {
  size_t chosen = turn_;
  for (size_t ahead = 0; ahead < disks_.size(); ++ahead) {
    const size_t index = (turn_ + ahead) % disks_.size();
    if (!disks_[index].usable) continue;
    chosen = index;
    break;
  }
  turn_ = (chosen + 1) % disks_.size();
  return chosen;
}

uint64_t ScratchDisks::room_bytes() const {
  uint64_t room = 0;
  for (const Disk& disk : disks_) room += disk.usable ? disk.free_bytes - disk.reserve_bytes : 0;
  return room;
}

}  // namespace mr::worker
