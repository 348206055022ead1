// Logging: glog, started once by main(). Include this only from .cc files: LOG and CHECK are macros.
#pragma once

#include <glog/logging.h>

#include <string>

#include "common/base/result.h"

namespace mr {

struct LogOptions {
  std::string level = "info";  // debug, info, warning, error
  std::string format = "text"; // text or json (one object per line)
  std::string file;            // empty: stderr
};

// Starts glog for a program; call once, from main, before any thread. Lines go to stderr (or appended to
// `file`), never to glog's own rotating files.
// Errors: kInvalidArgument for an unknown level or format, or a file that cannot be opened.
Status InitLogging(const char* program, const LogOptions& options);

// Opens the log file anew, for SIGHUP after a rotation; does nothing when logging to stderr.
void ReopenLog();

}  // namespace mr
