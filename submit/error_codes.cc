#include "submit/error_codes.h"

#include "common/base/strings.h"

namespace mr::submit {

std::string_view CodeOf(wire::FailureCause cause) {
  using enum wire::FailureCause;
  switch (cause) {
    case kException:
      return "MR1001";
    case kSignal:
      return "MR1002";
    case kExit:
      return "MR1003";
    case kTimeout:
      return "MR1004";
    case kMemory:
      return "MR1005";
    case kBadOutput:
      return "MR1006";
    case kBadRecord:
      return "MR1007";
    case kFatal:
      return "MR1008";
    case kBadPlugin:
      return "MR1009";
    case kBadInput:
      return "MR1010";
    case kBadParameter:
      return "MR1011";
    case kFetch:
      return "MR1101";
    case kDiskFull:
      return "MR1102";
    case kIo:
      return "MR1103";
    case kLeaseExpired:
      return "MR1104";
    case kCancelled:
      return "MR1105";
    case kWorkerStopping:
      return "MR1106";
    case kInternal:
      return "MR1199";
  }
  return "MR1199";
}

tl::unexpected<Error> Refuse(std::string_view mr_code, ErrorCode code, std::string text) {
  return Fail(code, StrCat(text, "   [", mr_code, "]"));
}

}  // namespace mr::submit
