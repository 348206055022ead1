// The file that holds a process's CURVE keys: JSON, mode 0600.
//
//   {"v": 1, "public": "…", "secret": "…", "server": "…", "allowed": ["…", …]}
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/net/channel.h"

namespace mr::net {

// Writes a new file. Errors: kAlreadyExists (keys are never replaced), kInvalidArgument without own
// keys.
Status WriteKeyFile(const std::string& path, const Security& security);

// Errors: kPermission when others may read the file, kInvalidArgument when it is not a key file.
Result<Security> ReadKeyFile(const std::string& path);

}  // namespace mr::net
