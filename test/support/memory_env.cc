#include "test/support/memory_env.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/strings.h"

namespace mr::test {

namespace {

constexpr size_t kSectorBytes = 512;

}  // namespace

struct MemoryEnv::Inode {
  explicit Inode(bool directory) : is_directory(directory) {
    static std::atomic<uint64_t> counter{1};
    number = counter.fetch_add(1);
    mtime_ns = static_cast<int64_t>(1'700'000'000'000'000'000 + number);
  }
  const bool is_directory;
  uint64_t number = 0;
  int64_t mtime_ns = 0;
  // Files. The mutex is the file's own: handles outlive the env's lock.
  std::mutex mutex;
  std::string data;
  std::string durable_data;
  std::set<size_t> dirty;  // sectors written since the last sync
  // Directories: names as they are now, and as they would be after a power loss.
  std::map<std::string, std::shared_ptr<Inode>> names;
  std::map<std::string, std::shared_ptr<Inode>> durable_names;

  void Wrote(size_t begin, size_t end) {
    for (size_t sector = begin / kSectorBytes; sector * kSectorBytes < end; ++sector)
      dirty.insert(sector);
  }

  // The sector as it is now becomes durable.
  void Keep(size_t sector) {
    const size_t begin = sector * kSectorBytes;
    const size_t end = std::min(begin + kSectorBytes, data.size());
    if (durable_data.size() < end) durable_data.resize(end);
    durable_data.replace(begin, end - begin, data, begin, end - begin);
  }

  void Sync() {
    for (const size_t sector : dirty) Keep(sector);
    dirty.clear();
  }

  FileStat Stat() {
    const std::scoped_lock lock(mutex);
    FileStat stat;
    stat.size_bytes = data.size();
    stat.mtime_ns = mtime_ns;
    stat.inode = number;
    stat.is_directory = is_directory;
    stat.is_regular = !is_directory;
    return stat;
  }
};

namespace {

using Inode = MemoryEnv::Inode;

class MemoryReadableFile final : public ReadableFile {
 public:
  MemoryReadableFile(std::shared_ptr<Inode> inode, std::string path)
      : inode_(std::move(inode)), path_(std::move(path)) {}
  Result<size_t> ReadAt(uint64_t offset, std::span<char> buffer) const override {
    if (inode_->is_directory) return FailErrno(EISDIR, StrCat("cannot read ", path_));
    const std::scoped_lock lock(inode_->mutex);
    if (offset >= inode_->data.size()) return size_t{0};
    const size_t count = std::min<uint64_t>(buffer.size(), inode_->data.size() - offset);
    std::memcpy(buffer.data(), inode_->data.data() + offset, count);
    return count;
  }
  Result<FileStat> Stat() const override { return inode_->Stat(); }
  const std::string& path() const override { return path_; }

 private:
  const std::shared_ptr<Inode> inode_;
  const std::string path_;
};

class MemoryWritableFile final : public WritableFile {
 public:
  MemoryWritableFile(std::shared_ptr<Inode> inode, std::string path)
      : inode_(std::move(inode)), path_(std::move(path)) {}
  Status Append(std::string_view bytes) override {
    const std::scoped_lock lock(inode_->mutex);
    inode_->Wrote(inode_->data.size(), inode_->data.size() + bytes.size());
    inode_->data.append(bytes);
    size_ += bytes.size();
    return {};
  }
  Status Sync() override {
    const std::scoped_lock lock(inode_->mutex);
    inode_->Sync();
    return {};
  }
  Status Close() override { return {}; }
  uint64_t size_bytes() const override { return size_; }
  const std::string& path() const override { return path_; }

 private:
  const std::shared_ptr<Inode> inode_;
  const std::string path_;
  uint64_t size_ = 0;
};

class MemoryInPlaceFile final : public InPlaceFile {
 public:
  MemoryInPlaceFile(std::shared_ptr<Inode> inode, std::string path)
      : inode_(std::move(inode)), path_(std::move(path)) {}
  Status WriteAt(uint64_t offset, std::string_view bytes) override {
    const std::scoped_lock lock(inode_->mutex);
    if (inode_->data.size() < offset + bytes.size()) inode_->data.resize(offset + bytes.size());
    inode_->data.replace(offset, bytes.size(), bytes);
    inode_->Wrote(offset, offset + bytes.size());
    return {};
  }
  Status SyncData() override {
    const std::scoped_lock lock(inode_->mutex);
    inode_->Sync();
    return {};
  }
  const std::string& path() const override { return path_; }

 private:
  const std::shared_ptr<Inode> inode_;
  const std::string path_;
};

class MemoryLock final : public FileLock {
 public:
  MemoryLock(std::mutex& mutex, std::set<std::string>& locked, std::string path)
      : mutex_(mutex), locked_(locked), path_(std::move(path)) {}
  ~MemoryLock() override {
    const std::scoped_lock lock(mutex_);
    locked_.erase(path_);
  }

 private:
  std::mutex& mutex_;
  std::set<std::string>& locked_;
  const std::string path_;
};

void ForgetUnsynced(Inode& inode, const std::function<bool()>& keep) {
  for (const size_t sector : inode.dirty) {
    if (keep()) inode.Keep(sector);
  }
  inode.dirty.clear();
  inode.data = inode.durable_data;
  inode.names = inode.durable_names;
  for (const auto& [name, child] : inode.names) ForgetUnsynced(*child, keep);
}

size_t CountUnsynced(const Inode& inode) {
  size_t count = inode.dirty.size();
  for (const auto& [name, child] : inode.durable_names) count += CountUnsynced(*child);
  return count;
}

// Links between the copies are as between the originals: a file may have a present and a durable name.
std::shared_ptr<Inode> CloneTree(const std::shared_ptr<Inode>& inode,
                                 std::map<const Inode*, std::shared_ptr<Inode>>& copies) {
  const auto known = copies.find(inode.get());
  if (known != copies.end()) return known->second;
  auto copy = std::make_shared<Inode>(inode->is_directory);
  copies[inode.get()] = copy;
  copy->data = inode->data;
  copy->durable_data = inode->durable_data;
  copy->dirty = inode->dirty;
  for (const auto& [name, child] : inode->names) copy->names[name] = CloneTree(child, copies);
  for (const auto& [name, child] : inode->durable_names)
    copy->durable_names[name] = CloneTree(child, copies);
  return copy;
}

void Collect(const Inode& inode, const std::string& path, std::map<std::string, std::string>& out) {
  if (!inode.is_directory) {
    out[path] = inode.data;
    return;
  }
  if (inode.names.empty()) out[path + "/"] = "";
  for (const auto& [name, child] : inode.names) Collect(*child, JoinPath(path, name), out);
}

}  // namespace

MemoryEnv::MemoryEnv() : root_(std::make_shared<Inode>(true)) {}
MemoryEnv::~MemoryEnv() = default;

MemoryEnv::InodePtr MemoryEnv::Find(const std::string& path) const {
  InodePtr inode = root_;
  for (const std::string_view part : mr::Split(path, '/')) {
    if (part.empty()) continue;
    const auto found = inode->names.find(std::string(part));
    if (found == inode->names.end()) return nullptr;
    inode = found->second;
  }
  return inode;
}

Result<MemoryEnv::InodePtr> MemoryEnv::FindDirectory(const std::string& path) const {
  InodePtr inode = Find(path);
  if (inode == nullptr) return FailErrno(ENOENT, StrCat("cannot use the directory ", path));
  if (!inode->is_directory) return FailErrno(ENOTDIR, StrCat("cannot use the directory ", path));
  return inode;
}

Result<std::unique_ptr<ReadableFile>> MemoryEnv::OpenForRead(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  InodePtr inode = Find(path);
  if (inode == nullptr) return FailErrno(ENOENT, StrCat("cannot open ", path));
  return std::make_unique<MemoryReadableFile>(std::move(inode), path);
}

Result<std::unique_ptr<WritableFile>> MemoryEnv::CreateNew(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  MR_ASSIGN_OR_RETURN(const InodePtr parent, FindDirectory(ParentPath(path)));
  const auto [name, added] = parent->names.try_emplace(BaseName(path), nullptr);
  if (!added) return FailErrno(EEXIST, StrCat("cannot create ", path));
  name->second = std::make_shared<Inode>(false);
  return std::make_unique<MemoryWritableFile>(name->second, path);
}

Result<std::unique_ptr<InPlaceFile>> MemoryEnv::OpenInPlace(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  InodePtr inode = Find(path);
  if (inode == nullptr) return FailErrno(ENOENT, StrCat("cannot open ", path));
  return std::make_unique<MemoryInPlaceFile>(std::move(inode), path);
}

Result<FileStat> MemoryEnv::Stat(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  const InodePtr inode = Find(path);
  if (inode == nullptr) return FailErrno(ENOENT, StrCat("cannot stat ", path));
  return inode->Stat();
}

bool MemoryEnv::Exists(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  return Find(path) != nullptr;
}

Result<std::vector<std::string>> MemoryEnv::ListDirectory(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  MR_ASSIGN_OR_RETURN(const InodePtr inode, FindDirectory(path));
  std::vector<std::string> names;
  for (const auto& [name, child] : inode->names) names.push_back(name);
  return names;
}

Status MemoryEnv::CreateDirectories(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  InodePtr inode = root_;
  for (const std::string_view part : mr::Split(path, '/')) {
    if (part.empty()) continue;
    const std::string name(part);
    const auto [found, added] = inode->names.try_emplace(name, nullptr);
    if (added) {
      found->second = std::make_shared<Inode>(true);
      inode->durable_names[name] = found->second;
    }
    inode = found->second;
    if (!inode->is_directory)
      return FailErrno(ENOTDIR, StrCat("cannot create the directory ", path));
  }
  return {};
}

Status MemoryEnv::RemoveFile(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  const InodePtr inode = Find(path);
  if (inode == nullptr) return FailErrno(ENOENT, StrCat("cannot remove ", path));
  if (inode->is_directory) return FailErrno(EISDIR, StrCat("cannot remove ", path));
  Find(ParentPath(path))->names.erase(BaseName(path));
  return {};
}

Status MemoryEnv::RemoveDirectory(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  MR_ASSIGN_OR_RETURN(const InodePtr inode, FindDirectory(path));
  if (!inode->names.empty())
    return FailErrno(ENOTEMPTY, StrCat("cannot remove the directory ", path));
  const InodePtr parent = Find(ParentPath(path));
  parent->names.erase(BaseName(path));
  parent->durable_names.erase(BaseName(path));
  return {};
}

Status MemoryEnv::RemoveTree(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  const InodePtr parent = Find(ParentPath(path));
  if (parent == nullptr || !parent->is_directory) return {};
  parent->names.erase(BaseName(path));
  parent->durable_names.erase(BaseName(path));
  return {};
}

Status MemoryEnv::RenameLocked(const std::string& from, const std::string& to, bool replace) {
  const std::string what = StrCat("cannot rename ", from, " to ", to);
  const InodePtr inode = Find(from);
  if (inode == nullptr) return FailErrno(ENOENT, what);
  const auto parent = FindDirectory(ParentPath(to));
  if (!parent) return FailErrno(ENOENT, what);
  if (const InodePtr old = Find(to); old != nullptr) {
    if (!replace) return FailErrno(EEXIST, what);
    if (old->is_directory != inode->is_directory)
      return FailErrno(old->is_directory ? EISDIR : ENOTDIR, what);
    if (old->is_directory && !old->names.empty()) return FailErrno(ENOTEMPTY, what);
  }
  const InodePtr source = Find(ParentPath(from));
  source->names.erase(BaseName(from));
  (*parent)->names[BaseName(to)] = inode;
  if (inode->is_directory) {  // directories are durable at once
    source->durable_names.erase(BaseName(from));
    (*parent)->durable_names[BaseName(to)] = inode;
  }
  return {};
}

Status MemoryEnv::Rename(const std::string& from, const std::string& to) {
  const std::scoped_lock lock(mutex_);
  return RenameLocked(from, to, true);
}

Status MemoryEnv::RenameNoReplace(const std::string& from, const std::string& to) {
  const std::scoped_lock lock(mutex_);
  return RenameLocked(from, to, false);
}

Status MemoryEnv::SyncDirectory(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  MR_ASSIGN_OR_RETURN(const InodePtr inode, FindDirectory(path));
  inode->durable_names = inode->names;
  return {};
}

Status MemoryEnv::SetMode(const std::string& path, uint32_t) {
  if (!Exists(path)) return FailErrno(ENOENT, StrCat("cannot change the mode of ", path));
  return {};
}

Result<SpaceInfo> MemoryEnv::Space(const std::string&) { return SpaceInfo{1u << 30, 1u << 30}; }

Result<std::unique_ptr<FileLock>> MemoryEnv::Lock(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  if (!locked_.insert(path).second) {
    return Fail(ErrorCode::kUnavailable, StrCat(path, " is locked by process 1"));
  }
  return std::make_unique<MemoryLock>(mutex_, locked_, path);
}

void MemoryEnv::LosePower() {
  LosePower([] { return false; });
}

void MemoryEnv::LosePower(const std::function<bool()>& keep) {
  const std::scoped_lock lock(mutex_);
  ForgetUnsynced(*root_, keep);
}

size_t MemoryEnv::UnsyncedSectors() {
  const std::scoped_lock lock(mutex_);
  return CountUnsynced(*root_);
}

std::unique_ptr<MemoryEnv> MemoryEnv::Clone() {
  const std::scoped_lock lock(mutex_);
  auto copy = std::make_unique<MemoryEnv>();
  std::map<const Inode*, std::shared_ptr<Inode>> copies;
  copy->root_ = CloneTree(root_, copies);
  return copy;
}

void MemoryEnv::Write(const std::string& path, std::string content) {
  [[maybe_unused]] const Status made = CreateDirectories(ParentPath(path));
  const std::scoped_lock lock(mutex_);
  const auto inode = std::make_shared<Inode>(false);
  inode->durable_data = content;
  inode->data = std::move(content);
  const InodePtr parent = Find(ParentPath(path));
  parent->names[BaseName(path)] = inode;
  parent->durable_names[BaseName(path)] = inode;
}

std::string MemoryEnv::Read(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  const InodePtr inode = Find(path);
  return inode == nullptr ? "" : inode->data;
}

std::map<std::string, std::string> MemoryEnv::Tree(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  std::map<std::string, std::string> out;
  if (const InodePtr inode = Find(path); inode != nullptr) Collect(*inode, path, out);
  return out;
}

}  // namespace mr::test
