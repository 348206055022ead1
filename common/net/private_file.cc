#include "common/net/private_file.h"

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/io/env.h"

namespace mr::net {
namespace {

constexpr uint64_t kMaxFileBytes = 1u << 20;
constexpr int kMaxDepth = 8;

Status WriteNew(Env& env, const std::string& path, const std::string& text) {
  MR_ASSIGN_OR_RETURN(auto file, env.CreateNew(path));
  MR_RETURN_IF_ERROR(env.SetMode(path, 0600));
  MR_RETURN_IF_ERROR(file->Append(text));
  MR_RETURN_IF_ERROR(file->Sync());
  return file->Close();
}

}  // namespace

Status WritePrivateFile(const std::string& path, const std::string& text, bool replace) {
  Env& env = PosixEnv();
  const std::string temporary = StrCat(path, ".tmp-", RandomSeed());
  if (Status written = WriteNew(env, temporary, text); !written) {
    (void)env.RemoveFile(temporary);
    return Fail(written.error());
  }
  if (Status named = replace ? env.Rename(temporary, path) : env.RenameNoReplace(temporary, path);
      !named) {
    (void)env.RemoveFile(temporary);
    return Fail(named.error());
  }
  return env.SyncDirectory(ParentPath(path));
}

Result<nlohmann::json> ReadJsonObject(const std::string& path) {
  MR_ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(PosixEnv(), path, kMaxFileBytes));
  bool too_deep = false;
  const auto limit_depth = [&too_deep](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  nlohmann::json object = nlohmann::json::parse(text, limit_depth, /*allow_exceptions=*/false);
  if (too_deep || !object.is_object()) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat(path, " is not a JSON object as Millrace writes it"));
  }
  return object;
}

Result<std::string> TextField(const nlohmann::json& object, const char* name,
                              const std::string& path) {
  const auto field = object.find(name);
  if (field == object.end()) return std::string();
  if (!field->is_string()) {
    return Fail(ErrorCode::kInvalidArgument, StrCat("\"", name, "\" in ", path, " must be a text"));
  }
  return field->get<std::string>();
}

}  // namespace mr::net
