// Files, as the engine uses them. POSIX calls live in env_posix.cc and nowhere else; tests use the fakes of
// test/support (MemoryEnv, FaultEnv).
//
// Every call retries EINTR and loops over short reads and writes. Every error names the path.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace mr {

struct FileStat {
  uint64_t size_bytes = 0;
  int64_t mtime_ns = 0;  // since the Unix epoch
  uint64_t inode = 0;
  uint32_t mode = 0;       // permission bits, 07777
  bool is_directory = false;
  bool is_regular = false;
};

// Random access, safe for several threads.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  // Fills as much of `buffer` as the file holds from `offset`; fewer bytes than asked means end of file.
  virtual Result<size_t> ReadAt(uint64_t offset, std::span<char> buffer) const = 0;
  virtual Result<FileStat> Stat() const = 0;
  virtual const std::string& path() const = 0;
  // Tells the kernel that the file is read from front to back.
  virtual void AdviseSequential() const {}
  // Tells the kernel that these bytes will be read soon: it may begin to fetch them now.
  virtual void AdviseWillNeed(uint64_t /*offset*/, uint64_t /*bytes*/) const {}
};

// Append-only, one thread. The destructor closes without syncing and ignores errors: call Close.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  virtual Status Append(std::string_view bytes) = 0;
  virtual Status Sync() = 0;   // fsync; after an error the file must be thrown away, never synced again
  virtual Status Close() = 0;  // reports what close(2) reports (network file systems fail here)
  virtual uint64_t size_bytes() const = 0;  // bytes appended so far
  virtual const std::string& path() const = 0;
};

// A file that exists and is written in place, for logs. One thread.
class InPlaceFile {
 public:
  virtual ~InPlaceFile() = default;
  virtual Status WriteAt(uint64_t offset, std::string_view bytes) = 0;
  // fdatasync: the bytes, and the size if it has grown; after an error the file must be thrown away.
  virtual Status SyncData() = 0;
  virtual const std::string& path() const = 0;
};

// Holds an advisory lock until destroyed.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

struct SpaceInfo {
  uint64_t total_bytes = 0;
  uint64_t free_bytes = 0;  // for unprivileged users
};

// Thread-safe.
class Env {
 public:
  virtual ~Env() = default;

  virtual Result<std::unique_ptr<ReadableFile>> OpenForRead(const std::string& path) = 0;
  // Creates; kAlreadyExists if the name is there (O_EXCL). Mode 0666 less the umask.
  virtual Result<std::unique_ptr<WritableFile>> CreateNew(const std::string& path) = 0;

  virtual Result<std::unique_ptr<InPlaceFile>> OpenInPlace(const std::string& path) = 0;

  virtual Result<FileStat> Stat(const std::string& path) = 0;
  virtual bool Exists(const std::string& path) = 0;
  // Names (not paths) in a directory, sorted by bytes, without "." and "..".
  virtual Result<std::vector<std::string>> ListDirectory(const std::string& path) = 0;
  // All missing parents too; an existing directory is fine.
  virtual Status CreateDirectories(const std::string& path) = 0;
  virtual Status RemoveFile(const std::string& path) = 0;      // a missing file is kNotFound
  virtual Status RemoveDirectory(const std::string& path) = 0;  // must be empty
  virtual Status RemoveTree(const std::string& path) = 0;      // a missing tree is fine; never follows links
  virtual Status Rename(const std::string& from, const std::string& to) = 0;  // replaces `to`
  // renameat2(RENAME_NOREPLACE), or link+unlink where the file system lacks it. kAlreadyExists if taken.
  virtual Status RenameNoReplace(const std::string& from, const std::string& to) = 0;
  virtual Status SyncDirectory(const std::string& path) = 0;
  virtual Status SetMode(const std::string& path, uint32_t mode) = 0;
  virtual Result<SpaceInfo> Space(const std::string& path) = 0;
  // flock(LOCK_EX|LOCK_NB) on `path`, created if missing; its content becomes this process's pid.
  // kUnavailable, naming the holder's pid, when somebody else has it. One that is being killed is waited for, up to 2 s: its
  // first thread may be gone and another one still have the file.
  virtual Result<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;
};

// The real one. Lives for the whole process.
Env& PosixEnv();

// ---- built from the calls above ----------------------------------------------------------------------

// The whole file; kInvalidArgument if it is larger than `max_bytes`.
Result<std::string> ReadWholeFile(Env& env, const std::string& path, uint64_t max_bytes = 1u << 30);
// Temporary name in the same directory, write, fsync, rename over `path`, fsync the directory: afterwards the
// name holds the old content or all of the new one, whatever crashed.
Status WriteFileAtomically(Env& env, const std::string& path, std::string_view content);
// A new directory `prefix` + random suffix, mode 0700.
Result<std::string> CreateTemporaryDirectory(const std::string& prefix);

std::string JoinPath(std::string_view directory, std::string_view name);
std::string ParentPath(std::string_view path);
std::string BaseName(std::string_view path);
// Absolute and without "." and ".." parts; links are not resolved.
Result<std::string> AbsolutePath(std::string_view path);
// The folder of the running program, to find its siblings.
Result<std::string> ProgramDirectory();

}  // namespace mr
