#include "worker/userjob/attempt_context.h"

namespace mr::worker {
namespace {

wire::FailureCause CauseOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNoSpace:
      return wire::FailureCause::kDiskFull;
    case ErrorCode::kFenced:
    case ErrorCode::kCancelled:
      return wire::FailureCause::kCancelled;
    case ErrorCode::kInternal:
      return wire::FailureCause::kInternal;
    default:
      return wire::FailureCause::kIo;
  }
}

}  // namespace

wire::Failure FailureOf(const Error& error) {
  wire::Failure failure;
  failure.cause = CauseOf(error.code);
  failure.message = error.text;
  return failure;
}

}  // namespace mr::worker
