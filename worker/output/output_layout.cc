#include "worker/output/output_layout.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "common/base/mutants.h"
#include "common/base/strings.h"

namespace mr::worker {
namespace {

std::string JobDirectoryName(JobId job, uint64_t nonce) {
  if (nonce == 0) return ToString(job);
  char text[20];
  std::snprintf(text, sizeof text, "-%016llx", static_cast<unsigned long long>(nonce));
  return ToString(job) + text;
}

std::string_view Extension(wire::Compression compression) {
  switch (compression) {
    case wire::Compression::kGzip:
      return ".gz";
    case wire::Compression::kZstd:
      return ".zst";
    default:
      return "";
  }
}

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.';
}

constexpr size_t kOutputNameBytesMax = 100;

bool ParseNumber(std::string_view text, uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

OutputLayout::OutputLayout(JobId job_id, const wire::JobConfig& config)
    : out(config.output_dir),
      hidden(JoinPath(out, kHiddenDirectory)),
      job(JoinPath(hidden, JobDirectoryName(job_id, config.output_nonce))),
      gone(job + ".gone"),
      success(JoinPath(out, kSuccessFile)) {}

std::string OutputLayout::AttemptDirectory(const AttemptId& attempt) const {
  if (Mutated(Mutant::kL05AttemptsShareTheirFiles)) return JoinPath(job, ToString(attempt.task));
  return JoinPath(job, StrCat(ToString(attempt), "@", attempt.epoch));
}

std::string OutputFileName(std::string_view output, const TaskId& task,
                           wire::Compression compression) {
  char suffix[24];
  std::snprintf(suffix, sizeof suffix, "-%c-%05u", task.phase == Phase::kMap ? 'm' : 'r',
                task.index);
  return StrCat(output, suffix, Extension(compression));
}

Status CheckOutputName(std::string_view name) {
  const bool good = !name.empty() && name.size() <= kOutputNameBytesMax && name != "part" &&
                    name.front() != '.' && name.front() != '_' &&
                    std::all_of(name.begin(), name.end(), IsNameByte);
  if (good) return {};
  return Fail(
      ErrorCode::kInvalidArgument,
      StrCat("'", Printable(name), "' cannot name an output: use 1 to ", kOutputNameBytesMax,
             " letters, digits, '_' and '.', not starting with '.' or '_', and not \"part\""));
}

std::string FormatAnnouncement(const std::vector<wire::OutputFile>& files) {
  std::string text;
  for (const wire::OutputFile& file : files) {
    text +=
        StrCat(file.size_bytes, " ", file.record_count, " ", file.checksum, " ", file.name, "\n");
  }
  return text;
}

std::vector<wire::OutputFile> ParseAnnouncement(std::string_view text) {
  std::vector<wire::OutputFile> files;
  for (size_t end; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
    const std::vector<std::string_view> words = Split(text.substr(0, end), ' ');
    wire::OutputFile file;
    if (words.size() != 4 || !ParseNumber(words[0], file.size_bytes) ||
        !ParseNumber(words[1], file.record_count) || !ParseNumber(words[2], file.checksum)) {
      continue;
    }
    file.name = words[3];
    files.push_back(std::move(file));
  }
  return files;
}

Result<std::vector<wire::OutputFile>> ReadAnnouncements(Env& env,
                                                        const std::string& job_directory) {
  std::vector<wire::OutputFile> all;
  const auto names = env.ListDirectory(job_directory);
  if (!names) {
    if (names.error().code == ErrorCode::kNotFound) return all;
    return Fail(names.error());
  }
  for (const std::string& name : *names) {
    if (name.find('@') == std::string::npos) continue;  // not an attempt's directory
    const auto text = ReadWholeFile(env, JoinPath(JoinPath(job_directory, name), kAnnouncedFile));
    if (!text) {
      if (text.error().code == ErrorCode::kNotFound) continue;  // the attempt did not get that far
      return Fail(text.error());
    }
    for (wire::OutputFile& file : ParseAnnouncement(*text)) all.push_back(std::move(file));
  }
  return all;
}

Result<bool> IsThere(Env& env, const std::string& path) {
  const auto stat = env.Stat(path);
  if (stat) return true;
  if (stat.error().code == ErrorCode::kNotFound) return false;
  return Fail(stat.error());
}

Status IgnoreNotFound(Status status) {
  if (!status && status.error().code == ErrorCode::kNotFound) return {};
  return status;
}

}  // namespace mr::worker
