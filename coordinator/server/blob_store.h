// Plugins' bytes, named by their SHA-256: uploaded in pieces by clients, read in pieces by workers.
// A file that has its name is complete and was verified. One thread.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/io/env.h"
#include "common/wire/control.h"
#include "coordinator/core/events.h"

namespace mr::coordinator {

inline constexpr uint64_t kMaxBlobBytes = 256u << 20;

class BlobStore {
 public:
  // Files lie in `directory`, which is made. `durable`: fsync what is stored (pointless in a
  // temporary directory).
  static Result<BlobStore> Open(Env& env, std::string directory, bool durable);

  // What lies there already, verified; damaged files are removed.
  const std::vector<BlobStored>& found() const { return found_; }

  struct PutResult {
    wire::PutBlobResponse response;
    bool stored_now = false;  // the last piece has just made it complete
  };
  // Errors: kInvalidArgument (hash does not fit, too large, pieces out of order), kNoSpace, kIo.
  Result<PutResult> Put(uint64_t client, const wire::PutBlobRequest& request);
  bool Has(const std::string& sha256) const { return sizes_.contains(sha256); }
  // Errors: kNotFound, kInvalidArgument for an offset beyond the end.
  Result<wire::GetBlobResponse> Get(const wire::GetBlobRequest& request);

  // It is not offered any more; its file goes with RemoveForgotten, unless it has been stored again by then.
  void Forget(const std::string& sha256);
  // What cannot be removed is found at the next start.
  Status RemoveForgotten();

 private:
  struct Upload {
    uint64_t client = 0;
    std::string sha256;
    std::string bytes;
  };
  BlobStore(Env& env, std::string directory, bool durable)
      : env_(&env), directory_(std::move(directory)), durable_(durable) {}
  Status Scan();
  Status Store(const Upload& upload);
  Upload& FindOrBegin(uint64_t client, const std::string& sha256);
  std::string PathOf(const std::string& sha256) const;

  Env* env_;
  std::string directory_;
  bool durable_;
  std::map<std::string, uint64_t> sizes_;  // complete ones
  std::list<Upload> uploads_;              // oldest first; bounded in count
  std::vector<BlobStored> found_;
  std::vector<std::string> forgotten_;
};

}  // namespace mr::coordinator
