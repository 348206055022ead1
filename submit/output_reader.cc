#include "submit/output_reader.h"

#include <zlib.h>
#include <zstd.h>

#include <memory>

#include "common/base/strings.h"
#include "submit/input_files.h"

namespace mr::submit {
namespace {

constexpr size_t kBufferBytes = 256u << 10;

// Decompressors: all of `bytes` in, pieces out. False from the sink ends everything.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual Result<bool> Feed(std::string_view bytes, const ByteSink& sink) = 0;
  virtual bool AtEnd() const = 0;  // of a stream: a file that ends elsewhere is cut off
};

class GzipDecoder final : public Decoder {
 public:
  GzipDecoder() { ready_ = ::inflateInit2(&stream_, 15 + 16) == Z_OK; }
  ~GzipDecoder() override { ::inflateEnd(&stream_); }
  bool AtEnd() const override { return at_end_; }

  Result<bool> Feed(std::string_view bytes, const ByteSink& sink) override {
    if (!ready_) return Fail(ErrorCode::kNoSpace, "no memory for zlib");
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    while (stream_.avail_in > 0) {
      if (at_end_) ::inflateReset(&stream_);  // another member follows
      at_end_ = false;
      stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
      stream_.avail_out = static_cast<uInt>(buffer_.size());
      const int code = ::inflate(&stream_, Z_NO_FLUSH);
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
        return Fail(ErrorCode::kDataLoss, "its gzip data is damaged");
      }
      if (!sink(std::string_view(buffer_.data(), buffer_.size() - stream_.avail_out))) return false;
      at_end_ = code == Z_STREAM_END;
    }
    return true;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
  bool at_end_ = true;
  std::string buffer_ = std::string(kBufferBytes, '\0');
};

class ZstdDecoder final : public Decoder {
 public:
  bool AtEnd() const override { return at_end_; }

  Result<bool> Feed(std::string_view bytes, const ByteSink& sink) override {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    bool more_output = false;
    while (in.pos < in.size || more_output) {
      ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
      const size_t code = ::ZSTD_decompressStream(context_.get(), &out, &in);
      if (::ZSTD_isError(code) != 0) return Fail(ErrorCode::kDataLoss, "its zstd data is damaged");
      if (!sink(std::string_view(buffer_.data(), out.pos))) return false;
      at_end_ = code == 0;
      more_output = out.pos == out.size;
    }
    return true;
  }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ::ZSTD_freeDCtx(context); }
  };
  std::unique_ptr<ZSTD_DCtx, Free> context_{::ZSTD_createDCtx()};
  bool at_end_ = true;
  std::string buffer_ = std::string(kBufferBytes, '\0');
};

class PlainDecoder final : public Decoder {
 public:
  bool AtEnd() const override { return true; }
  Result<bool> Feed(std::string_view bytes, const ByteSink& sink) override { return sink(bytes); }
};

std::unique_ptr<Decoder> MakeDecoder(const std::string& path) {
  switch (CompressionOf(path)) {
    case wire::Compression::kGzip:
      return std::make_unique<GzipDecoder>();
    case wire::Compression::kZstd:
      return std::make_unique<ZstdDecoder>();
    case wire::Compression::kNone:
    case wire::Compression::kLz4:
    case wire::Compression::kAuto:
      break;
  }
  return std::make_unique<PlainDecoder>();
}

bool IsPart(const std::string& name) {
  return name.starts_with("part-r-") || name.starts_with("part-m-");
}

// The number in part-r-00003.gz.
uint64_t PartNumber(const std::string& name) {
  uint64_t number = 0;
  for (size_t i = 7; i < name.size() && name[i] >= '0' && name[i] <= '9'; ++i) {
    number = number * 10 + static_cast<uint64_t>(name[i] - '0');
  }
  return number;
}

}  // namespace

Result<std::vector<std::string>> OutputParts(Env& env, const std::string& path,
                                             std::optional<uint64_t> part) {
  const Result<FileStat> stat = env.Stat(path);
  if (!stat && stat.error().code == ErrorCode::kNotFound) {
    return Fail(ErrorCode::kNotFound, StrCat("there is no output ", path));
  }
  if (!stat) return Fail(stat.error());
  if (!stat->is_directory) return std::vector<std::string>{path};
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, env.ListDirectory(path));
  std::vector<std::string> parts;
  for (const std::string& name : names) {
    if (IsPart(name) && (!part || PartNumber(name) == *part)) parts.push_back(JoinPath(path, name));
  }
  if (!parts.empty()) return parts;
  if (part) return Fail(ErrorCode::kNotFound, StrCat("the output ", path, " has no part ", *part));
  if (env.Exists(JoinPath(path, "_SUCCESS"))) return parts;  // a job may have no output at all
  return Fail(ErrorCode::kNotFound,
              StrCat(path, " holds no output of a job (no part-r-… or part-m-… files)"));
}

Status ReadOutputFile(Env& env, const std::string& path, const ByteSink& sink) {
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<ReadableFile> file, env.OpenForRead(path));
  file->AdviseSequential();
  const std::unique_ptr<Decoder> decoder = MakeDecoder(path);
  std::string buffer(kBufferBytes, '\0');
  for (uint64_t offset = 0;;) {
    MR_ASSIGN_OR_RETURN(const size_t count, file->ReadAt(offset, buffer));
    if (count > 0) {
      const Result<bool> more = decoder->Feed(std::string_view(buffer).substr(0, count), sink);
      if (!more)
        return Fail(more.error().code, StrCat("cannot read ", path, ": ", more.error().text));
      if (!*more) return {};
    }
    offset += count;
    if (count < buffer.size()) break;
  }
  if (!decoder->AtEnd()) {
    return Fail(ErrorCode::kDataLoss,
                StrCat("cannot read ", path, ": its compressed data ends too early"));
  }
  return {};
}

}  // namespace mr::submit
