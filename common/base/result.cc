#include "common/base/result.h"

#include <cerrno>
#include <system_error>

namespace mr {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kOk: return "ok";
    case ErrorCode::kInvalidArgument: return "invalid argument";
    case ErrorCode::kNotFound: return "not found";
    case ErrorCode::kAlreadyExists: return "already exists";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kTimeout: return "time-out";
    case ErrorCode::kDataLoss: return "data loss";
    case ErrorCode::kNoSpace: return "no space";
    case ErrorCode::kFenced: return "fenced";
    case ErrorCode::kCancelled: return "cancelled";
    case ErrorCode::kIo: return "input/output error";
    case ErrorCode::kPermission: return "not allowed";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kInternal: return "internal error";
  }
  return "unknown error";
}

tl::unexpected<Error> FailErrno(int errno_value, std::string text) {
  ErrorCode code = ErrorCode::kIo;
  switch (errno_value) {
    case ENOSPC:
    case EDQUOT: code = ErrorCode::kNoSpace; break;
    case ENOENT: code = ErrorCode::kNotFound; break;
    case EEXIST: code = ErrorCode::kAlreadyExists; break;
    case EACCES:
    case EPERM: code = ErrorCode::kPermission; break;
    default: break;
  }
  return Fail(code, std::move(text) + ": " + std::generic_category().message(errno_value));
}

}  // namespace mr
