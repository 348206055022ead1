#include "submit/plugin_copy.h"

#include "common/base/hash.h"
#include "common/base/strings.h"
#include "submit/local_cluster.h"

namespace mr::submit {
namespace {

constexpr uint64_t kPluginBytesMax = 512u << 20;
constexpr uint32_t kWritableByOthers = 0002;

}  // namespace

PluginCopy::Directory::~Directory() {
  // What cannot be removed lies in a temporary folder; there is nobody to tell.
  [[maybe_unused]] const Status removed = env.RemoveTree(path);
}

Result<PluginCopy> PluginCopy::Make(Env& env, const std::string& source, std::string bytes) {
  PluginCopy copy;
  copy.source_ = source;
  copy.bytes_ = std::move(bytes);
  copy.sha256_ = Sha256Hex(copy.bytes_);
  MR_ASSIGN_OR_RETURN(std::string directory, MakeRunDirectory());
  copy.directory_ = std::make_unique<Directory>(env, std::move(directory));
  copy.path_ = JoinPath(copy.directory_->path, copy.sha256_ + ".so");
  // Not synced: after a power loss nobody asks for it.
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<WritableFile> file, env.CreateNew(copy.path_));
  MR_RETURN_IF_ERROR(file->Append(copy.bytes_));
  MR_RETURN_IF_ERROR(file->Close());
  return copy;
}

Result<PluginCopy> PluginCopy::Take(Env& env, const std::string& source) {
  MR_ASSIGN_OR_RETURN(const FileStat stat, env.Stat(source));
  MR_ASSIGN_OR_RETURN(std::string bytes, ReadWholeFile(env, source, kPluginBytesMax));
  MR_ASSIGN_OR_RETURN(PluginCopy copy, Make(env, source, std::move(bytes)));
  copy.file_unix_ms_ = stat.mtime_ns / 1'000'000;
  // A file that anybody may change is refused; so must its copy be.
  if ((stat.mode & kWritableByOthers) != 0) MR_RETURN_IF_ERROR(env.SetMode(copy.path_, 0644 | kWritableByOthers));
  return copy;
}

}  // namespace mr::submit
