#include "worker/agent/log_tail.h"

#include <algorithm>

namespace mr::worker {

void LogTail::Append(std::string_view bytes) {
  kept_ += bytes;
  new_bytes_ += bytes.size();
  if (kept_.size() > kKeptBytes) kept_.erase(0, kept_.size() - kKeptBytes);
  new_bytes_ = std::min(new_bytes_, kept_.size());
}

void LogTail::Clear() {
  kept_.clear();
  new_bytes_ = 0;
}

std::string LogTail::TakeNew() {
  std::string taken = kept_.substr(kept_.size() - new_bytes_);
  new_bytes_ = 0;
  return taken;
}

std::string LogTail::LastLines(size_t lines) const {
  size_t start = kept_.size();
  if (start > 0 && kept_[start - 1] == '\n') --start;
  for (size_t seen = 0; start > 0; --start) {
    if (kept_[start - 1] == '\n' && ++seen == lines) break;
  }
  return kept_.substr(start);
}

}  // namespace mr::worker
