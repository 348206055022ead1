// --isolation of mrworker and mrsubmit: how tasks are kept apart.
#pragma once

#include <string_view>

#include "common/base/result.h"
#include "common/base/strings.h"

namespace mr {

// Errors: kInvalidArgument with the reason.
inline Status CheckIsolation(std::string_view how) {
  if (how == "process") return {};
  if (how == "thread") {
    return Fail(ErrorCode::kInvalidArgument,
                "--isolation thread is not offered: a crash in a plugin would end all tasks of its worker. "
                "Use --isolation process");
  }
  return Fail(ErrorCode::kInvalidArgument, StrCat("--isolation '", how, "' is not known; use process"));
}

}  // namespace mr
