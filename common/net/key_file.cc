#include "common/net/key_file.h"

#include <filesystem>

#include "common/base/strings.h"
#include "common/net/endpoint.h"
#include "common/net/private_file.h"

namespace mr::net {
namespace {

constexpr int kKeyFileVersion = 1;
constexpr std::string_view kZ85 =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

Status CheckKey(const std::string& key, const char* name, const std::string& path) {
  if (key.size() == kKeyChars && key.find_first_not_of(kZ85) == std::string::npos) return {};
  return Fail(ErrorCode::kInvalidArgument, StrCat("\"", name, "\" in ", path, " must be a key of ",
                                                  kKeyChars, " characters (Z85)"));
}

// Whether anybody but the owner may read or write it.
bool OpenToOthers(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::perms mode = fs::status(path, error).permissions();
  return !error && (mode & (fs::perms::group_all | fs::perms::others_all)) != fs::perms::none;
}

}  // namespace

Status WriteKeyFile(const std::string& path, const Security& security) {
  if (!security.own) return Fail(ErrorCode::kInvalidArgument, "a key file needs a key pair");
  const nlohmann::ordered_json object = {{"v", kKeyFileVersion},
                                         {"public", security.own->public_key},
                                         {"secret", security.own->secret_key},
                                         {"server", security.server_key},
                                         {"allowed", security.allowed}};
  return WritePrivateFile(path, object.dump(2) + "\n", /*replace=*/false);
}

Result<Security> ReadKeyFile(const std::string& path) {
  MR_ASSIGN_OR_RETURN(const nlohmann::json object, ReadJsonObject(path));
  if (OpenToOthers(path)) {
    return Fail(ErrorCode::kPermission,
                StrCat("the key file ", path, " can be read by others: chmod 600 ", path));
  }
  Security security;
  KeyPair own;
  MR_ASSIGN_OR_RETURN(own.public_key, TextField(object, "public", path));
  MR_ASSIGN_OR_RETURN(own.secret_key, TextField(object, "secret", path));
  MR_RETURN_IF_ERROR(CheckKey(own.public_key, "public", path));
  MR_RETURN_IF_ERROR(CheckKey(own.secret_key, "secret", path));
  security.own = std::move(own);
  MR_ASSIGN_OR_RETURN(security.server_key, TextField(object, "server", path));
  if (!security.server_key.empty())
    MR_RETURN_IF_ERROR(CheckKey(security.server_key, "server", path));
  const auto allowed = object.find("allowed");
  if (allowed == object.end()) return security;
  for (const nlohmann::json& key : *allowed) {
    MR_RETURN_IF_ERROR(CheckKey(key.is_string() ? key.get<std::string>() : "", "allowed", path));
    security.allowed.push_back(key.get<std::string>());
  }
  return security;
}

}  // namespace mr::net
