// The last part of what a task wrote to stdout and stderr.
#pragma once

#include <string>
#include <string_view>

namespace mr::worker {

// Bounded. One thread.
class LogTail {
 public:
  static constexpr size_t kKeptBytes = 64u << 10;
  static constexpr size_t kTailLines = 20;

  void Append(std::string_view bytes);
  void Clear();           // a new attempt begins
  std::string TakeNew();  // what came since the last TakeNew, at most kKeptBytes
  std::string LastLines(size_t lines = kTailLines) const;

 private:
  std::string kept_;
  size_t new_bytes_ = 0;  // at the end of kept_
};

}  // namespace mr::worker
