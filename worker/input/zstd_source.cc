#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/logging.h"
#include "common/base/strings.h"
#include "worker/input/byte_source.h"

namespace mr::worker {
namespace {

// 128 MiB, what zstd(1) accepts without --long: the decoder must not eat the task's memory.
constexpr int kWindowLogMax = 27;

class ZstdSource final : public ByteSource {
 public:
  explicit ZstdSource(std::unique_ptr<ByteSource> raw)
      : raw_(std::move(raw)),
        input_(std::min<uint64_t>(kRawBufferBytes, raw_->raw_size() + 1)),
        context_(ZSTD_createDCtx()) {
    CHECK(context_ != nullptr);  // fails only without memory
    CHECK(
        !ZSTD_isError(ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kWindowLogMax)));
  }

  Result<size_t> Read(std::span<char> buffer) override {
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    while (out.pos < out.size) {
      if (in_.pos == in_.size && !output_pending_) {
        MR_ASSIGN_OR_RETURN(const bool more, Refill());
        if (!more) break;
      }
      const size_t code = ZSTD_decompressStream(context_.get(), &out, &in_);
      if (ZSTD_isError(code)) return Refuse(code);
      frame_done_ = code == 0;
      // A full output buffer may mean that the decoder holds back more.
      output_pending_ = out.pos == out.size && !frame_done_;
    }
    return out.pos;
  }

  uint64_t raw_bytes() const override { return raw_->raw_bytes(); }
  uint64_t raw_size() const override { return raw_->raw_size(); }
  const std::string& path() const override { return raw_->path(); }

 private:
  struct FreeContext {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };

  // False at the proper end of the file.
  Result<bool> Refill() {
    MR_ASSIGN_OR_RETURN(const size_t got, raw_->Read(input_));
    if (got > 0) {
      in_ = {input_.data(), got, 0};
      seen_input_ = true;
      return true;
    }
    if (seen_input_ && frame_done_) return false;
    return Damaged(seen_input_ ? "the file ends in the middle of its zstd data"
                               : "the file is empty, not even a zstd header");
  }

  tl::unexpected<Error> Refuse(size_t code) const {
    switch (ZSTD_getErrorCode(code)) {
      case ZSTD_error_frameParameter_windowTooLarge:
        return Fail(
            ErrorCode::kUnsupported,
            StrCat(path(), " needs a window above the limit of ", FormatSize(1u << kWindowLogMax),
                   "; compress it again without --long, or with --long=", kWindowLogMax));
      case ZSTD_error_memory_allocation:
        return Fail(ErrorCode::kNoSpace, StrCat("no memory to decompress ", path()));
      default:
        return Damaged(ZSTD_getErrorName(code));
    }
  }

  tl::unexpected<Error> Damaged(std::string_view what) const {
    return Fail(ErrorCode::kDataLoss,
                StrCat(path(), " is damaged near byte ", raw_bytes() - (in_.size - in_.pos), " of ",
                       raw_size(), ": ", what, "; check it with zstd -t"));
  }

  const std::unique_ptr<ByteSource> raw_;
  std::vector<char> input_;
  const std::unique_ptr<ZSTD_DCtx, FreeContext> context_;
  ZSTD_inBuffer in_ = {nullptr, 0, 0};
  bool output_pending_ = false;
  bool frame_done_ = false;
  bool seen_input_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> MakeZstdSource(std::unique_ptr<ByteSource> raw) {
  return std::make_unique<ZstdSource>(std::move(raw));
}

}  // namespace mr::worker
