#include "worker/output/compressor.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <vector>

#include "common/base/logging.h"
#include "common/base/strings.h"

namespace mr::worker {
namespace {

constexpr size_t kOutBufferBytes = 256u << 10;
constexpr size_t kGzipStepBytes = 1u << 30;  // zlib counts in unsigned int
constexpr int kGzipLevel = 6;                // the default of gzip(1)
constexpr int kGzipWindowBits = 15 + 16;     // the largest window, gzip framing
constexpr int kGzipMemoryLevel = 8;
constexpr int kZstdLevel = 3;  // the default of zstd(1)

tl::unexpected<Error> NoMemory() {
  return Fail(ErrorCode::kNoSpace, "no memory to compress the output");
}

class GzipCompressor final : public Compressor {
 public:
  GzipCompressor() : buffer_(kOutBufferBytes) {}
  ~GzipCompressor() override { deflateEnd(&stream_); }
  GzipCompressor(const GzipCompressor&) = delete;
  GzipCompressor& operator=(const GzipCompressor&) = delete;

  Status Init() {
    const int code = deflateInit2(&stream_, kGzipLevel, Z_DEFLATED, kGzipWindowBits,
                                  kGzipMemoryLevel, Z_DEFAULT_STRATEGY);
    if (code != Z_OK) return NoMemory();
    return {};
  }

  Status Write(std::string_view bytes, bool last, const Put& put) override {
    do {
      const std::string_view step = bytes.substr(0, kGzipStepBytes);
      bytes.remove_prefix(step.size());
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(step.data()));
      stream_.avail_in = static_cast<uInt>(step.size());
      MR_RETURN_IF_ERROR(Deflate(last && bytes.empty() ? Z_FINISH : Z_NO_FLUSH, put));
    } while (!bytes.empty());
    return {};
  }

 private:
  Status Deflate(int flush, const Put& put) {
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
      stream_.avail_out = static_cast<uInt>(buffer_.size());
      const int code = deflate(&stream_, flush);
      CHECK(code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR) << code;
      const size_t made = buffer_.size() - stream_.avail_out;
      if (made > 0) MR_RETURN_IF_ERROR(put({buffer_.data(), made}));
    } while (stream_.avail_out == 0);
    return {};
  }

  std::vector<char> buffer_;
  z_stream stream_ = {};
};

class ZstdCompressor final : public Compressor {
 public:
  ZstdCompressor() : buffer_(kOutBufferBytes), context_(ZSTD_createCCtx()) {}

  Status Init() {
    if (context_ == nullptr) return NoMemory();
    CHECK(
        !ZSTD_isError(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kZstdLevel)));
    CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1)));
    return {};
  }

  Status Write(std::string_view bytes, bool last, const Put& put) override {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    for (;;) {
      ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
      const size_t left =
          ZSTD_compressStream2(context_.get(), &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
      if (ZSTD_isError(left)) return NoMemory();  // nothing else can go wrong here
      if (out.pos > 0) MR_RETURN_IF_ERROR(put({buffer_.data(), out.pos}));
      if (last ? left == 0 : in.pos == in.size) return {};
    }
  }

 private:
  struct FreeContext {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };

  std::vector<char> buffer_;
  const std::unique_ptr<ZSTD_CCtx, FreeContext> context_;
};

template <class T>
Result<std::unique_ptr<Compressor>> Make() {
  auto compressor = std::make_unique<T>();
  MR_RETURN_IF_ERROR(compressor->Init());
  return compressor;
}

}  // namespace

Result<std::unique_ptr<Compressor>> MakeCompressor(wire::Compression compression) {
  switch (compression) {
    case wire::Compression::kNone:
      return std::unique_ptr<Compressor>();
    case wire::Compression::kGzip:
      return Make<GzipCompressor>();
    case wire::Compression::kZstd:
      return Make<ZstdCompressor>();
    case wire::Compression::kLz4:
    case wire::Compression::kAuto:
      break;
  }
  return Fail(ErrorCode::kUnsupported,
              "outputs are compressed with gzip or zstd; lz4 is for the shuffle only");
}

}  // namespace mr::worker
