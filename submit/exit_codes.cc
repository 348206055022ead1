#include "submit/exit_codes.h"

namespace mr::submit {

int ExitCodeOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kOk:
      return kExitDone;
    case ErrorCode::kNotFound:
      return kExitNotFound;
    case ErrorCode::kTimeout:
    case ErrorCode::kUnavailable:
      return kExitUnreachable;
    case ErrorCode::kFenced:
    case ErrorCode::kPermission:
      return kExitNotAllowed;
    case ErrorCode::kCancelled:
      return kExitInterrupted;
    case ErrorCode::kInternal:
      return kExitBug;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kDataLoss:
    case ErrorCode::kNoSpace:
    case ErrorCode::kIo:
    case ErrorCode::kUnsupported:
      return kExitRefused;
  }
  return kExitBug;
}

int ExitCodeOf(wire::JobState state) {
  switch (state) {
    case wire::JobState::kSucceeded:
      return kExitDone;
    case wire::JobState::kFailed:
      return kExitFailed;
    case wire::JobState::kKilled:
      return kExitKilled;
    case wire::JobState::kQueued:
    case wire::JobState::kRunning:
    case wire::JobState::kFinishing:
    case wire::JobState::kPaused:
      return kExitStillRunning;
  }
  return kExitBug;
}

}  // namespace mr::submit
