// A file system in memory that can lose its power: what was not synced is then gone.
//
// Model: bytes of a file are durable after Sync, in sectors of 512 bytes; before, each written sector may or may
// not be; a name (created, renamed or removed) is durable
// after SyncDirectory of the directory that holds it. Directories themselves are durable as soon as
// they are made, as journalling file systems keep them in practice. No links, no permissions. Paths
// are absolute.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "common/io/env.h"

namespace mr::test {

// Thread-safe. Files stay readable and writable while open, like inodes.
class MemoryEnv final : public Env {
 public:
  MemoryEnv();
  ~MemoryEnv() override;

  Result<std::unique_ptr<ReadableFile>> OpenForRead(const std::string& path) override;
  Result<std::unique_ptr<WritableFile>> CreateNew(const std::string& path) override;
  Result<std::unique_ptr<InPlaceFile>> OpenInPlace(const std::string& path) override;
  Result<FileStat> Stat(const std::string& path) override;
  bool Exists(const std::string& path) override;
  Result<std::vector<std::string>> ListDirectory(const std::string& path) override;
  Status CreateDirectories(const std::string& path) override;
  Status RemoveFile(const std::string& path) override;
  Status RemoveDirectory(const std::string& path) override;
  Status RemoveTree(const std::string& path) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status RenameNoReplace(const std::string& from, const std::string& to) override;
  Status SyncDirectory(const std::string& path) override;
  Status SetMode(const std::string& path, uint32_t mode) override;
  Result<SpaceInfo> Space(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override;

  // Back to what is durable. Files that are open keep what they have, but it is no longer
  // reachable.
  void LosePower();
  // As LosePower, but the sectors for which `keep` says so were written before the power went. It is asked for each
  // sector of UnsyncedSectors, in their order.
  void LosePower(const std::function<bool()>& keep);
  // How many written sectors a power loss could take, of files that would still have a name.
  size_t UnsyncedSectors();
  // An independent copy, with what is durable and what is not.
  std::unique_ptr<MemoryEnv> Clone();

  // Straight to the content, for arranging and asserting. Write replaces, makes parents, and is
  // durable.
  void Write(const std::string& path, std::string content);
  std::string Read(const std::string& path);  // "" if missing
  // Every file below `path` (recursively), as path -> content; directories without files end in
  // "/".
  std::map<std::string, std::string> Tree(const std::string& path);

  struct Inode;  // of the implementation

 private:
  using InodePtr = std::shared_ptr<Inode>;
  InodePtr Find(const std::string& path) const;
  Result<InodePtr> FindDirectory(const std::string& path) const;
  Status RenameLocked(const std::string& from, const std::string& to, bool replace);

  mutable std::mutex mutex_;
  InodePtr root_;
  std::set<std::string> locked_;
};

}  // namespace mr::test
