// What the records of earlier lives say, taken together.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "coordinator/core/state.h"

namespace mr::sim {

// The state after `snapshot` (of EncodeState; empty: none) and the encoded `records` that follow it. `where` is whence
// they come, for the error. Errors: kUnsupported naming the record, as bytes that arrive here are whole.
Result<coordinator::State> ReplayRecords(std::string_view snapshot, std::span<const std::string> records, const std::string& where);

}  // namespace mr::sim
