// The one room of POSIX file calls.
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "common/base/strings.h"
#include "common/io/env.h"
#include "common/io/writeback.h"

namespace mr {
namespace {

constexpr int kLockPollMs = 10;
constexpr int kDyingHolderMs = 2000;

// Killed, and not gone yet; or gone just now. `pid` in digits.
bool IsDying(std::string_view pid) {
  if (pid.empty() || pid.find_first_not_of("0123456789") != std::string_view::npos) return false;
  const int fd = ::open(StrCat("/proc/", pid, "/stat").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT;
  char text[512] = {};
  const ssize_t got = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (got <= 0) return true;  // it went meanwhile
  // "PID (name) S …", and a name may hold anything.
  const char* end = std::strrchr(text, ')');
  return end != nullptr && (end[2] == 'Z' || end[2] == 'X');
}

// Calls `call` until it is not interrupted.
template <class F>
auto Retry(F call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

FileStat FromStat(const struct stat& raw) {
  FileStat out;
  out.size_bytes = static_cast<uint64_t>(raw.st_size);
  out.mtime_ns = raw.st_mtim.tv_sec * 1'000'000'000 + raw.st_mtim.tv_nsec;
  out.inode = raw.st_ino;
  out.mode = raw.st_mode & 07777;
  out.is_directory = S_ISDIR(raw.st_mode);
  out.is_regular = S_ISREG(raw.st_mode);
  return out;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

class PosixReadableFile final : public ReadableFile {
 public:
  PosixReadableFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  Result<size_t> ReadAt(uint64_t offset, std::span<char> buffer) const override {
    size_t done = 0;
    while (done < buffer.size()) {
      const ssize_t got = Retry([&] {
        return ::pread(fd_.get(), buffer.data() + done, buffer.size() - done, static_cast<off_t>(offset + done));
      });
      if (got < 0) return FailErrno(errno, StrCat("cannot read ", path_, " at byte ", offset + done));
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  Result<FileStat> Stat() const override {
    struct stat raw;
    if (::fstat(fd_.get(), &raw) != 0) return FailErrno(errno, StrCat("cannot stat ", path_));
    return FromStat(raw);
  }

  const std::string& path() const override { return path_; }
  void AdviseSequential() const override { ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL); }
  void AdviseWillNeed(uint64_t offset, uint64_t bytes) const override {
    ::posix_fadvise(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(bytes), POSIX_FADV_WILLNEED);
  }

 private:
  Descriptor fd_;
  std::string path_;
};

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  Status Append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t put = Retry([&] { return ::write(fd_.get(), bytes.data(), bytes.size()); });
      if (put < 0) return FailErrno(errno, StrCat("cannot write to ", path_, " at byte ", size_));
      bytes.remove_prefix(static_cast<size_t>(put));
      size_ += static_cast<uint64_t>(put);
    }
    return {};
  }

  Status Sync() override {
    if (Retry([&] { return ::fsync(fd_.get()); }) != 0) return FailErrno(errno, StrCat("cannot sync ", path_));
    return {};
  }

  Status Close() override {
    // close() is not retried: on Linux the descriptor is gone even after EINTR.
    if (::close(fd_.Release()) != 0 && errno != EINTR) return FailErrno(errno, StrCat("cannot close ", path_));
    return {};
  }

  uint64_t size_bytes() const override { return size_; }
  const std::string& path() const override { return path_; }

  // A hint: where it fails, Sync does all of the work.
  void BeginWriteback() {
    ::sync_file_range(fd_.get(), static_cast<off_t>(handed_on_), static_cast<off_t>(size_ - handed_on_),
                      SYNC_FILE_RANGE_WRITE);
    handed_on_ = size_;
  }

 private:
  Descriptor fd_;
  std::string path_;
  uint64_t size_ = 0;
  uint64_t handed_on_ = 0;  // bytes that writeback was asked for
};

class PosixInPlaceFile final : public InPlaceFile {
 public:
  PosixInPlaceFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  Status WriteAt(uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t put =
          Retry([&] { return ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
      if (put < 0) return FailErrno(errno, StrCat("cannot write to ", path_, " at byte ", offset));
      bytes.remove_prefix(static_cast<size_t>(put));
      offset += static_cast<uint64_t>(put);
    }
    return {};
  }

  Status SyncData() override {
    if (Retry([&] { return ::fdatasync(fd_.get()); }) != 0) return FailErrno(errno, StrCat("cannot sync ", path_));
    return {};
  }

  const std::string& path() const override { return path_; }

 private:
  Descriptor fd_;
  std::string path_;
};

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(int fd) : fd_(fd) {}

 private:
  Descriptor fd_;  // closing it gives the lock back
};

// Removes what is inside the directory open at `directory`, not following links.
Status RemoveContents(int directory, const std::string& path) {
  DIR* stream = ::fdopendir(directory);
  if (stream == nullptr) {
    ::close(directory);
    return FailErrno(errno, StrCat("cannot list ", path));
  }
  Status status;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (::unlinkat(::dirfd(stream), entry->d_name, 0) == 0 || errno == ENOENT) continue;
    const std::string child = JoinPath(path, name);
    if (errno != EISDIR && errno != EPERM) {
      status = FailErrno(errno, StrCat("cannot remove ", child));
      break;
    }
    const int inner = ::openat(::dirfd(stream), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0) {
      if (errno == ENOENT) continue;
      status = FailErrno(errno, StrCat("cannot remove ", child));
      break;
    }
    status = RemoveContents(inner, child);
    if (!status) break;
    if (::unlinkat(::dirfd(stream), entry->d_name, AT_REMOVEDIR) != 0 && errno != ENOENT) {
      status = FailErrno(errno, StrCat("cannot remove the directory ", child));
      break;
    }
  }
  ::closedir(stream);
  return status;
}

class PosixEnvImpl final : public Env {
 public:
  Result<std::unique_ptr<ReadableFile>> OpenForRead(const std::string& path) override {
    const int fd = Retry([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
    if (fd < 0) return FailErrno(errno, StrCat("cannot open ", path));
    return std::make_unique<PosixReadableFile>(fd, path);
  }

  Result<std::unique_ptr<WritableFile>> CreateNew(const std::string& path) override {
    const int fd = Retry([&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); });
    if (fd < 0) return FailErrno(errno, StrCat("cannot create ", path));
    return std::make_unique<PosixWritableFile>(fd, path);
  }

  Result<std::unique_ptr<InPlaceFile>> OpenInPlace(const std::string& path) override {
    const int fd = Retry([&] { return ::open(path.c_str(), O_WRONLY | O_CLOEXEC); });
    if (fd < 0) return FailErrno(errno, StrCat("cannot open ", path, " for writing"));
    return std::make_unique<PosixInPlaceFile>(fd, path);
  }

  Result<FileStat> Stat(const std::string& path) override {
    struct stat raw;
    if (::stat(path.c_str(), &raw) != 0) return FailErrno(errno, StrCat("cannot stat ", path));
    return FromStat(raw);
  }

  bool Exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }

  Result<std::vector<std::string>> ListDirectory(const std::string& path) override {
    DIR* stream = ::opendir(path.c_str());
    if (stream == nullptr) return FailErrno(errno, StrCat("cannot list ", path));
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(stream)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    const int error = errno;
    ::closedir(stream);
    if (error != 0) return FailErrno(error, StrCat("cannot list ", path));
    std::sort(names.begin(), names.end());
    return names;
  }

  Status CreateDirectories(const std::string& path) override {
    if (::mkdir(path.c_str(), 0777) == 0) return {};
    if (errno == ENOENT) {
      const std::string parent = ParentPath(path);
      if (parent == path) return FailErrno(ENOENT, StrCat("cannot create the directory ", path));
      MR_RETURN_IF_ERROR(CreateDirectories(parent));
      if (::mkdir(path.c_str(), 0777) == 0) return {};
    }
    const int error = errno;
    struct stat raw;
    if (error == EEXIST && ::stat(path.c_str(), &raw) == 0 && S_ISDIR(raw.st_mode)) return {};
    return FailErrno(error, StrCat("cannot create the directory ", path));
  }

  Status RemoveFile(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return FailErrno(errno, StrCat("cannot remove ", path));
    return {};
  }

  Status RemoveDirectory(const std::string& path) override {
    if (::rmdir(path.c_str()) != 0) return FailErrno(errno, StrCat("cannot remove the directory ", path));
    return {};
  }

  Status RemoveTree(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
      if (errno == ENOENT) return {};
      if (errno == ENOTDIR || errno == ELOOP) return RemoveFile(path);
      return FailErrno(errno, StrCat("cannot remove ", path));
    }
    MR_RETURN_IF_ERROR(RemoveContents(fd, path));
    if (::rmdir(path.c_str()) != 0 && errno != ENOENT) {
      return FailErrno(errno, StrCat("cannot remove the directory ", path));
    }
    return {};
  }

  Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) {
      return FailErrno(errno, StrCat("cannot rename ", from, " to ", to));
    }
    return {};
  }

  Status RenameNoReplace(const std::string& from, const std::string& to) override {
    if (::syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
    if (errno != EINVAL && errno != ENOSYS) {
      return FailErrno(errno, StrCat("cannot rename ", from, " to ", to));
    }
    // NFS and some FUSE file systems: link() refuses an existing name just as atomically.
    if (::link(from.c_str(), to.c_str()) != 0) {
      return FailErrno(errno, StrCat("cannot link ", from, " to ", to));
    }
    return RemoveFile(from);
  }

  Status SyncDirectory(const std::string& path) override {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) return FailErrno(errno, StrCat("cannot open the directory ", path));
    // EINVAL: a file system that cannot sync directories keeps names by itself.
    if (::fsync(fd.get()) != 0 && errno != EINVAL) {
      return FailErrno(errno, StrCat("cannot sync the directory ", path));
    }
    return {};
  }

  Status SetMode(const std::string& path, uint32_t mode) override {
    if (::chmod(path.c_str(), mode) != 0) return FailErrno(errno, StrCat("cannot change the mode of ", path));
    return {};
  }

  Result<SpaceInfo> Space(const std::string& path) override {
    struct statvfs raw;
    if (::statvfs(path.c_str(), &raw) != 0) return FailErrno(errno, StrCat("cannot ask for free space at ", path));
    return SpaceInfo{raw.f_blocks * raw.f_frsize, raw.f_bavail * raw.f_frsize};
  }

  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (fd.get() < 0) return FailErrno(errno, StrCat("cannot open the lock file ", path));
    for (int waited_ms = 0; ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0; waited_ms += kLockPollMs) {
      char text[32] = {};
      [[maybe_unused]] const ssize_t got = ::pread(fd.get(), text, sizeof text - 1, 0);
      const std::string_view holder = Trim(text);
      if (waited_ms >= kDyingHolderMs || !IsDying(holder))
        return Fail(ErrorCode::kUnavailable, StrCat(path, " is locked by process ", holder));
      ::usleep(kLockPollMs * 1000);
    }
    const std::string pid = StrCat(::getpid(), "\n");
    if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), pid.data(), pid.size(), 0) < 0) {
      return FailErrno(errno, StrCat("cannot write the lock file ", path));
    }
    return std::make_unique<PosixFileLock>(fd.Release());
  }
};

}  // namespace

Env& PosixEnv() {
  static PosixEnvImpl env;
  return env;
}

Result<std::string> CreateTemporaryDirectory(const std::string& prefix) {
  std::string path = prefix + "XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) {
    return FailErrno(errno, StrCat("cannot create a temporary directory ", path));
  }
  return path;
}

Result<std::string> AbsolutePath(std::string_view path) {
  std::string full;
  if (!path.starts_with('/')) {
    char buffer[4096];
    if (::getcwd(buffer, sizeof buffer) == nullptr) return FailErrno(errno, "cannot tell the current directory");
    full = buffer;
  }
  std::vector<std::string_view> parts;
  const std::string joined = StrCat(full, "/", path);
  for (const std::string_view part : Split(joined, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") parts.push_back(part);
    else if (!parts.empty()) parts.pop_back();
  }
  std::string out;
  for (const std::string_view part : parts) out += StrCat("/", part);
  return out.empty() ? "/" : out;
}

Result<std::string> ProgramDirectory() {
  char buffer[4096];
  const ssize_t length = ::readlink("/proc/self/exe", buffer, sizeof buffer);
  if (length <= 0) return FailErrno(errno, "cannot tell where this program lies (/proc/self/exe)");
  return ParentPath(std::string_view(buffer, static_cast<size_t>(length)));
}

void BeginWriteback(WritableFile& file) {
  if (auto* const posix = dynamic_cast<PosixWritableFile*>(&file)) posix->BeginWriteback();
}

}  // namespace mr
