// Judges a plugin before dlopen runs any of its code, and says in one sentence what is wrong with
// it, naming both sides and the next step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/abi/mr_abi.h"
#include "common/base/result.h"
#include "common/io/env.h"

namespace mr::worker {

inline constexpr uint64_t kPluginBytesMax = 256u << 20;

// What this program and machine offer to a plugin.
struct HostAbi {
  uint32_t abi_major = MR_ABI_MAJOR;
  uint32_t abi_minor = MR_ABI_MINOR;
  uint32_t flags = 0;  // MR_FLAG_* of this program
  std::string glibc;   // "2.36"
  std::vector<std::string>
      stdlib_versions;  // defined by the loaded libstdc++: GLIBCXX_… and CXXABI_…; may be empty
};
HostAbi ThisHost(Env& env);

// The plugin's tag, if it may be loaded here. `shown_name` is what messages call it (a cached
// plugin's file name is a hash). Errors: kInvalidArgument, kPermission (world-writable), kNotFound
// and kIo.
Result<mr_abi_tag> InspectPlugin(Env& env, const std::string& path, const std::string& shown_name,
                                 const HostAbi& host);

}  // namespace mr::worker
