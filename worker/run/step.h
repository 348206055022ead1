// What a step of a stream of records gave.
#pragma once

#include <cstdint>

namespace mr::worker {

enum class Step : uint8_t { kRecord, kEnd, kError };

}  // namespace mr::worker
