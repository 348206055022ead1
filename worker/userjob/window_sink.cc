#include "worker/userjob/window_sink.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "common/base/strings.h"
#include "worker/userjob/host_scope.h"

namespace mr::worker {

WindowSink::WindowSink(BlackBox& black_box, Consumer consumer, Namer namer, size_t bytes)
    : black_box_(black_box), consumer_(std::move(consumer)), namer_(std::move(namer)) {
  face_.owner = this;
  face_.sink.size = sizeof(mr_sink);
  face_.sink.more = More;
  face_.sink.named = namer_ ? Named : nullptr;
  Resize(bytes);
}

void WindowSink::Resize(size_t bytes) {
  window_.reset();  // the old one is empty: do not hold both
  window_ = std::make_unique_for_overwrite<char[]>(bytes + kSlackBytes);
  std::memset(window_.get() + bytes, 0, kSlackBytes);
  capacity_ = bytes;
  face_.sink.cursor = window_.get();
  face_.sink.end = window_.get() + bytes;
}

bool WindowSink::Flush() {
  if (failure_) return false;
  char* begin = window_.get();
  char* cursor = face_.sink.cursor;
  face_.sink.cursor = begin;
  if (cursor == begin) return true;
  if (cursor < begin || cursor > begin + capacity_) {
    wire::Failure failure;
    failure.cause = wire::FailureCause::kBadOutput;
    failure.message =
        "the plugin moved the sink's cursor outside of its window: it must call more() before it writes";
    Fail(std::move(failure));
    return false;
  }
  return consumer_(std::string_view(begin, static_cast<size_t>(cursor - begin)));
}

void WindowSink::Fail(wire::Failure failure) {
  if (!failure_) failure_ = std::move(failure);
}

int WindowSink::More(mr_sink* sink, size_t need) {
  WindowSink& self = Of(sink);
  PhaseScope scope(self.black_box_, MR_PHASE_NONE);
  if (!self.Flush()) return 1;
  if (need <= self.capacity_) return 0;
  if (need > kMaxBytes) {
    wire::Failure failure;
    failure.cause = wire::FailureCause::kBadOutput;
    failure.message = StrCat("the plugin wants to write ", FormatSize(need), " at once, more than the ",
                             FormatSize(kMaxBytes), " that one record may have: emit smaller records");
    self.Fail(std::move(failure));
    return 1;
  }
  self.Resize(std::min(std::bit_ceil(need), kMaxBytes));
  return 0;
}

mr_sink* WindowSink::Named(mr_sink* sink, mr_bytes name) {
  WindowSink& self = Of(sink);
  PhaseScope scope(self.black_box_, MR_PHASE_NONE);
  if (self.failure_) return nullptr;
  WindowSink* other = self.namer_(std::string_view(name.data, name.size));
  return other == nullptr ? nullptr : &other->abi();
}

}  // namespace mr::worker
