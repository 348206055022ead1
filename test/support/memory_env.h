// A file system in memory that can lose its power: what was not synced is then gone.
//
// Model: bytes of a file are durable after Sync; a name (created, renamed or removed) is durable
// after SyncDirectory of the directory that holds it. Directories themselves are durable as soon as
// they are made, as journalling file systems keep them in practice. No links, no permissions. Paths
// are absolute.
#pragma once

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
