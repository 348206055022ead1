#include "coordinator/server/blob_store.h"

#include <algorithm>
#include <utility>

#include "common/base/hash.h"
#include "common/base/strings.h"

namespace mr::coordinator {
namespace {

// Uploads that are under way at once; the one that has waited longest makes room for a new one.
constexpr size_t kMaxUploads = 4;

bool IsSha256(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Status CheckPut(const wire::PutBlobRequest& request) {
  if (!IsSha256(request.sha256)) {
    return Fail(ErrorCode::kInvalidArgument,
                "a plugin is named by its SHA-256 in 64 lower-case hex digits");
  }
  if (request.total_bytes == 0 || request.total_bytes > kMaxBlobBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("the plugin has ", FormatSize(request.total_bytes),
                       "; it must have at least 1 byte and at most ", FormatSize(kMaxBlobBytes)));
  }
  if (request.bytes.size() > request.total_bytes ||
      request.offset > request.total_bytes - request.bytes.size()) {
    return Fail(ErrorCode::kInvalidArgument,
                "a piece of the plugin lies beyond its end; send it again from the start");
  }
  return {};
}

}  // namespace

Result<BlobStore> BlobStore::Open(Env& env, std::string directory, bool durable) {
  MR_RETURN_IF_ERROR(env.CreateDirectories(directory));
  BlobStore store(env, std::move(directory), durable);
  MR_RETURN_IF_ERROR(store.Scan());
  return store;
}

Status BlobStore::Scan() {
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, env_->ListDirectory(directory_));
  for (const std::string& name : names) {
    const std::string path = JoinPath(directory_, name);
    const Result<std::string> bytes =
        IsSha256(name) ? ReadWholeFile(*env_, path, kMaxBlobBytes) : std::string();
    if (IsSha256(name) && bytes && Sha256Hex(*bytes) == name) {
      sizes_[name] = bytes->size();
      found_.push_back({name, bytes->size()});
      continue;
    }
    // Left over from a crash in the middle of an upload, or damaged: the client will send it again.
    MR_RETURN_IF_ERROR(env_->RemoveFile(path));
  }
  return {};
}

std::string BlobStore::PathOf(const std::string& sha256) const {
  return JoinPath(directory_, sha256);
}

BlobStore::Upload& BlobStore::FindOrBegin(uint64_t client, const std::string& sha256) {
  const auto found = std::find_if(uploads_.begin(), uploads_.end(), [&](const Upload& upload) {
    return upload.client == client && upload.sha256 == sha256;
  });
  if (found != uploads_.end()) {
    uploads_.splice(uploads_.end(), uploads_, found);
  } else {
    if (uploads_.size() == kMaxUploads) uploads_.pop_front();
    uploads_.push_back({client, sha256, {}});
  }
  return uploads_.back();
}

Result<BlobStore::PutResult> BlobStore::Put(uint64_t client, const wire::PutBlobRequest& request) {
  MR_RETURN_IF_ERROR(CheckPut(request));
  if (const auto known = sizes_.find(request.sha256); known != sizes_.end()) {
    return PutResult{{true, known->second}, false};
  }
  if (request.bytes.empty()) return PutResult{};  // only asked
  Upload& upload = FindOrBegin(client, request.sha256);
  if (request.offset == 0) upload.bytes.clear();
  const uint64_t end = request.offset + request.bytes.size();
  // A repeated piece after a lost answer is here already.
  if (end <= upload.bytes.size()) return PutResult{{false, upload.bytes.size()}, false};
  if (request.offset != upload.bytes.size()) return PutResult{{false, upload.bytes.size()}, false};
  upload.bytes += request.bytes;
  if (upload.bytes.size() < request.total_bytes)
    return PutResult{{false, upload.bytes.size()}, false};

  const Status stored = Store(upload);
  const uint64_t size = upload.bytes.size();
  uploads_.pop_back();
  if (!stored) return Fail(stored.error());
  sizes_[request.sha256] = size;
  return PutResult{{true, size}, true};
}

Status BlobStore::Store(const Upload& upload) {
  const std::string hash = Sha256Hex(upload.bytes);
  if (hash != upload.sha256) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("the plugin's bytes hash to ", hash.substr(0, 12), "…, not to ",
                       upload.sha256.substr(0, 12), "… as announced; send it again"));
  }
  const std::string path = PathOf(upload.sha256);
  if (durable_) return WriteFileAtomically(*env_, path, upload.bytes);
  const std::string temporary = path + ".new";
  if (env_->Exists(temporary)) MR_RETURN_IF_ERROR(env_->RemoveFile(temporary));
  MR_ASSIGN_OR_RETURN(const auto file, env_->CreateNew(temporary));
  MR_RETURN_IF_ERROR(file->Append(upload.bytes));
  MR_RETURN_IF_ERROR(file->Close());
  return env_->Rename(temporary, path);
}

void BlobStore::Forget(const std::string& sha256) {
  if (sizes_.erase(sha256) > 0) forgotten_.push_back(sha256);
}

Status BlobStore::RemoveForgotten() {
  Status status;
  for (const std::string& sha256 : std::exchange(forgotten_, {})) {
    if (sizes_.contains(sha256)) continue;
    const Status removed = env_->RemoveFile(PathOf(sha256));
    if (!removed && removed.error().code != ErrorCode::kNotFound) status = removed;
  }
  return status;
}

Result<wire::GetBlobResponse> BlobStore::Get(const wire::GetBlobRequest& request) {
  const auto known = sizes_.find(request.sha256);
  if (known == sizes_.end()) {
    return Fail(ErrorCode::kNotFound,
                StrCat("the plugin ", Printable(request.sha256, 12), " is not stored here"));
  }
  if (request.offset > known->second) {
    return Fail(
        ErrorCode::kInvalidArgument,
        StrCat("offset ", request.offset, " lies beyond the plugin's ", known->second, " bytes"));
  }
  MR_ASSIGN_OR_RETURN(const auto file, env_->OpenForRead(PathOf(request.sha256)));
  wire::GetBlobResponse response;
  response.total_bytes = known->second;
  response.bytes.resize(std::min<uint64_t>(wire::kBlobChunkBytes, known->second - request.offset));
  MR_ASSIGN_OR_RETURN(const size_t got, file->ReadAt(request.offset, response.bytes));
  if (got != response.bytes.size()) {
    return Fail(ErrorCode::kDataLoss,
                StrCat("the stored plugin ", file->path(), " is shorter than it was"));
  }
  return response;
}

}  // namespace mr::coordinator
