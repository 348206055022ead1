#include "worker/agent/plugin_cache.h"

#include <algorithm>

#include "common/base/hash.h"
#include "common/base/strings.h"
#include "worker/task/plugin_gate.h"

namespace mr::worker {
namespace {

// The name becomes part of a path, and it comes from the network.
bool IsSha256(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

std::string PluginCache::PathOf(const std::string& sha256) const {
  return JoinPath(directory_, sha256 + ".so");
}

bool PluginCache::Has(const std::string& sha256) {
  if (!IsSha256(sha256)) return false;
  const std::string path = PathOf(sha256);
  const auto bytes = ReadWholeFile(env_, path, kPluginBytesMax);
  if (!bytes) return false;
  if (Sha256Hex(*bytes) != sha256) {
    [[maybe_unused]] const Status removed = env_.RemoveFile(path);
    return false;
  }
  return true;
}

Status PluginCache::Store(const std::string& sha256, std::string_view bytes) {
  if (!IsSha256(sha256)) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("'", Printable(sha256, 80), "' is not a plugin's SHA-256"));
  }
  if (Sha256Hex(bytes) != sha256) {
    return Fail(ErrorCode::kDataLoss, StrCat("the plugin arrived damaged: ", bytes.size(),
                                             " bytes that are not ", sha256));
  }
  MR_RETURN_IF_ERROR(env_.CreateDirectories(directory_));
  const std::string temporary = PathOf(sha256) + ".new";
  [[maybe_unused]] const Status removed = env_.RemoveTree(temporary);  // of an earlier process
  {
    MR_ASSIGN_OR_RETURN(const auto file, env_.CreateNew(temporary));
    MR_RETURN_IF_ERROR(file->Append(bytes));
    MR_RETURN_IF_ERROR(file->Close());
  }
  MR_RETURN_IF_ERROR(env_.SetMode(temporary, 0555));
  MR_RETURN_IF_ERROR(env_.Rename(temporary, PathOf(sha256)));
  return {};
}

}  // namespace mr::worker
