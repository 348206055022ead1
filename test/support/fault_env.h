// An Env that passes calls on to another one until told to fail. Every call of the Env and of its
// files is numbered from 1, so that a test can walk through all places at which a sequence may be
// cut off.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/io/env.h"

namespace mr::test {

struct FaultCall {
  uint64_t number = 0;  // from 1
  std::string
      op;  // "Append", "Sync", "Close", "ReadAt", "FileStat", "WriteAt", "SyncData", or the Env's method: "Rename", …
  std::string path;  // the first path argument
};

// What happens to a call.
enum class Fault : uint8_t {
  kNone,
  kFail,       // fails without effect
  kFailAfter,  // has its effect, then reports failure (a lost answer)
  kTorn,       // Append, WriteAt: half of the bytes are written, then it fails; other calls: like kFail
  kFlip,       // ReadAt: one bit of what is read is wrong; other calls: like kNone
};

// Thread-safe. The base must outlive it.
class FaultEnv final : public Env {
 public:
  explicit FaultEnv(Env& base) : base_(base) {}

  using Plan = std::function<Fault(const FaultCall&)>;
  void SetPlan(Plan plan, ErrorCode code = ErrorCode::kIo);
  // The process "crashes" at call `number`: it and all later ones fail without effect (`first` may
  // tear it).
  void CrashAt(uint64_t number, Fault first = Fault::kFail);
  void FailOnce(uint64_t number, Fault fault = Fault::kFail, ErrorCode code = ErrorCode::kIo);
  // Appends fail with kNoSpace once `bytes` have been appended in all; the failing one writes what
  // fits.
  void LimitSpace(uint64_t bytes);
  void Heal();

  // For long runs: calls() stays as it is.
  void ForgetCalls();

  uint64_t call_count() const;
  std::vector<FaultCall> calls() const;

  Result<std::unique_ptr<ReadableFile>> OpenForRead(const std::string& path) override;
  Result<std::unique_ptr<WritableFile>> CreateNew(const std::string& path) override;
  Result<std::unique_ptr<InPlaceFile>> OpenInPlace(const std::string& path) override;
  Result<FileStat> Stat(const std::string& path) override;
  bool Exists(const std::string& path) override;
  Result<std::vector<std::string>> ListDirectory(const std::string& path) override;
  Status CreateDirectories(const std::string& path) override;
  Status RemoveFile(const std::string& path) override;
  Status RemoveDirectory(const std::string& path) override;
  Status RemoveTree(const std::string& path) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status RenameNoReplace(const std::string& from, const std::string& to) override;
  Status SyncDirectory(const std::string& path) override;
  Status SetMode(const std::string& path, uint32_t mode) override;
  Result<SpaceInfo> Space(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override;

  // Of the implementation: numbers the call and asks the plan.
  Fault Decide(const char* op, const std::string& path);
  tl::unexpected<Error> Failure(const char* op, const std::string& path) const;
  // How many of `count` bytes may still be appended.
  uint64_t TakeSpace(uint64_t count);

 private:
  template <class F>
  auto Run(const char* op, const std::string& path, F call) -> decltype(call());

  Env& base_;
  mutable std::mutex mutex_;
  Plan plan_;
  ErrorCode code_ = ErrorCode::kIo;
  uint64_t space_bytes_ = ~uint64_t{0};
  bool remember_calls_ = true;
  uint64_t call_count_ = 0;
  std::vector<FaultCall> calls_;
};

}  // namespace mr::test
