#include "worker/task/serve.h"

#include <poll.h>
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

// News of map outputs come at any time; outside of the fetch they are of no use.
Result<std::optional<wire::ToTask>> NextOrder(FrameSocket& link) {
  for (;;) {
    MR_ASSIGN_OR_RETURN(std::optional<wire::ToTask> message, NextMessage(link));
    if (!message || !std::holds_alternative<wire::SourceUpdate>(*message)) return message;
  }
}

class SocketLink final : public AttemptLink {
 public:
  explicit SocketLink(FrameSocket& link) : link_(link) {}

  Status WaitForCommit(const AttemptId& attempt) override {
    MR_RETURN_IF_ERROR(link_.Send(wire::Encode(wire::FromTaskMessage{wire::ReadyToCommit{attempt}})));
    MR_ASSIGN_OR_RETURN(const std::optional<wire::ToTask> answer, NextOrder(link_));
    if (!answer)
      return Fail(ErrorCode::kCancelled, "the worker went away before the commit was granted");
    const auto* granted = std::get_if<wire::CommitGranted>(&*answer);
    if (granted == nullptr || granted->attempt != attempt) {
      return Fail(ErrorCode::kFenced, StrCat("the worker answered something else than the commit of ",
                                             ToString(attempt)));
    }
    return {};
  }

  Result<std::optional<wire::SourceUpdate>> NextSources(const AttemptId& attempt, Duration wait) override {
    bool waited = wait <= Duration::zero();
    for (;;) {
      MR_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, link_.Next());
      if (!bytes && waited) return std::nullopt;
      if (!bytes) {
        pollfd link{link_.descriptor(), POLLIN, 0};
        ::poll(&link, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(wait).count()));
        waited = true;
        continue;
      }
      MR_ASSIGN_OR_RETURN(wire::ToTaskMessage message, wire::Decode<wire::ToTaskMessage>(*bytes));
      auto* update = std::get_if<wire::SourceUpdate>(&message.body);
      if (update == nullptr)
        return Fail(ErrorCode::kInvalidArgument, "the worker sent something else than news of map outputs");
      if (update->attempt == attempt) return std::move(*update);  // of another one: it is over
    }
  }

  Status SourcesFetched(const AttemptId& attempt) override {
    return link_.Send(wire::Encode(wire::FromTaskMessage{wire::SourcesFetched{attempt}}));
  }

 private:
  FrameSocket& link_;
};

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
  SocketLink attempt_link(link);
  AttemptRunner runner(env, clock, black_box, std::move(*hello), attempt_link);
  for (;;) {
    MR_ASSIGN_OR_RETURN(const std::optional<wire::ToTask> message, NextOrder(link));
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
