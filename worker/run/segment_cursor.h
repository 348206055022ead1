// Reads the records of one segment, in order, verifying every block.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/io/env.h"
#include "worker/run/block_codec.h"
#include "worker/run/frame.h"
#include "worker/run/segment.h"

namespace mr::worker {

// What a cursor reads: bytes in memory, a range of an open file, or a range of a file to be opened.
struct SegmentInput {
  std::string_view memory;                    // the bytes themselves, which outlive the cursor, or …
  std::shared_ptr<const ReadableFile> file;   // … a file shared by the segments of one run, or …
  std::string path;                           // … one that is opened at the first read
  uint64_t offset = 0;
  uint64_t bytes = 0;
  AttemptId source;  // for messages; job 0: a scratch file of this attempt

  // `segment` must outlive it.
  static SegmentInput From(const Segment& segment);
  // One partition of a run of our own.
  static SegmentInput From(std::shared_ptr<const ReadableFile> file, const PartitionExtent& extent);
};

// One thread. Outside input: every size is bounded, damage is kDataLoss that names the source attempt.
class SegmentCursor {
 public:
  SegmentCursor(Env& env, SegmentInput input);

  // To the next record (the first one, at first). False: at the end, or !status().
  bool Next() {
    const char* next = frame_.data + frame_.size();
    if (next == end_) [[unlikely]] {
      if (!LoadBlock()) return false;
      next = begin_;
    }
    if (!ReadFrame(next, end_, frame_)) [[unlikely]] return Torn();
    ++block_read_;
    prefix_ = KeyPrefix(next + kFrameHeaderBytes, frame_.key_size);
    return true;
  }

  // The current record; valid until Next().
  const Frame& frame() const { return frame_; }
  std::string_view key() const { return frame_.key(); }
  std::string_view value() const { return frame_.value(); }
  uint64_t prefix() const { return prefix_; }
  const Status& status() const { return status_; }
  const SegmentInput& input() const { return input_; }
  uint64_t bytes_read() const { return position_; }

 private:
  // A frame of size 0 before the first block, so that Next needs no special case.
  static constexpr char kNoFrame[kFrameHeaderBytes] = {};

  bool LoadBlock();
  bool Torn();
  Result<bool> NextBlock();
  Result<const char*> NextHeader();
  Result<std::string_view> Stored(const BlockHeader& header);
  Status CheckOrder(const BlockHeader& header);
  Status Open();
  tl::unexpected<Error> Damaged(std::string_view what) const;

  Env& env_;
  SegmentInput input_;
  Status status_;
  uint64_t position_ = 0;  // of the next header, within the segment
  Frame frame_{kNoFrame, 0, 0};
  const char* begin_ = nullptr;
  const char* end_ = kNoFrame + kFrameHeaderBytes;
  uint64_t prefix_ = 0;
  uint32_t block_read_ = 0;   // records of the block given so far …
  uint32_t block_count_ = 0;  // … of so many
  uint32_t partition_ = 0;
  uint32_t sequence_ = 0;
  bool last_seen_ = false;
  char header_[kBlockHeaderBytes] = {};
  bool header_ready_ = false;  // read along with the block before
  ByteBuffer stored_;
  ByteBuffer raw_;
};

}  // namespace mr::worker
