#include "worker/task/serve.h"

#include <sys/mman.h>

#include <cerrno>
#include <memory>
#include <utility>
#include <variant>

#include "common/base/strings.h"
#include "common/wire/codec.h"
#include "worker/task/attempt_runner.h"
#include "worker/task/limits.h"

namespace mr::worker {
namespace {

// Nothing when the link has closed.
Result<std::optional<wire::ToTask>> NextMessage(FrameSocket& link) {
  MR_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, link.Receive());
  if (!bytes) return std::nullopt;
  MR_ASSIGN_OR_RETURN(wire::ToTaskMessage message, wire::Decode<wire::ToTaskMessage>(*bytes));
  return std::move(message.body);
}

Status WaitForCommit(FrameSocket& link, const AttemptId& attempt) {
  MR_RETURN_IF_ERROR(link.Send(wire::Encode(wire::FromTaskMessage{wire::ReadyToCommit{attempt}})));
  MR_ASSIGN_OR_RETURN(const std::optional<wire::ToTask> answer, NextMessage(link));
  if (!answer)
    return Fail(ErrorCode::kCancelled, "the worker went away before the commit was granted");
  const auto* granted = std::get_if<wire::CommitGranted>(&*answer);
  if (granted == nullptr || granted->attempt != attempt) {
    return Fail(ErrorCode::kFenced, StrCat("the worker answered something else than the commit of ",
                                           ToString(attempt)));
  }
  return {};
}

}  // namespace

Result<BlackBox*> MapBlackBox(int descriptor) {
  void* memory =
      ::mmap(nullptr, sizeof(BlackBox), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) return FailErrno(errno, "cannot map the black box");
  return std::construct_at(static_cast<BlackBox*>(memory));
}

Status ServeAttempts(Env& env, const Clock& clock, FrameSocket& link, BlackBox& black_box) {
  MR_ASSIGN_OR_RETURN(std::optional<wire::ToTask> first, NextMessage(link));
  if (!first) return {};
  auto* hello = std::get_if<wire::TaskHello>(&*first);
  if (hello == nullptr)
    return Fail(ErrorCode::kInvalidArgument, "the worker's first message is no TaskHello");
  const size_t scratch_count = hello->scratch_dirs.size();
  if (scratch_count == 0 || hello->map_output_dirs.size() != scratch_count)
    return Fail(ErrorCode::kInvalidArgument, "the worker's TaskHello does not say where its scratch directories are");
  LimitMemory(hello->memory_limit_bytes);
  AttemptRunner runner(env, clock, black_box, std::move(*hello),
                       [&](const AttemptId& attempt) { return WaitForCommit(link, attempt); });
  for (;;) {
    MR_ASSIGN_OR_RETURN(const std::optional<wire::ToTask> message, NextMessage(link));
    if (!message || std::holds_alternative<wire::TaskGoodbye>(*message)) return {};
    const auto* run = std::get_if<wire::RunAttempt>(&*message);
    if (run == nullptr)
      return Fail(ErrorCode::kInvalidArgument, "the worker sent something else than an attempt");
    if (run->scratch >= scratch_count)
      return Fail(ErrorCode::kInvalidArgument, StrCat("the worker names its scratch directory number ", run->scratch, " of ", scratch_count));
    wire::AttemptOutcome outcome = runner.Run(run->assignment, run->scratch);
    MR_RETURN_IF_ERROR(
        link.Send(wire::Encode(wire::FromTaskMessage{wire::AttemptEnded{std::move(outcome)}})));
  }
}

}  // namespace mr::worker
