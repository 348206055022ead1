#include "submit/input_files.h"

#include <algorithm>
#include <cctype>
#include <functional>

#include "common/base/strings.h"
#include "submit/error_codes.h"

namespace mr::submit {
namespace {

constexpr int kDepthMax = 200;  // a loop of links below a directory must end

bool HasWildcard(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}
bool IsHidden(std::string_view name) { return name.starts_with('_') || name.starts_with('.'); }

// The set at the front of `pattern` ("[a-z]…"), tried on `c`; `length` tells how long it is, 0 if
// it is not closed and so is an ordinary '['.
bool MatchSet(std::string_view pattern, char c, size_t& length) {
  size_t i = 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool found = false;
  for (const size_t first = i; i < pattern.size(); ++i) {
    if (pattern[i] == ']' && i > first) {
      length = i + 1;
      return found != negated;
    }
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      found = found || (pattern[i] <= c && c <= pattern[i + 2]);
      i += 2;
    } else {
      found = found || pattern[i] == c;
    }
  }
  length = 0;
  return false;
}

// One step of a match that is not '*': true and the lengths of what was used up.
bool MatchOne(std::string_view pattern, char c, size_t& used) {
  used = 1;
  if (pattern.front() == '?') return true;
  if (pattern.front() == '[') {
    size_t length = 0;
    const bool matched = MatchSet(pattern, c, length);
    if (length > 0) {
      used = length;
      return matched;
    }
  }
  if (pattern.front() == '\\' && pattern.size() > 1) {
    used = 2;
    return pattern[1] == c;
  }
  return pattern.front() == c;
}

class Expander {
 public:
  explicit Expander(Env& env) : env_(env) {}

  Status Add(const InputPattern& pattern) {
    tag_ = pattern.tag;
    MR_ASSIGN_OR_RETURN(const std::string path, AbsolutePath(pattern.text));
    const Result<FileStat> stat = env_.Stat(path);
    if (stat) return AddExisting(path, *stat);
    if (stat.error().code != ErrorCode::kNotFound) return Fail(stat.error());
    if (!HasWildcard(pattern.text)) {
      return Refuse(kCodeInputMissing, ErrorCode::kNotFound,
                    StrCat("input ", pattern.text, " does not exist"));
    }
    const size_t before = files_.size();
    const std::vector<std::string_view> parts = Split(std::string_view(path).substr(1), '/');
    MR_RETURN_IF_ERROR(Glob("/", parts, 0));
    if (files_.size() == before) {
      return Refuse(kCodeNoMatch, ErrorCode::kNotFound,
                    StrCat("input '", pattern.text, "' matches no file"));
    }
    const auto by_path = [](const auto& a, const auto& b) { return a.path < b.path; };
    const auto same = [](const auto& a, const auto& b) { return a.path == b.path; };
    std::sort(files_.begin() + static_cast<ptrdiff_t>(before), files_.end(), by_path);
    files_.erase(std::unique(files_.begin() + static_cast<ptrdiff_t>(before), files_.end(), same),
                 files_.end());
    return {};
  }

  std::vector<wire::InputFile> Take() { return std::move(files_); }

 private:
  Status AddExisting(const std::string& path, const FileStat& stat) {
    if (!stat.is_directory) return AddFile(path, stat);
    const size_t before = files_.size();
    MR_RETURN_IF_ERROR(AddDirectory(path, 0));
    if (files_.size() > before) return {};
    return Refuse(kCodeInputMissing, ErrorCode::kNotFound,
                  StrCat("input directory ", path,
                         " holds no file (names that begin with '_' or '.' do not count)"));
  }

  Status AddFile(const std::string& path, const FileStat& stat) {
    if (!stat.is_regular) {
      return Refuse(kCodeInputMissing, ErrorCode::kInvalidArgument,
                    StrCat("input ", path, " is neither a file nor a directory"));
    }
    files_.push_back(
        wire::InputFile{path, tag_, stat.size_bytes, stat.mtime_ns, CompressionOf(path)});
    return {};
  }

  Status AddDirectory(const std::string& directory, int depth) {
    if (depth > kDepthMax) {
      return Refuse(kCodeInputMissing, ErrorCode::kInvalidArgument,
                    StrCat("input ", directory, " lies more than ", kDepthMax,
                           " folders deep: does a link lead back to a folder above?"));
    }
    MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, env_.ListDirectory(directory));
    for (const std::string& name : names) {
      if (IsHidden(name)) continue;
      const std::string path = JoinPath(directory, name);
      MR_ASSIGN_OR_RETURN(const FileStat stat, env_.Stat(path));
      if (stat.is_directory) {
        MR_RETURN_IF_ERROR(AddDirectory(path, depth + 1));
      } else if (stat.is_regular) {
        MR_RETURN_IF_ERROR(AddFile(path, stat));
      }
    }
    return {};
  }

  Status Glob(const std::string& base, const std::vector<std::string_view>& parts, size_t at) {
    if (at == parts.size()) {
      const Result<FileStat> stat = env_.Stat(base);
      if (!stat) return {};  // vanished, or a dangling link
      return stat->is_directory ? AddDirectory(base, 0) : AddFile(base, *stat);
    }
    const std::string_view part = parts[at];
    if (part == "**") return GlobDeep(base, parts, at, 0);
    if (!HasWildcard(part)) {
      const std::string path = JoinPath(base, part);
      return env_.Exists(path) ? Glob(path, parts, at + 1) : Status();
    }
    const Result<std::vector<std::string>> names = env_.ListDirectory(base);
    if (!names) return {};  // not a directory: nothing matches below it
    for (const std::string& name : *names) {
      if (IsHidden(name) && part.front() != name.front()) continue;
      if (MatchName(part, name)) MR_RETURN_IF_ERROR(Glob(JoinPath(base, name), parts, at + 1));
    }
    return {};
  }

  // "**": the rest of the pattern here, and in every folder below.
  Status GlobDeep(const std::string& base, const std::vector<std::string_view>& parts, size_t at,
                  int depth) {
    if (depth > kDepthMax) return {};
    // A pattern that ends in ** means every file below.
    if (at + 1 == parts.size()) return AddDirectory(base, depth);
    MR_RETURN_IF_ERROR(Glob(base, parts, at + 1));
    const Result<std::vector<std::string>> names = env_.ListDirectory(base);
    if (!names) return {};
    for (const std::string& name : *names) {
      if (IsHidden(name)) continue;
      const std::string path = JoinPath(base, name);
      const Result<FileStat> stat = env_.Stat(path);
      if (stat && stat->is_directory) MR_RETURN_IF_ERROR(GlobDeep(path, parts, at, depth + 1));
    }
    return {};
  }

  Env& env_;
  std::string tag_;
  std::vector<wire::InputFile> files_;
};

}  // namespace

bool MatchName(std::string_view pattern, std::string_view name) {
  // Backtracks to the last '*' only: what an earlier one took does not matter.
  size_t p = 0, n = 0, star = std::string_view::npos, star_n = 0;
  while (n < name.size()) {
    size_t used = 0;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_n = n;
    } else if (p < pattern.size() && MatchOne(pattern.substr(p), name[n], used)) {
      p += used;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_n;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

InputPattern ParseTaggedInput(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos) return {std::string(text), ""};
  const std::string_view tag = text.substr(0, equals);
  const bool is_word = std::all_of(tag.begin(), tag.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
  });
  if (!is_word) return {std::string(text), ""};
  return {std::string(text.substr(equals + 1)), std::string(tag)};
}

wire::Compression CompressionOf(std::string_view path) {
  if (path.ends_with(".gz")) return wire::Compression::kGzip;
  if (path.ends_with(".zst")) return wire::Compression::kZstd;
  return wire::Compression::kNone;
}

Result<std::vector<wire::InputFile>> ExpandInputs(Env& env,
                                                  const std::vector<InputPattern>& patterns) {
  Expander expander(env);
  for (const InputPattern& pattern : patterns) MR_RETURN_IF_ERROR(expander.Add(pattern));
  return expander.Take();
}

}  // namespace mr::submit
