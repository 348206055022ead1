#include "common/base/ids.h"

#include <charconv>

#include "common/base/strings.h"

namespace mr {
namespace {

char PhaseLetter(Phase phase) {
  switch (phase) {
    case Phase::kMap: return 'm';
    case Phase::kReduce: return 'r';
    case Phase::kFinish: return 'c';
  }
  return '?';
}

// Takes a decimal number off the front of `text`.
template <class T>
bool TakeNumber(std::string_view& text, T& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool TakeLetter(std::string_view& text, char letter) {
  if (text.empty() || text.front() != letter) return false;
  text.remove_prefix(1);
  return true;
}

bool TakeJob(std::string_view& text, JobId& job) {
  return TakeLetter(text, 'j') && TakeNumber(text, job.value) && job.value != 0;
}

bool TakeTask(std::string_view& text, TaskId& task) {
  if (!TakeJob(text, task.job) || !TakeLetter(text, '-')) return false;
  if (TakeLetter(text, 'm')) task.phase = Phase::kMap;
  else if (TakeLetter(text, 'r')) task.phase = Phase::kReduce;
  else if (TakeLetter(text, 'c')) task.phase = Phase::kFinish;
  else return false;
  return TakeNumber(text, task.index);
}

tl::unexpected<Error> Malformed(std::string_view what, std::string_view text, std::string_view example) {
  return Fail(ErrorCode::kInvalidArgument,
              StrCat("'", text, "' is not ", what, "; they look like ", example));
}

}  // namespace

std::string_view PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kMap: return "map";
    case Phase::kReduce: return "reduce";
    case Phase::kFinish: return "finish";
  }
  return "?";
}

std::string ToString(JobId id) { return StrCat("j", id.value); }
std::string ToString(const TaskId& id) {
  return StrCat(ToString(id.job), "-", std::string(1, PhaseLetter(id.phase)), id.index);
}
std::string ToString(const AttemptId& id) { return StrCat(ToString(id.task), ".", id.number); }
std::string ToString(WorkerId id) { return StrCat("w", id.value); }
std::string ToString(const WorkerRef& ref) { return StrCat(ToString(ref.worker), "@", ref.session.value); }

Result<JobId> ParseJobId(std::string_view text) {
  std::string_view rest = text;
  JobId job;
  if (TakeJob(rest, job) && rest.empty()) return job;
  return Malformed("a job id", text, "j42");
}

Result<TaskId> ParseTaskId(std::string_view text) {
  std::string_view rest = text;
  TaskId task;
  if (TakeTask(rest, task) && rest.empty()) return task;
  return Malformed("a task id", text, "j42-m107 or j42-r3");
}

Result<AttemptId> ParseAttemptId(std::string_view text) {
  std::string_view rest = text;
  AttemptId attempt;
  if (TakeTask(rest, attempt.task) && TakeLetter(rest, '.') && TakeNumber(rest, attempt.number) &&
      rest.empty()) {
    return attempt;
  }
  return Malformed("an attempt id", text, "j42-m107.2");
}

}  // namespace mr
