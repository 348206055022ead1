// Lines and blocks of lines. A line belongs to the range in which its first byte lies; a range that
// begins in the middle of a file therefore skips to behind the first newline at or after begin-1.
#include <algorithm>
#include <cstring>
#include <utility>

#include "worker/input/readers.h"

namespace mr::worker {
namespace {

// Reads until a newline is there, looking at every byte once. Offsets are relative to
// buffer.data().
class NewlineFinder {
 public:
  explicit NewlineFinder(InputBuffer& buffer) : buffer_(buffer) {}

  static constexpr size_t kNone = ~size_t{0};

  // The first newline at or behind `from`; kNone at the end of the file.
  Result<size_t> Find(size_t from) {
    for (;;) {
      if (const size_t found = InBuffer(from); found != kNone) return found;
      from = std::max(from, buffer_.size());
      MR_ASSIGN_OR_RETURN(const bool more, buffer_.Fill());
      if (!more) return kNone;
    }
  }

  size_t InBuffer(size_t from) const {
    if (from >= buffer_.size()) return kNone;
    const char* data = buffer_.data();
    const void* found = std::memchr(data + from, '\n', buffer_.size() - from);
    return found == nullptr ? kNone : static_cast<size_t>(static_cast<const char*>(found) - data);
  }

 private:
  InputBuffer& buffer_;
};

// What line and block readers share: where the first line begins.
class TextReader : public RecordReader {
 public:
  TextReader(std::unique_ptr<InputBuffer> buffer, RecordRange range)
      : buffer_(std::move(buffer)),
        range_(range),
        finder_(*buffer_),
        at_line_start_(range.begin == 0) {}

 protected:
  InputBuffer& buffer() { return *buffer_; }
  const RecordRange& range() const { return range_; }
  NewlineFinder& finder() { return finder_; }

  // Brings the buffer to the first byte of a line; false when no further line belongs to the range.
  Result<bool> AtNextLine() {
    while (!at_line_start_ && buffer_->offset() < range_.end) {
      const size_t newline = finder_.InBuffer(0);
      at_line_start_ = newline != NewlineFinder::kNone;
      buffer_->Consume(at_line_start_ ? newline + 1 : buffer_->size());
      if (at_line_start_) break;
      MR_ASSIGN_OR_RETURN(const bool more, buffer_->Fill());
      if (!more) return false;
    }
    if (buffer_->offset() >= range_.end) return false;
    if (buffer_->size() > 0) return true;
    return buffer_->Fill();
  }

  // Tells the batch what is common to all records in it.
  void Deliver(Batch& batch, uint64_t first_offset) {
    batch.records = &records_;
    batch.first_offset = first_offset;
    batch.input_bytes = ConsumedBytes(*buffer_, range_);
  }

  std::vector<mr_bytes> records_;

 private:
  const std::unique_ptr<InputBuffer> buffer_;
  const RecordRange range_;
  NewlineFinder finder_;
  bool at_line_start_;
};

mr_bytes WithoutLineEnd(const char* line, size_t newline) {
  if (newline > 0 && line[newline - 1] == '\r') --newline;
  return {line, newline};
}

class LineReader final : public TextReader {
 public:
  using TextReader::TextReader;

  Result<bool> Next(Batch& batch) override {
    records_.clear();
    MR_ASSIGN_OR_RETURN(const bool more, AtNextLine());
    const uint64_t first_offset = buffer().offset();
    if (more) {
      MR_ASSIGN_OR_RETURN(const size_t newline, finder().Find(0));
      if (newline == NewlineFinder::kNone) {
        TakeUnfinishedLine();
      } else {
        TakeLines(newline);
      }
    }
    Deliver(batch, first_offset);
    return more;
  }

 private:
  void TakeUnfinishedLine() {
    records_.push_back({buffer().data(), buffer().size()});
    buffer().Consume(buffer().size());
  }

  // Takes the line that ends at `newline` and those behind it, without reading any further.
  void TakeLines(size_t newline) {
    const char* data = buffer().data();
    const uint64_t in_range = range().end - buffer().offset();
    const uint64_t stop =
        std::min<uint64_t>(in_range, kBatchBytes);  // no line starts at or behind it
    size_t start = 0;
    do {
      records_.push_back(WithoutLineEnd(data + start, newline - start));
      start = newline + 1;
      newline = start < stop ? finder().InBuffer(start) : NewlineFinder::kNone;
    } while (newline != NewlineFinder::kNone);
    buffer().Consume(start);
  }
};

class BlockReader final : public TextReader {
 public:
  using TextReader::TextReader;

  Result<bool> Next(Batch& batch) override {
    records_.clear();
    MR_ASSIGN_OR_RETURN(const bool more, AtNextLine());
    const uint64_t first_offset = buffer().offset();
    if (more) {
      MR_ASSIGN_OR_RETURN(const size_t length, BlockLength());
      records_.push_back({buffer().data(), length});
      buffer().Consume(length);
    }
    Deliver(batch, first_offset);
    return more;
  }

 private:
  // As many whole lines as make up kBatchBytes, but at least one; the last line of the range is the
  // one that holds its last byte.
  Result<size_t> BlockLength() {
    const uint64_t in_range = range().end - buffer().offset();
    const size_t target = std::min<uint64_t>(in_range, kBatchBytes);
    while (buffer().size() < target) {
      MR_ASSIGN_OR_RETURN(const bool more, buffer().Fill());
      if (!more) return buffer().size();
    }
    if (in_range > kBatchBytes) {
      const void* last = ::memrchr(buffer().data(), '\n', target);
      if (last != nullptr)
        return static_cast<size_t>(static_cast<const char*>(last) - buffer().data()) + 1;
    }
    MR_ASSIGN_OR_RETURN(const size_t newline, finder().Find(target - 1));
    return newline == NewlineFinder::kNone ? buffer().size() : newline + 1;
  }
};

}  // namespace

std::unique_ptr<RecordReader> MakeLineReader(std::unique_ptr<InputBuffer> buffer,
                                             RecordRange range) {
  return std::make_unique<LineReader>(std::move(buffer), range);
}

std::unique_ptr<RecordReader> MakeBlockReader(std::unique_ptr<InputBuffer> buffer,
                                              RecordRange range) {
  return std::make_unique<BlockReader>(std::move(buffer), range);
}

}  // namespace mr::worker
