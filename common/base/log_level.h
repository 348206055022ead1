// The level of the log while a program runs; InitLogging has set the first one.
#pragma once

#include <string>

#include "common/base/result.h"

namespace mr {

// From now on, for all threads. Errors: kInvalidArgument for an unknown level; nothing changes then.
Status SetLogLevel(const std::string& level);

}  // namespace mr
