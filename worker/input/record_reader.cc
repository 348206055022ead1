#include "worker/input/record_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/strings.h"
#include "worker/input/readers.h"

namespace mr::worker {
namespace {

class WholeReader final : public RecordReader {
 public:
  WholeReader(std::unique_ptr<InputBuffer> buffer, uint64_t split_bytes)
      : buffer_(std::move(buffer)), split_bytes_(split_bytes) {}

  Result<bool> Next(Batch& batch) override {
    records_.clear();
    const bool first = !std::exchange(done_, true);
    if (first) {
      bool more = true;
      while (more) {
        MR_ASSIGN_OR_RETURN(more, buffer_->Fill());
      }
      records_.push_back({buffer_->data(), buffer_->size()});
    }
    batch = {&records_, 0, std::min(buffer_->source().raw_bytes(), split_bytes_)};
    return first;
  }

 private:
  const std::unique_ptr<InputBuffer> buffer_;
  const uint64_t split_bytes_;
  std::vector<mr_bytes> records_;
  bool done_ = false;
};

class FixedReader final : public RecordReader {
 public:
  FixedReader(std::unique_ptr<InputBuffer> buffer, RecordRange range, uint64_t record_bytes)
      : buffer_(std::move(buffer)), range_(range), record_bytes_(record_bytes) {}

  Result<bool> Next(Batch& batch) override {
    records_.clear();
    const uint64_t first_offset = buffer_->offset();
    if (first_offset < range_.end) {
      MR_RETURN_IF_ERROR(ReadOne());
      TakeRecords();
    }
    batch = {&records_, first_offset, ConsumedBytes(*buffer_, range_)};
    return !records_.empty();
  }

 private:
  Status ReadOne() {
    while (buffer_->size() < record_bytes_) {
      MR_ASSIGN_OR_RETURN(const bool more, buffer_->Fill());
      if (more) continue;
      if (buffer_->size() == 0) return {};
      return Fail(ErrorCode::kInvalidArgument,
                  StrCat(buffer_->source().path(), " has ", buffer_->offset() + buffer_->size(),
                         " bytes, which is not a multiple of the record size ", record_bytes_,
                         ": the last record is torn"));
    }
    return {};
  }

  void TakeRecords() {
    const uint64_t in_range = range_.end - buffer_->offset();
    size_t taken = 0;
    while (taken < in_range && taken < kBatchBytes && buffer_->size() - taken >= record_bytes_) {
      records_.push_back({buffer_->data() + taken, record_bytes_});
      taken += record_bytes_;
    }
    buffer_->Consume(taken);
  }

  const std::unique_ptr<InputBuffer> buffer_;
  const RecordRange range_;
  const uint64_t record_bytes_;
  std::vector<mr_bytes> records_;
};

// Nothing starts in this split.
class EmptyReader final : public RecordReader {
 public:
  explicit EmptyReader(uint64_t split_bytes) : split_bytes_(split_bytes) {}
  Result<bool> Next(Batch& batch) override {
    batch = {&records_, 0, split_bytes_};
    return false;
  }

 private:
  const uint64_t split_bytes_;
  const std::vector<mr_bytes> records_;
};

Status CheckRecordBytes(const wire::Split& split, uint64_t record_bytes) {
  if (record_bytes >= 1 && record_bytes <= kRecordBytesMax) return {};
  return Fail(ErrorCode::kInvalidArgument,
              StrCat("cannot read ", split.file.path, " in records of ", record_bytes,
                     " bytes; fixed:N takes 1 to ", kRecordBytesMax));
}

// The first multiple of `record_bytes` at or behind `offset`.
uint64_t RoundUp(uint64_t offset, uint64_t record_bytes) {
  return (offset + record_bytes - 1) / record_bytes * record_bytes;
}

// Where reading must start to find the first record of the split.
uint64_t StartOffset(const wire::Split& split, wire::InputFormat format, uint64_t record_bytes) {
  switch (format) {
    case wire::InputFormat::kLines:
    case wire::InputFormat::kBlocks:
      return split.begin == 0 ? 0 : split.begin - 1;
    case wire::InputFormat::kFixed:
      return RoundUp(split.begin, record_bytes);
    case wire::InputFormat::kWhole:
      break;
  }
  return 0;
}

}  // namespace

uint64_t ConsumedBytes(InputBuffer& buffer, RecordRange range) {
  if (range.end == kToTheEnd) return buffer.source().raw_bytes();
  return std::clamp(buffer.offset(), range.begin, range.end) - range.begin;
}

std::unique_ptr<RecordReader> MakeWholeReader(std::unique_ptr<InputBuffer> buffer,
                                              uint64_t split_bytes) {
  return std::make_unique<WholeReader>(std::move(buffer), split_bytes);
}

std::unique_ptr<RecordReader> MakeFixedReader(std::unique_ptr<InputBuffer> buffer,
                                              RecordRange range, uint64_t record_bytes) {
  return std::make_unique<FixedReader>(std::move(buffer), range, record_bytes);
}

Result<std::unique_ptr<RecordReader>> RecordReader::Open(Env& env, const wire::Split& split,
                                                         wire::InputFormat format,
                                                         uint64_t record_bytes) {
  if (split.begin > split.end) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("the split [", split.begin, ", ", split.end, ") of ", split.file.path,
                       " ends before it begins"));
  }
  if (format == wire::InputFormat::kFixed)
    MR_RETURN_IF_ERROR(CheckRecordBytes(split, record_bytes));
  const uint64_t start = StartOffset(split, format, record_bytes);
  MR_ASSIGN_OR_RETURN(auto source, OpenByteSource(env, split.file, start, CheckInput::kYes));
  const bool compressed = split.file.compression != wire::Compression::kNone;
  // A file whose records are counted from its front is wrong as a whole: say so before any work is
  // done.
  if (format == wire::InputFormat::kFixed && !compressed &&
      source->raw_size() % record_bytes != 0) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat(split.file.path, " has ", source->raw_size(),
                       " bytes, which is not a multiple of the record size ", record_bytes));
  }
  const bool whole = format == wire::InputFormat::kWhole;
  if (whole ? split.begin > 0 : (split.begin == split.end && !compressed)) {
    return std::make_unique<EmptyReader>(split.end - split.begin);
  }
  const RecordRange range{split.begin, compressed ? kToTheEnd : split.end};
  const uint64_t buffer_end = whole && !compressed ? source->raw_size() : range.end;
  auto buffer = std::make_unique<InputBuffer>(std::move(source), start, buffer_end);
  switch (format) {
    case wire::InputFormat::kLines:
      return MakeLineReader(std::move(buffer), range);
    case wire::InputFormat::kBlocks:
      return MakeBlockReader(std::move(buffer), range);
    case wire::InputFormat::kFixed:
      return MakeFixedReader(std::move(buffer), range, record_bytes);
    case wire::InputFormat::kWhole:
      return MakeWholeReader(std::move(buffer), split.end);
  }
  return Fail(ErrorCode::kUnsupported, StrCat("unknown input format ", static_cast<int>(format)));
}

}  // namespace mr::worker
