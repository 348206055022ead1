#include "submit/log_filter.h"

#include <regex.h>

#include <utility>

#include "common/base/strings.h"

namespace mr::submit {

// regexec, not std::regex: that one recurses per character and dies on a line of some 100 KiB.
class LinePattern {
 public:
  LinePattern() = default;
  LinePattern(const LinePattern&) = delete;
  LinePattern& operator=(const LinePattern&) = delete;
  ~LinePattern() {
    if (compiled_) ::regfree(&regex_);
  }
  Status Compile(const std::string& text) {
    const int error = ::regcomp(&regex_, text.c_str(), REG_EXTENDED | REG_NOSUB);
    compiled_ = error == 0;
    if (compiled_) return {};
    char why[200];
    ::regerror(error, &regex_, why, sizeof why);
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("--grep: '", text, "' is not an extended regular expression: ", why));
  }
  bool Matches(std::string_view line) const {
    if (line.empty()) line = std::string_view("", 0);
    regmatch_t range{0, static_cast<regoff_t>(line.size())};
    return ::regexec(&regex_, line.data(), 1, &range, REG_STARTEND) == 0;
  }

 private:
  regex_t regex_{};
  bool compiled_ = false;
};

namespace {

// "09:14:02.118 I " begins a line of mr::log.
bool IsLogLine(std::string_view line) {
  constexpr std::string_view kShape = "00:00:00.000 L ";
  if (line.size() < kShape.size()) return false;
  for (size_t i = 0; i < kShape.size(); ++i) {
    const bool digit = line[i] >= '0' && line[i] <= '9';
    const bool letter = line[i] == '?' || (line[i] >= 'A' && line[i] <= 'Z');
    const bool fits = kShape[i] == '0' ? digit : kShape[i] == 'L' ? letter : line[i] == kShape[i];
    if (!fits) return false;
  }
  return true;
}

// The last `count` lines of `text`; 0 = all.
std::string_view LastLines(std::string_view text, uint64_t count) {
  if (count == 0 || text.empty()) return text;
  size_t at = text.ends_with('\n') ? text.size() - 1 : text.size();
  for (uint64_t lines = 0; lines < count; ++lines) {
    if (at == 0) return text;
    at = text.rfind('\n', at - 1);
    if (at == std::string_view::npos) return text;
  }
  return text.substr(at + 1);
}

}  // namespace

Result<LogFilter> LogFilter::Read(const Settings& settings) {
  LogFilter filter;
  MR_ASSIGN_OR_RETURN(filter.lines_, settings.Number("lines", 0, 0, 1'000'000'000));
  if (settings.Has("stream")) {
    MR_ASSIGN_OR_RETURN(const size_t stream, settings.Choice("stream", {"log", "output"}, 0));
    filter.stream_ = stream == 0 ? Stream::kLog : Stream::kOutput;
  }
  if (settings.Has("grep")) {
    auto pattern = std::make_shared<LinePattern>();
    MR_RETURN_IF_ERROR(pattern->Compile(settings.Get("grep")));
    filter.pattern_ = std::move(pattern);
  }
  return filter;
}

bool LogFilter::Wants(std::string_view line) const {
  if (stream_ != Stream::kBoth && IsLogLine(line) != (stream_ == Stream::kLog)) return false;
  return !pattern_ || pattern_->Matches(line);
}

std::string LogFilter::Choose(std::string_view text) const {
  LogFilter all = *this;
  return std::string(LastLines(all.Next(text, true), lines_));
}

std::string LogFilter::Next(std::string_view piece, bool last) {
  if (stream_ == Stream::kBoth && !pattern_) return std::string(piece);
  open_line_ += piece;
  std::string chosen;
  size_t begin = 0;
  for (size_t end; (end = open_line_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string_view line = std::string_view(open_line_).substr(begin, end - begin);
    if (Wants(line)) chosen.append(line).push_back('\n');
  }
  open_line_.erase(0, begin);
  if (last && !open_line_.empty()) {
    if (Wants(open_line_)) chosen += open_line_;
    open_line_.clear();
  }
  return chosen;
}

}  // namespace mr::submit
