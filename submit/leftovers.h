// What jobs have left in an output directory: OUT/.millrace/<job>-<nonce>, if the last task of a job was cut off and
// nobody ran it again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/io/env.h"
#include "common/wire/control.h"

namespace mr::submit {

struct Leftover {
  std::string path;
  wire::OutputClaim claim;
  uint64_t bytes = 0;
  // What the job was to replace (--overwrite) lies in here: it is the user's.
  bool holds_old_content = false;
};

// "j42-00000000000000ab", "j42", and the same with ".gone"; nothing for other names.
std::optional<wire::OutputClaim> ParseClaim(std::string_view name);

// By name. A directory without any gives an empty list. Errors: kNotFound if there is no `output_dir`.
Result<std::vector<Leftover>> FindLeftovers(Env& env, const std::string& output_dir);

// Removes the leftover, and OUT/.millrace if it was the last.
Status RemoveLeftover(Env& env, const Leftover& leftover);

}  // namespace mr::submit
