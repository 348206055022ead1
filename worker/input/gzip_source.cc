#include <zlib.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "common/base/logging.h"
#include "common/base/strings.h"
#include "worker/input/byte_source.h"

namespace mr::worker {
namespace {

constexpr int kGzipWindowBits = 15 + 16;  // the largest window, gzip framing

class GzipSource final : public ByteSource {
 public:
  explicit GzipSource(std::unique_ptr<ByteSource> raw)
      : raw_(std::move(raw)), input_(std::min<uint64_t>(kRawBufferBytes, raw_->raw_size() + 1)) {
    CHECK_EQ(inflateInit2(&stream_, kGzipWindowBits), Z_OK);  // fails only without memory
  }
  ~GzipSource() override { inflateEnd(&stream_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  Result<size_t> Read(std::span<char> buffer) override {
    const size_t room = std::min<size_t>(buffer.size(), std::numeric_limits<uInt>::max());
    stream_.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream_.avail_out = static_cast<uInt>(room);
    while (stream_.avail_out > 0) {
      MR_ASSIGN_OR_RETURN(const bool more, PrepareInput());
      if (!more) break;
      MR_RETURN_IF_ERROR(Inflate());
    }
    return room - stream_.avail_out;
  }

  uint64_t raw_bytes() const override { return raw_->raw_bytes(); }
  uint64_t raw_size() const override { return raw_->raw_size(); }
  const std::string& path() const override { return raw_->path(); }

 private:
  // Makes at least one byte of a member available; false at the proper end of the file.
  Result<bool> PrepareInput() {
    for (;;) {
      if (between_members_ && seen_member_) SkipPadding();
      if (stream_.avail_in > 0) break;
      MR_ASSIGN_OR_RETURN(const size_t got, raw_->Read(input_));
      if (got == 0) {
        if (between_members_ && seen_member_) return false;
        return Damaged(seen_member_ || !between_members_
                           ? "the file ends in the middle of its gzip data"
                           : "the file is empty, not even a gzip header");
      }
      stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
      stream_.avail_in = static_cast<uInt>(got);
    }
    if (between_members_ && seen_member_) CHECK_EQ(inflateReset(&stream_), Z_OK);
    between_members_ = false;
    return true;
  }

  // Zero bytes behind a member are padding of tapes and block devices, as for gzip(1).
  void SkipPadding() {
    while (stream_.avail_in > 0 && *stream_.next_in == 0) {
      ++stream_.next_in;
      --stream_.avail_in;
    }
  }

  Status Inflate() {
    const int code = inflate(&stream_, Z_NO_FLUSH);
    if (code == Z_STREAM_END) {
      between_members_ = true;
      seen_member_ = true;
      return {};
    }
    if (code == Z_OK || code == Z_BUF_ERROR) return {};
    if (code == Z_MEM_ERROR)
      return Fail(ErrorCode::kNoSpace, StrCat("no memory to decompress ", path()));
    return Damaged(stream_.msg != nullptr ? stream_.msg : "not gzip data");
  }

  tl::unexpected<Error> Damaged(std::string_view what) const {
    return Fail(ErrorCode::kDataLoss,
                StrCat(path(), " is damaged near byte ", raw_bytes() - stream_.avail_in, " of ",
                       raw_size(), ": ", what, "; check it with gzip -t"));
  }

  const std::unique_ptr<ByteSource> raw_;
  std::vector<char> input_;
  z_stream stream_ = {};
  bool between_members_ = true;
  bool seen_member_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> MakeGzipSource(std::unique_ptr<ByteSource> raw) {
  return std::make_unique<GzipSource>(std::move(raw));
}

}  // namespace mr::worker
