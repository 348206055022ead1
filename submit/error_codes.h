// The codes in square brackets behind an error, for searching: [MR1001]. MR02xx plugin, MR03xx
// refused before start, MR04xx the cluster, MR10xx the user's code, MR11xx the engine's
// surroundings.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/wire/job.h"

namespace mr::submit {

inline constexpr std::string_view kCodePlugin = "MR0210";
inline constexpr std::string_view kCodeNoJobNamed = "MR0211";
inline constexpr std::string_view kCodeInputMissing = "MR0301";
inline constexpr std::string_view kCodeOutputExists = "MR0302";
inline constexpr std::string_view kCodeParameter = "MR0304";
inline constexpr std::string_view kCodeParameterValue = "MR0305";
inline constexpr std::string_view kCodeNoMatch = "MR0311";
inline constexpr std::string_view kCodeSideFile = "MR0312";
inline constexpr std::string_view kCodeUnreachable = "MR0401";

std::string_view CodeOf(wire::FailureCause cause);

// Fail with the code behind the text.
tl::unexpected<Error> Refuse(std::string_view mr_code, ErrorCode code, std::string text);

}  // namespace mr::submit
