#include "worker/input/input_buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/strings.h"

namespace mr::worker {

InputBuffer::InputBuffer(std::unique_ptr<ByteSource> source, uint64_t offset, uint64_t split_end)
    : source_(std::move(source)), split_end_(split_end), offset_(offset) {}

Result<bool> InputBuffer::Fill() {
  if (size() > kRecordBytesMax) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("the record at byte ", offset_, " of ", source_->path(),
                       " is longer than the limit of ", FormatSize(kRecordBytesMax),
                       "; choose an input format that cuts it"));
  }
  MakeRoom();
  const uint64_t read_to = offset_ + size();
  const uint64_t wanted =
      read_to < split_end_ ? std::min<uint64_t>(kReadBytes, split_end_ - read_to) : kOverreadBytes;
  const size_t room = std::min<uint64_t>(capacity_ - end_, wanted);
  AskAhead(read_to + room);
  MR_ASSIGN_OR_RETURN(const size_t got, source_->Read({bytes_.get() + end_, room}));
  end_ += got;
  return got > 0;
}

// While these bytes are parsed and mapped, the disk fetches what comes behind them, a few reads at a time.
void InputBuffer::AskAhead(uint64_t read_to) {
  if (read_to >= split_end_ || asked_to_ >= std::min(split_end_, read_to + kReadBytes)) return;
  const uint64_t from = offset_ + size();
  asked_to_ = std::min(split_end_, read_to + kAheadBytes);
  source_->WillNeed(asked_to_ - from);
}

void InputBuffer::MakeRoom() {
  if (capacity_ == 0) {
    // Small files and splits get a small buffer: a task may read thousands of them.
    const uint64_t split_bytes = split_end_ - std::min(offset_, split_end_);
    capacity_ = std::min<uint64_t>(kReadBytes, split_bytes) + kOverreadBytes;
    bytes_ = std::make_unique_for_overwrite<char[]>(capacity_);
    return;
  }
  if (begin_ > 0) {
    std::memmove(bytes_.get(), data(), size());
    end_ -= std::exchange(begin_, 0);
  }
  if (end_ <= capacity_ / 2) return;
  capacity_ *= 2;
  auto larger = std::make_unique_for_overwrite<char[]>(capacity_);
  std::memcpy(larger.get(), bytes_.get(), end_);
  bytes_ = std::move(larger);
}

}  // namespace mr::worker
