// grep: the lines that match a POSIX extended regular expression, as file:byte-offset:line. Map only. The file is
// named by its base name (the whole path with -P full_path=true).
#include <regex.h>

#include <mr/mr.hpp>

// glibc's regexec, not std::regex: that one recurses per character and dies on a line of some 100 KiB.
class Pattern {
 public:
  Pattern() = default;
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  ~Pattern() {
    if (compiled_) regfree(&regex_);
  }
  void Compile(const std::string& text, bool ignore_case) {
    const int error = regcomp(&regex_, text.c_str(), REG_EXTENDED | REG_NOSUB | (ignore_case ? REG_ICASE : 0));
    if (error != 0) {
      char why[200];
      regerror(error, &regex_, why, sizeof why);
      throw mr::Fatal("parameter 'pattern': '" + text + "' is not an extended regular expression: " + why);
    }
    compiled_ = true;
    if (!ignore_case && text.find_first_of("\\^$.[]|()?*+{}") == std::string::npos) literal_ = text;
  }
  bool Matches(mr::View line) const {
    if (!literal_.empty()) return line.find(literal_) != mr::View::npos;
    if (line.empty()) line = mr::View("", 0);
    regmatch_t range{0, static_cast<regoff_t>(line.size())};
    return regexec(&regex_, line.data(), 1, &range, REG_STARTEND) == 0;
  }

 private:
  regex_t regex_{};
  bool compiled_ = false;
  std::string literal_;  // the pattern, if it has no special characters
};

struct Grep : mr::MapOnly {
  static constexpr const char* kHelp = "writes the lines that match a pattern";
  mr::Param<std::string> pattern{"pattern", "extended regular expression to look for"};
  mr::Param<bool> ignore_case{"ignore_case", "match letters of either case", false};
  mr::Param<bool> full_path{"full_path", "name files by their whole paths", false};
  mr::Counter matched{"grep", "matched_lines"};
  Pattern compiled;

  void setup(Task&) { compiled.Compile(*pattern, *ignore_case); }
  void map(const mr::Record& line, Out& out) {
    if (!compiled.Matches(line.text)) return;
    ++matched;
    out.line(*full_path ? line.file : mr::base_name(line.file), ':', line.offset, ':', line.text);
  }
};
MR_JOB(Grep);
