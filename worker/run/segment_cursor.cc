#include "worker/run/segment_cursor.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "common/base/strings.h"

namespace mr::worker {

SegmentInput SegmentInput::From(const Segment& segment) {
  SegmentInput input;
  input.source = segment.source;
  input.offset = segment.offset;
  input.bytes = segment.bytes;
  if (segment.path.empty()) {
    // If it holds less than it says, the cursor finds the end missing.
    std::string_view memory = segment.memory.view();
    input.memory = memory.substr(std::min<uint64_t>(segment.offset, memory.size()), segment.bytes);
  } else {
    input.path = segment.path;
  }
  return input;
}

SegmentInput SegmentInput::From(std::shared_ptr<const ReadableFile> file, const PartitionExtent& extent) {
  SegmentInput input;
  input.file = std::move(file);
  input.offset = extent.offset;
  input.bytes = extent.bytes;
  return input;
}

SegmentCursor::SegmentCursor(Env& env, SegmentInput input) : env_(env), input_(std::move(input)) {}

tl::unexpected<Error> SegmentCursor::Damaged(std::string_view what) const {
  bool scratch = input_.source.task.job.value == 0;
  std::string name = scratch ? "scratch run" : StrCat("map output ", ToString(input_.source));
  if (input_.file || !input_.path.empty()) name += " in " + (input_.file ? input_.file->path() : input_.path);
  return Fail(ErrorCode::kDataLoss,
              StrCat(name, " is damaged at byte ", position_, " of its segment: ", what, "; ",
                     scratch ? "check this worker's scratch disk" : "the map has to run again"));
}

bool SegmentCursor::Torn() {
  status_ = Damaged("a record does not end within its block");
  end_ = begin_ = kNoFrame + kFrameHeaderBytes;
  frame_ = {kNoFrame, 0, 0};
  return false;
}

bool SegmentCursor::LoadBlock() {
  if (!status_) return false;
  if (block_read_ != block_count_) {
    status_ = Damaged("a block holds another number of records than it says");
    return false;
  }
  auto loaded = NextBlock();
  if (!loaded) status_ = Fail(std::move(loaded).error());
  return loaded.value_or(false);
}

Result<bool> SegmentCursor::NextBlock() {
  if (position_ == input_.bytes) {
    if (position_ != 0 && !last_seen_) return Damaged("its last block is missing");
    return false;
  }
  MR_RETURN_IF_ERROR(Open());
  MR_ASSIGN_OR_RETURN(const char* header_bytes, NextHeader());
  auto header = ReadBlockHeader(header_bytes);
  if (!header) return Damaged(header.error().text);
  MR_RETURN_IF_ERROR(CheckOrder(*header));
  if (header->stored_bytes > input_.bytes - position_ - kBlockHeaderBytes) {
    return Damaged("its last block is cut short");
  }
  // Reading the payload from a file also reads the next header into place: keep this one.
  char this_header[kBlockHeaderBytes];
  std::memcpy(this_header, header_bytes, kBlockHeaderBytes);
  MR_ASSIGN_OR_RETURN(std::string_view stored, Stored(*header));
  auto raw = DecodeBlock(*header, this_header, stored, raw_);
  if (!raw) return Damaged(raw.error().text);
  if (raw->empty()) return Damaged("it has an empty block");
  position_ += kBlockHeaderBytes + header->stored_bytes;
  block_read_ = 0;
  block_count_ = header->record_count;
  begin_ = raw->data();
  end_ = begin_ + raw->size();
  return true;
}

Status SegmentCursor::CheckOrder(const BlockHeader& header) {
  if (last_seen_) return Damaged("a block follows the last one");
  if (sequence_ == 0) partition_ = header.partition;
  if (header.sequence != sequence_ || header.partition != partition_) {
    return Damaged(StrCat("block ", header.sequence, " of partition ", header.partition, " lies where block ",
                          sequence_, " of partition ", partition_, " belongs"));
  }
  ++sequence_;
  last_seen_ = header.last;
  return {};
}

Status SegmentCursor::Open() {
  if (input_.file || input_.path.empty()) return {};
  MR_ASSIGN_OR_RETURN(std::unique_ptr<ReadableFile> file, env_.OpenForRead(input_.path));
  file->AdviseSequential();
  input_.file = std::move(file);
  return {};
}

Result<const char*> SegmentCursor::NextHeader() {
  if (input_.bytes - position_ < kBlockHeaderBytes) return Damaged("its last block is cut short");
  if (!input_.file) {
    if (input_.memory.size() < position_ + kBlockHeaderBytes) return Damaged("it ends there");
    return input_.memory.data() + position_;
  }
  if (!std::exchange(header_ready_, false)) {
    MR_ASSIGN_OR_RETURN(size_t got,
                        input_.file->ReadAt(input_.offset + position_, std::span(header_, kBlockHeaderBytes)));
    if (got != kBlockHeaderBytes) return Damaged("the file ends there");
  }
  return header_;
}

Result<std::string_view> SegmentCursor::Stored(const BlockHeader& header) {
  uint64_t at = position_ + kBlockHeaderBytes;
  if (!input_.file) {
    if (input_.memory.size() - at < header.stored_bytes) return Damaged("it ends there");
    return input_.memory.substr(at, header.stored_bytes);
  }
  // One read brings the payload and the header after it.
  bool more = input_.bytes - at - header.stored_bytes >= kBlockHeaderBytes;
  size_t want = header.stored_bytes + (more ? kBlockHeaderBytes : 0);
  char* buffer = stored_.Reserve(want);
  MR_ASSIGN_OR_RETURN(size_t got, input_.file->ReadAt(input_.offset + at, std::span(buffer, want)));
  if (got != want) return Damaged("the file ends there");
  if (more) std::memcpy(header_, buffer + header.stored_bytes, kBlockHeaderBytes);
  header_ready_ = more;
  return std::string_view(buffer, header.stored_bytes);
}

}  // namespace mr::worker
