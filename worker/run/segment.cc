#include "worker/run/segment.h"

#include <algorithm>

#include "common/base/logging.h"

namespace mr::worker {
namespace {

constexpr uint64_t kMappedFrom = 1u << 20;  // a mapping of its own for each small segment would be too many

}  // namespace

void SegmentBytes::Reserve(uint64_t bytes) {
  CHECK(capacity_ == 0);
  if (bytes >= kMappedFrom) {
    large_ = Arena(bytes);
    data_ = large_.data();
  } else {
    small_ = std::make_unique_for_overwrite<char[]>(bytes);
    data_ = small_.get();
  }
  capacity_ = bytes;
}

void SegmentBytes::Append(std::string_view bytes) {
  CHECK_LE(bytes.size(), capacity_ - size_);
  std::copy(bytes.begin(), bytes.end(), data_ + size_);
  size_ += bytes.size();
}

}  // namespace mr::worker
