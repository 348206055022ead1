// Plugins on this worker's disk, named by what is in them: <directory>/<sha256>.so, never changed
// in place.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/io/env.h"

namespace mr::worker {

// One thread.
class PluginCache {
 public:
  PluginCache(Env& env, std::string directory) : env_(env), directory_(std::move(directory)) {}

  std::string PathOf(const std::string& sha256) const;
  // Whether the plugin is here and undamaged (read and hashed each time); a damaged one is
  // deleted.
  bool Has(const std::string& sha256);
  // Checks the hash and stores: temporary name, mode 0555, rename. kDataLoss if the bytes are not
  // those.
  Status Store(const std::string& sha256, std::string_view bytes);

 private:
  Env& env_;
  std::string directory_;
};

}  // namespace mr::worker
