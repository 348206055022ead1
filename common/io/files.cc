#include <atomic>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/io/env.h"

namespace mr {

Result<std::string> ReadWholeFile(Env& env, const std::string& path, uint64_t max_bytes) {
  MR_ASSIGN_OR_RETURN(const auto file, env.OpenForRead(path));
  MR_ASSIGN_OR_RETURN(const FileStat stat, file->Stat());
  if (stat.size_bytes > max_bytes) {
    return Fail(ErrorCode::kInvalidArgument, StrCat(path, " has ", FormatSize(stat.size_bytes),
                                                    "; at most ", FormatSize(max_bytes), " are read"));
  }
  std::string content(stat.size_bytes, '\0');
  MR_ASSIGN_OR_RETURN(const size_t got, file->ReadAt(0, content));
  content.resize(got);
  return content;
}

Status WriteFileAtomically(Env& env, const std::string& path, std::string_view content) {
  static std::atomic<uint64_t> counter{RandomSeed()};
  const std::string temporary =
      JoinPath(ParentPath(path), StrCat(".", BaseName(path), ".tmp-", counter.fetch_add(1)));
  const auto write = [&]() -> Status {
    MR_ASSIGN_OR_RETURN(const auto file, env.CreateNew(temporary));
    MR_RETURN_IF_ERROR(file->Append(content));
    MR_RETURN_IF_ERROR(file->Sync());
    MR_RETURN_IF_ERROR(file->Close());
    return env.Rename(temporary, path);
  };
  if (Status status = write(); !status) {
    [[maybe_unused]] const Status removed = env.RemoveFile(temporary);
    return status;
  }
  return env.SyncDirectory(ParentPath(path));
}

std::string JoinPath(std::string_view directory, std::string_view name) {
  if (directory.empty() || name.starts_with('/')) return std::string(name);
  if (directory.ends_with('/')) return StrCat(directory, name);
  return StrCat(directory, "/", name);
}

std::string ParentPath(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  if (slash == 0) return "/";
  return std::string(path.substr(0, slash));
}

std::string BaseName(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

}  // namespace mr
