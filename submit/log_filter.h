// Which lines of an attempt's log are shown. Pure.
//
// A log holds what the user's code printed to stdout and stderr, in the order of its writes, and the lines of mr::log,
// which begin with a time of day and a letter: "09:14:02.118 I 88,000 records".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "submit/settings.h"

namespace mr::submit {

class LinePattern;  // a compiled regular expression

class LogFilter {
 public:
  // Of --lines, --grep and --stream. Errors: kInvalidArgument for one that makes no sense.
  static Result<LogFilter> Read(const Settings& settings);

  // The lines of a whole log that are wanted.
  std::string Choose(std::string_view text) const;
  // … of a log that grows: the next piece of it. A line that has not ended yet waits for the next call; `last` says
  // that there is none. --lines does not count here.
  std::string Next(std::string_view piece, bool last);

 private:
  enum class Stream : uint8_t { kBoth, kLog, kOutput };
  bool Wants(std::string_view line) const;

  uint64_t lines_ = 0;  // the last so many; 0 = all
  Stream stream_ = Stream::kBoth;
  std::shared_ptr<const LinePattern> pattern_;  // none: every line
  std::string open_line_;
};

}  // namespace mr::submit
