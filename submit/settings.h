// Option values with where they come from. Layers are added from the strongest to the weakest
// (flag, MR_* variable, ./mr.toml, user's file, /etc/mr/mr.toml): a name that has a value keeps it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace mr::submit {

struct Setting {
  std::vector<std::string> values;
  std::string origin;  // "--reducers", "MR_COORDINATOR", "/etc/mr/mr.toml:12"
};

class Settings {
 public:
  // Does nothing if the name has a value already.
  void AddWeaker(const std::string& name, Setting setting);
  void Replace(const std::string& name, Setting setting) { values_[name] = std::move(setting); }

  void Remove(const std::string& name) { values_.erase(name); }

  bool Has(const std::string& name) const { return values_.contains(name); }
  // The last value; empty text if there is none.
  std::string Get(const std::string& name, std::string_view fallback = "") const;
  std::vector<std::string> All(const std::string& name) const;
  bool Flag(const std::string& name) const;

  // Converted; `fallback` if not set. Errors (kInvalidArgument) name the option, its origin and the
  // bound.
  Result<uint64_t> Number(const std::string& name, uint64_t fallback, uint64_t least,
                          uint64_t most) const;
  Result<uint64_t> Size(const std::string& name, uint64_t fallback, uint64_t least) const;
  Result<int64_t> DurationMs(const std::string& name, int64_t fallback) const;
  // One of `choices`, as its index.
  Result<size_t> Choice(const std::string& name, const std::vector<std::string>& choices,
                        size_t fallback) const;

  const std::map<std::string, Setting>& values() const { return values_; }

 private:
  tl::unexpected<Error> Bad(const std::string& name, std::string_view why) const;
  std::map<std::string, Setting> values_;
};

}  // namespace mr::submit
