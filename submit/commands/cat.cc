// cat: the output of a job, by its id or its directory, in partition order.
#include <algorithm>

#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/output_reader.h"

namespace mr::submit {
namespace {

constexpr uint64_t kSortedBytesMax = 1ull << 30;
constexpr size_t kBatchBytes = 1u << 16;

// The output directory: what is a path, is one; else the job is asked for.
Result<std::string> FindOutput(Invocation& invocation) {
  const std::string text = JobArgument(invocation, 0);
  const bool is_id = text == "last" || ParseJobId(text).has_value();
  if (!is_id || invocation.env.Exists(text)) return text;
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<Cluster> cluster,
                      Cluster::Connect(invocation.settings));
  MR_ASSIGN_OR_RETURN(const JobId id, cluster->FindJob(text));
  MR_ASSIGN_OR_RETURN(const wire::JobView job, cluster->Watch(id, 0, 0));
  if (job.state != wire::JobState::kSucceeded) {
    return Fail(ErrorCode::kNotFound,
                StrCat(ToString(id), " has no output: it ",
                       wire::IsEnded(job.state) ? "did not succeed" : "is not done yet"));
  }
  return job.output_dir;
}

// Passes on whole lines until `left` of them have gone by.
bool TakeLines(Console& console, std::string_view bytes, uint64_t& left) {
  size_t end = 0;
  while (left > 0) {
    const size_t newline = bytes.find('\n', end);
    if (newline == std::string_view::npos) return console.Out(bytes);
    end = newline + 1;
    --left;
  }
  console.Out(bytes.substr(0, end));
  return false;
}

// Every line of the parts, by bytes. Errors: kNoSpace above kSortedBytesMax.
Result<std::vector<std::string>> SortedLines(Env& env, const std::vector<std::string>& parts) {
  std::vector<std::string> lines;
  std::string open;  // the line that has no end yet
  uint64_t bytes = 0;
  for (const std::string& path : parts) {
    MR_RETURN_IF_ERROR(ReadOutputFile(env, path, [&](std::string_view piece) {
      bytes += piece.size();
      for (size_t end; (end = piece.find('\n')) != std::string_view::npos; piece.remove_prefix(end + 1)) {
        open += piece.substr(0, end);
        lines.push_back(std::move(open));
        open.clear();
        bytes += sizeof(std::string);  // short lines take more than their bytes
      }
      open += piece;
      return bytes <= kSortedBytesMax;
    }));
    if (bytes > kSortedBytesMax) {
      return Fail(ErrorCode::kNoSpace, StrCat("the output is larger than ", FormatSize(kSortedBytesMax),
                                              ", which is sorted in memory; use: mrsubmit cat … | LC_ALL=C sort"));
    }
    if (!open.empty()) lines.push_back(std::move(open));
    open.clear();
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

int PrintSorted(Invocation& invocation, const std::vector<std::string>& parts, std::optional<uint64_t> head) {
  const Result<std::vector<std::string>> lines = SortedLines(invocation.env, parts);
  if (!lines) return StopWith(invocation, lines.error());
  const size_t count = static_cast<size_t>(std::min<uint64_t>(lines->size(), head.value_or(UINT64_MAX)));
  std::string batch;
  for (size_t i = 0; i < count; ++i) {
    batch.append((*lines)[i]).push_back('\n');
    const bool full = batch.size() >= kBatchBytes || i + 1 == count;
    if (!full) continue;
    if (!invocation.console.Out(batch)) break;
    batch.clear();
  }
  return kExitDone;
}

}  // namespace

int CatCommand(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const Result<uint64_t> part = settings.Number("part", 0, 0, 1'000'000'000);
  if (!part) return UsageStop(invocation, part.error().text);
  const Result<uint64_t> head = settings.Number("head", 0, 0, UINT64_MAX);
  if (!head) return UsageStop(invocation, head.error().text);
  const Result<std::string> directory = FindOutput(invocation);
  if (!directory) return StopWith(invocation, directory.error());
  std::optional<uint64_t> wanted;
  if (settings.Has("part")) wanted = *part;
  const Result<std::vector<std::string>> parts = OutputParts(invocation.env, *directory, wanted);
  if (!parts) return StopWith(invocation, parts.error());
  if (settings.Flag("sorted"))
    return PrintSorted(invocation, *parts, settings.Has("head") ? std::optional(*head) : std::nullopt);
  uint64_t left = *head;
  bool more = true;
  for (const std::string& path : *parts) {
    if (settings.Has("head") && left == 0) break;
    const Status read = ReadOutputFile(invocation.env, path, [&](std::string_view bytes) {
      more = settings.Has("head") ? TakeLines(invocation.console, bytes, left)
                                  : invocation.console.Out(bytes);
      return more;
    });
    if (!read) return StopWith(invocation, read.error());
    if (!more) break;
  }
  return kExitDone;
}

}  // namespace mr::submit
