#include "worker/output/part_file.h"

#include <utility>

#include "common/base/mutants.h"
#include "common/io/writeback.h"

namespace mr::worker {
namespace {

// Large enough for disks that like long writes, small enough that the fsync at the end has little left.
constexpr uint64_t kWritebackBytes = 8u << 20;

}  // namespace

Result<std::unique_ptr<PartFile>> PartFile::Create(Env& env, const std::string& directory,
                                                   std::string name, wire::Compression compression,
                                                   size_t buffer_bytes) {
  std::string path = JoinPath(directory, name);
  MR_ASSIGN_OR_RETURN(auto compressor, MakeCompressor(compression));
  MR_ASSIGN_OR_RETURN(auto file, env.CreateNew(path));
  return std::make_unique<PartFile>(std::move(path), std::move(name), buffer_bytes, std::move(file),
                                    std::move(compressor));
}

PartFile::PartFile(std::string path, std::string name, size_t buffer_bytes,
                   std::unique_ptr<WritableFile> file, std::unique_ptr<Compressor> compressor)
    : path_(std::move(path)),
      buffer_bytes_(buffer_bytes),
      file_(std::move(file)),
      compressor_(std::move(compressor)) {
  info_.name = std::move(name);
}

Status PartFile::Append(std::string_view bytes) {
  if (!status_) return status_;
  const bool large = bytes.size() >= buffer_bytes_ / 2;  // not worth a copy
  if (large || buffer_.size() + bytes.size() > buffer_bytes_) {
    MR_RETURN_IF_ERROR(Write(buffer_, false));
    buffer_.clear();
    if (large) return Write(bytes, false);
  }
  if (buffer_.capacity() < buffer_bytes_) buffer_.reserve(buffer_bytes_);
  buffer_.append(bytes);
  return {};
}

Status PartFile::Finish() {
  if (!status_) return status_;
  MR_RETURN_IF_ERROR(Write(buffer_, true));
  buffer_ = {};
  if (!Mutated(Mutant::kL06PublishesUnsynced)) status_ = file_->Sync();
  if (status_) status_ = file_->Close();
  info_.checksum = hash_.Digest();
  return status_;
}

Status PartFile::Write(std::string_view bytes, bool last) {
  status_ =
      compressor_ == nullptr
          ? Put(bytes)
          : compressor_->Write(bytes, last, [this](std::string_view made) { return Put(made); });
  return status_;
}

Status PartFile::Put(std::string_view bytes) {
  if (bytes.empty()) return {};
  hash_.Update(bytes);
  info_.size_bytes += bytes.size();
  MR_RETURN_IF_ERROR(file_->Append(bytes));
  if (info_.size_bytes - handed_on_ >= kWritebackBytes) {
    handed_on_ = info_.size_bytes;
    BeginWriteback(*file_);
  }
  return {};
}

}  // namespace mr::worker
