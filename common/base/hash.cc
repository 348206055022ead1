#include "common/base/hash.h"

#include <openssl/evp.h>

#define XXH_INLINE_ALL  // short keys are hashed by the million: no call through the library's table
#include <xxhash.h>

#include <new>

#include "common/base/strings.h"

namespace mr {

uint64_t Hash64(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }
uint64_t Hash64(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

struct StreamHash64::State {
  XXH3_state_t* raw = XXH3_createState();
  ~State() { XXH3_freeState(raw); }
};

StreamHash64::StreamHash64() : state_(std::make_unique<State>()) {
  if (state_->raw == nullptr) throw std::bad_alloc();
  XXH3_64bits_reset(state_->raw);
}
StreamHash64::~StreamHash64() = default;
void StreamHash64::Update(std::string_view bytes) {
  XXH3_64bits_update(state_->raw, bytes.data(), bytes.size());
}
uint64_t StreamHash64::Digest() const { return XXH3_64bits_digest(state_->raw); }

std::string Sha256Hex(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr) != 1) {
    throw std::bad_alloc();  // EVP_sha256 fails for want of memory only
  }
  return ToHex({reinterpret_cast<const char*>(digest), length});
}

}  // namespace mr
