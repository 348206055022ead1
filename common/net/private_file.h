// Private to common/net: small JSON files that only their owner may read.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "common/base/result.h"

namespace mr::net {

// Writes `text` to `path`, mode 0600 from before the first byte, synced. Without `replace` an
// existing file is kAlreadyExists; with it readers see the old content or all of the new one.
Status WritePrivateFile(const std::string& path, const std::string& text, bool replace);

// One JSON object; size and depth are limited. Errors name the file.
Result<nlohmann::json> ReadJsonObject(const std::string& path);

// object[name] as text; empty if missing. kInvalidArgument if it is something else.
Result<std::string> TextField(const nlohmann::json& object, const char* name,
                              const std::string& path);

}  // namespace mr::net
