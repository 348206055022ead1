#include "worker/run/segment.h"

#include <algorithm>

#include "common/base/logging.h"

namespace mr::worker {

void SegmentBytes::Reserve(uint64_t bytes) {
  CHECK(capacity_ == 0);
  data_ = std::make_unique_for_overwrite<char[]>(bytes);
  capacity_ = bytes;
}

void SegmentBytes::Append(std::string_view bytes) {
  CHECK_LE(bytes.size(), capacity_ - size_);
  std::copy(bytes.begin(), bytes.end(), data_.get() + size_);
  size_ += bytes.size();
}

}  // namespace mr::worker
