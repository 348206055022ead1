#include "worker/map/combiner.h"

#include <utility>

#include "common/base/strings.h"
#include "worker/map/collector.h"

namespace mr::worker {

Combiner::Combiner(UserJob& job, AttemptContext& context)
    : job_(job),
      context_(context),
      sink_(context.black_box, [this](std::string_view frames) { return Take(frames); }) {}

void Combiner::Count(const char* name, uint64_t count) {
  context_.counters[name] += static_cast<int64_t>(count);
}

bool Combiner::Refuse(std::string message, std::string_view key) {
  wire::Failure failure;
  failure.cause = wire::FailureCause::kBadOutput;
  failure.function = "combine";
  failure.message = std::move(message);
  failure.excerpt = key.substr(0, 256);
  sink_.Fail(std::move(failure));
  return false;
}

bool Combiner::Take(std::string_view frames) {
  std::string_view group = groups_name_(stream_);
  const char* at = frames.data();
  const char* end = at + frames.size();
  uint64_t count = 0;
  Frame frame;
  for (; at != end; at += frame.size(), ++count) {
    if (!ReadFrame(at, end, frame)) {
      wire::Failure failure = TornFrame(static_cast<size_t>(at - frames.data()), frames.size());
      return Refuse(std::move(failure.message), group);
    }
    if (job_.GroupOf(frame.key()) != group) {
      return Refuse(StrCat("combine() was given the group \"", Printable(group, 64), "\" and emitted the key \"",
                           Printable(frame.key(), 64), "\": a combiner has to keep to its group"),
                    frame.key());
    }
    if (any_ && frame.key() < last_key_) {
      return Refuse(StrCat("combine() emitted the key \"", Printable(frame.key(), 64), "\" after \"",
                           Printable(last_key_, 64), "\": a combiner has to emit keys in order"),
                    frame.key());
    }
    any_ = true;
    last_key_.assign(frame.key());
    if (!run_->Append(frame)) {
      sink_.Fail(FailureOf(run_->status().error()));
      return false;
    }
  }
  output_records_ += count;
  return true;
}

}  // namespace mr::worker
