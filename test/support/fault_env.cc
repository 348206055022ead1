#include "test/support/fault_env.h"

#include <algorithm>
#include <utility>

#include "common/base/strings.h"

namespace mr::test {
namespace {

class FaultReadableFile final : public ReadableFile {
 public:
  FaultReadableFile(FaultEnv& env, std::unique_ptr<ReadableFile> base)
      : env_(env), base_(std::move(base)) {}
  Result<size_t> ReadAt(uint64_t offset, std::span<char> buffer) const override {
    const Fault fault = env_.Decide("ReadAt", path());
    if (fault != Fault::kNone && fault != Fault::kFlip) return env_.Failure("ReadAt", path());
    auto got = base_->ReadAt(offset, buffer);
    if (fault == Fault::kFlip && got && *got > 0) buffer[*got / 2] ^= 0x10;
    return got;
  }
  Result<FileStat> Stat() const override {
    const Fault fault = env_.Decide("FileStat", path());
    if (fault != Fault::kNone && fault != Fault::kFlip) return env_.Failure("FileStat", path());
    return base_->Stat();
  }
  const std::string& path() const override { return base_->path(); }

 private:
  FaultEnv& env_;
  const std::unique_ptr<ReadableFile> base_;
};

class FaultWritableFile final : public WritableFile {
 public:
  FaultWritableFile(FaultEnv& env, std::unique_ptr<WritableFile> base)
      : env_(env), base_(std::move(base)) {}

  Status Append(std::string_view bytes) override {
    const Fault fault = env_.Decide("Append", path());
    if (fault == Fault::kFail) return env_.Failure("Append", path());
    if (fault == Fault::kTorn) bytes = bytes.substr(0, bytes.size() / 2);
    const uint64_t fits = env_.TakeSpace(bytes.size());
    MR_RETURN_IF_ERROR(base_->Append(bytes.substr(0, fits)));
    if (fits < bytes.size())
      return Fail(ErrorCode::kNoSpace, StrCat("cannot write to ", path(), ": no space"));
    if (fault == Fault::kTorn || fault == Fault::kFailAfter) return env_.Failure("Append", path());
    return {};
  }
  Status Sync() override { return Pass("Sync", &WritableFile::Sync); }
  Status Close() override { return Pass("Close", &WritableFile::Close); }
  uint64_t size_bytes() const override { return base_->size_bytes(); }
  const std::string& path() const override { return base_->path(); }

 private:
  Status Pass(const char* op, Status (WritableFile::*call)()) {
    const Fault fault = env_.Decide(op, path());
    if (fault == Fault::kFail || fault == Fault::kTorn) return env_.Failure(op, path());
    MR_RETURN_IF_ERROR(((*base_).*call)());
    if (fault == Fault::kFailAfter) return env_.Failure(op, path());
    return {};
  }

  FaultEnv& env_;
  const std::unique_ptr<WritableFile> base_;
};

class FaultInPlaceFile final : public InPlaceFile {
 public:
  FaultInPlaceFile(FaultEnv& env, std::unique_ptr<InPlaceFile> base)
      : env_(env), base_(std::move(base)) {}

  Status WriteAt(uint64_t offset, std::string_view bytes) override {
    const Fault fault = env_.Decide("WriteAt", path());
    if (fault == Fault::kFail) return env_.Failure("WriteAt", path());
    if (fault == Fault::kTorn) bytes = bytes.substr(0, bytes.size() / 2);
    MR_RETURN_IF_ERROR(base_->WriteAt(offset, bytes));
    if (fault == Fault::kTorn || fault == Fault::kFailAfter)
      return env_.Failure("WriteAt", path());
    return {};
  }
  Status SyncData() override {
    const Fault fault = env_.Decide("SyncData", path());
    if (fault == Fault::kFail || fault == Fault::kTorn) return env_.Failure("SyncData", path());
    MR_RETURN_IF_ERROR(base_->SyncData());
    if (fault == Fault::kFailAfter) return env_.Failure("SyncData", path());
    return {};
  }
  const std::string& path() const override { return base_->path(); }

 private:
  FaultEnv& env_;
  const std::unique_ptr<InPlaceFile> base_;
};

}  // namespace

void FaultEnv::SetPlan(Plan plan, ErrorCode code) {
  const std::scoped_lock lock(mutex_);
  plan_ = std::move(plan);
  code_ = code;
}

void FaultEnv::CrashAt(uint64_t number, Fault first) {
  SetPlan([number, first](const FaultCall& call) {
    if (call.number < number) return Fault::kNone;
    return call.number == number ? first : Fault::kFail;
  });
}

void FaultEnv::FailOnce(uint64_t number, Fault fault, ErrorCode code) {
  SetPlan([number,
           fault](const FaultCall& call) { return call.number == number ? fault : Fault::kNone; },
          code);
}

void FaultEnv::LimitSpace(uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  space_bytes_ = bytes;
}

void FaultEnv::Heal() {
  SetPlan(nullptr);
  LimitSpace(~uint64_t{0});
}

uint64_t FaultEnv::call_count() const {
  const std::scoped_lock lock(mutex_);
  return call_count_;
}

void FaultEnv::ForgetCalls() {
  const std::scoped_lock lock(mutex_);
  remember_calls_ = false;
}

std::vector<FaultCall> FaultEnv::calls() const {
  const std::scoped_lock lock(mutex_);
  return calls_;
}

Fault FaultEnv::Decide(const char* op, const std::string& path) {
  const std::scoped_lock lock(mutex_);
  ++call_count_;
  if (!remember_calls_ && !plan_) return Fault::kNone;
  const FaultCall call{call_count_, op, path};
  if (remember_calls_) calls_.push_back(call);
  return plan_ ? plan_(call) : Fault::kNone;
}

tl::unexpected<Error> FaultEnv::Failure(const char* op, const std::string& path) const {
  const std::scoped_lock lock(mutex_);
  return Fail(code_, StrCat("injected failure of ", op, " on ", path));
}

uint64_t FaultEnv::TakeSpace(uint64_t count) {
  const std::scoped_lock lock(mutex_);
  const uint64_t taken = std::min(count, space_bytes_);
  if (space_bytes_ != ~uint64_t{0}) space_bytes_ -= taken;
  return taken;
}

template <class F>
auto FaultEnv::Run(const char* op, const std::string& path, F call) -> decltype(call()) {
  const Fault fault = Decide(op, path);
  if (fault == Fault::kFail || fault == Fault::kTorn) return Failure(op, path);
  auto result = call();
  if (fault == Fault::kFailAfter && result) return Failure(op, path);
  return result;
}

Result<std::unique_ptr<ReadableFile>> FaultEnv::OpenForRead(const std::string& path) {
  return Run("OpenForRead", path, [&]() -> Result<std::unique_ptr<ReadableFile>> {
    MR_ASSIGN_OR_RETURN(auto file, base_.OpenForRead(path));
    return std::make_unique<FaultReadableFile>(*this, std::move(file));
  });
}

Result<std::unique_ptr<WritableFile>> FaultEnv::CreateNew(const std::string& path) {
  return Run("CreateNew", path, [&]() -> Result<std::unique_ptr<WritableFile>> {
    MR_ASSIGN_OR_RETURN(auto file, base_.CreateNew(path));
    return std::make_unique<FaultWritableFile>(*this, std::move(file));
  });
}

Result<std::unique_ptr<InPlaceFile>> FaultEnv::OpenInPlace(const std::string& path) {
  return Run("OpenInPlace", path, [&]() -> Result<std::unique_ptr<InPlaceFile>> {
    MR_ASSIGN_OR_RETURN(auto file, base_.OpenInPlace(path));
    return std::make_unique<FaultInPlaceFile>(*this, std::move(file));
  });
}

Result<FileStat> FaultEnv::Stat(const std::string& path) {
  return Run("Stat", path, [&] { return base_.Stat(path); });
}

bool FaultEnv::Exists(const std::string& path) {
  const Fault fault = Decide("Exists", path);
  return fault != Fault::kFail && fault != Fault::kTorn && base_.Exists(path);
}

Result<std::vector<std::string>> FaultEnv::ListDirectory(const std::string& path) {
  return Run("ListDirectory", path, [&] { return base_.ListDirectory(path); });
}

Status FaultEnv::CreateDirectories(const std::string& path) {
  return Run("CreateDirectories", path, [&] { return base_.CreateDirectories(path); });
}

Status FaultEnv::RemoveFile(const std::string& path) {
  return Run("RemoveFile", path, [&] { return base_.RemoveFile(path); });
}

Status FaultEnv::RemoveDirectory(const std::string& path) {
  return Run("RemoveDirectory", path, [&] { return base_.RemoveDirectory(path); });
}

Status FaultEnv::RemoveTree(const std::string& path) {
  return Run("RemoveTree", path, [&] { return base_.RemoveTree(path); });
}

Status FaultEnv::Rename(const std::string& from, const std::string& to) {
  return Run("Rename", from, [&] { return base_.Rename(from, to); });
}

Status FaultEnv::RenameNoReplace(const std::string& from, const std::string& to) {
  return Run("RenameNoReplace", from, [&] { return base_.RenameNoReplace(from, to); });
}

Status FaultEnv::SyncDirectory(const std::string& path) {
  return Run("SyncDirectory", path, [&] { return base_.SyncDirectory(path); });
}

Status FaultEnv::SetMode(const std::string& path, uint32_t mode) {
  return Run("SetMode", path, [&] { return base_.SetMode(path, mode); });
}

Result<SpaceInfo> FaultEnv::Space(const std::string& path) {
  return Run("Space", path, [&] { return base_.Space(path); });
}

Result<std::unique_ptr<FileLock>> FaultEnv::Lock(const std::string& path) {
  return Run("Lock", path, [&] { return base_.Lock(path); });
}

}  // namespace mr::test
