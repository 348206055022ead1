#include "worker/input/byte_source.h"

#include <algorithm>
#include <utility>

#include "common/base/strings.h"

namespace mr::worker {
namespace {

class PlainSource final : public ByteSource {
 public:
  PlainSource(std::unique_ptr<ReadableFile> file, uint64_t size, uint64_t offset)
      : file_(std::move(file)), size_(size), start_(std::min(offset, size)), position_(start_) {}

  Result<size_t> Read(std::span<char> buffer) override {
    // Never beyond the size seen at opening: a file that is appended to meanwhile gives what was
    // submitted.
    const size_t wanted = std::min<uint64_t>(buffer.size(), size_ - position_);
    if (wanted == 0) return size_t{0};
    MR_ASSIGN_OR_RETURN(const size_t got, file_->ReadAt(position_, buffer.first(wanted)));
    position_ += got;
    if (got < wanted) {
      return Fail(
          ErrorCode::kInvalidArgument,
          StrCat(file_->path(), " shrank from ", size_, " to ", position_,
                 " bytes while it was read; submit the job again when nobody writes to its input"));
    }
    return got;
  }

  uint64_t raw_bytes() const override { return position_ - start_; }
  uint64_t raw_size() const override { return size_; }
  const std::string& path() const override { return file_->path(); }
  void WillNeed(uint64_t bytes) override { file_->AdviseWillNeed(position_, std::min(bytes, size_ - position_)); }

 private:
  const std::unique_ptr<ReadableFile> file_;
  const uint64_t size_;
  const uint64_t start_;
  uint64_t position_;
};

Status CheckUnchanged(const wire::InputFile& file, const FileStat& found, std::string_view when) {
  if (file.mtime_ns == 0) return {};
  if (found.size_bytes == file.size_bytes && found.mtime_ns == file.mtime_ns) return {};
  return Fail(
      ErrorCode::kInvalidArgument,
      StrCat(file.path, " changed ", when, ": it had ", file.size_bytes,
             " bytes and was modified at ", file.mtime_ns, " ns, now it has ", found.size_bytes,
             " bytes and was modified at ", found.mtime_ns, " ns; submit the job again"));
}

}  // namespace

Status CheckStillUnchanged(Env& env, const wire::InputFile& file) {
  const Result<FileStat> stat = env.Stat(file.path);
  if (!stat && stat.error().code == ErrorCode::kNotFound) return {};
  if (!stat) return Fail(stat.error());
  return CheckUnchanged(file, *stat, "while it was read");
}

Result<std::unique_ptr<ByteSource>> OpenByteSource(Env& env, const wire::InputFile& file,
                                                   uint64_t offset, CheckInput check) {
  MR_ASSIGN_OR_RETURN(auto opened, env.OpenForRead(file.path));
  MR_ASSIGN_OR_RETURN(const FileStat stat, opened->Stat());
  if (!stat.is_regular) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat(file.path, " is not a regular file; inputs must be files"));
  }
  if (check == CheckInput::kYes) 
    MR_RETURN_IF_ERROR(CheckUnchanged(file, stat, "since the job was submitted"));
  if (file.compression != wire::Compression::kNone && offset != 0) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat(file.path, " is compressed and cannot be read from byte ", offset,
                       "; it is one split"));
  }
  opened->AdviseSequential();
  auto raw = std::make_unique<PlainSource>(std::move(opened), stat.size_bytes, offset);
  switch (file.compression) {
    case wire::Compression::kNone:
      return raw;
    case wire::Compression::kGzip:
      return MakeGzipSource(std::move(raw));
    case wire::Compression::kZstd:
      return MakeZstdSource(std::move(raw));
    case wire::Compression::kLz4:
    case wire::Compression::kAuto:
      break;
  }
  return Fail(ErrorCode::kUnsupported,
              StrCat(file.path, " has a compression that is not read; use .gz, .zst or none"));
}

}  // namespace mr::worker
