// The host's side of an mr_sink: a window of memory that user code fills, handed on when it is full.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/abi/mr_abi.h"
#include "worker/userjob/attempt_context.h"

namespace mr::worker {

// Starts with 64 KiB, if not told otherwise (so that it stays in the cache), grows for larger records, up to 1 GiB. One thread. Does
// not move: the plugin keeps pointers to it.
class WindowSink {
 public:
  static constexpr size_t kFirstBytes = 64u << 10;
  static constexpr size_t kMaxBytes = 1u << 30;  // of one record, or one piece of output
  static constexpr size_t kSlackBytes = 16;      // readable behind the window: hashing loads whole words

  // Takes what was written; false after Fail(): the user code is asked to stop.
  using Consumer = std::function<bool(std::string_view bytes)>;
  // The sink of a named output; nullptr after Fail().
  using Namer = std::function<WindowSink*(std::string_view name)>;

  WindowSink(BlackBox& black_box, Consumer consumer, Namer namer = nullptr, size_t bytes = kFirstBytes);
  WindowSink(const WindowSink&) = delete;
  WindowSink& operator=(const WindowSink&) = delete;

  mr_sink& abi() { return face_.sink; }
  void set_format(uint32_t format) { face_.sink.format = format; }  // MR_OUTPUT_*
  // Hands on what is in the window. False: see failure().
  bool Flush();
  void Fail(wire::Failure failure);
  const std::optional<wire::Failure>& failure() const { return failure_; }

 private:
  struct Face {
    mr_sink sink;  // first: an mr_sink* of ours is a Face*
    WindowSink* owner;
  };
  static WindowSink& Of(mr_sink* sink) { return *reinterpret_cast<Face*>(sink)->owner; }
  static int More(mr_sink* sink, size_t need);
  static mr_sink* Named(mr_sink* sink, mr_bytes name);
  void Resize(size_t bytes);

  Face face_{};
  BlackBox& black_box_;
  Consumer consumer_;
  Namer namer_;
  std::unique_ptr<char[]> window_;
  size_t capacity_ = 0;
  std::optional<wire::Failure> failure_;
};

}  // namespace mr::worker
