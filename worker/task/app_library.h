// A plugin in this process: loaded through Boost.DLL, checked, and kept until the process ends
// (unloading code that has run is not safe: thread-locals, unique symbols, registered destructors).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/abi/mr_abi.h"
#include "common/base/result.h"
#include "common/io/env.h"

namespace mr::worker {

class AppLibrary {
 public:
  // Runs the gate (plugin_gate.h), then dlopen, which runs the plugin's static constructors.
  // `shown_name` is what messages call the plugin. Errors: those of the gate; kInvalidArgument with
  // the undefined symbols, demangled, or with what is wrong in its tables.
  static Result<std::unique_ptr<AppLibrary>> Load(Env& env, const std::string& path,
                                                  const std::string& shown_name);

  AppLibrary() = default;  // holds no job; use Load

  const mr_abi_tag& tag() const { return tag_; }
  const std::vector<const mr_job_def*>& jobs() const { return jobs_; }
  // The job called `name`; the only one if `name` is empty. kNotFound with the list and the nearest
  // name.
  Result<const mr_job_def*> FindJob(std::string_view name) const;

 private:
  std::string shown_name_;
  mr_abi_tag tag_{};
  std::vector<const mr_job_def*> jobs_;
};

// "undefined symbol: _ZN3foo3barEi" with the mangled names replaced; for any text.
std::string DemangleAll(std::string_view text);

// Checks one job's table. Errors continue the sentence "PLUGIN …". Apart from Load, for tests.
Status CheckJobDef(const mr_job_def& job);

}  // namespace mr::worker
