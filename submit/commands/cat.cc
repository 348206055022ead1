// cat: the output of a job, by its id or its directory, in partition order.
#include <algorithm>

#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/output_reader.h"

namespace mr::submit {
namespace {

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
