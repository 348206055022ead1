// The two hashes of the engine: XXH3-64 for data, SHA-256 for identity.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace mr {

// XXH3-64 of `bytes` with seed 0. Partitioning and block checksums depend on it: never change.
uint64_t Hash64(std::string_view bytes);
uint64_t Hash64(std::string_view bytes, uint64_t seed);

// XXH3-64 fed piece by piece; the same value as Hash64 over the whole. One thread.
class StreamHash64 {
 public:
  StreamHash64();
  ~StreamHash64();
  StreamHash64(const StreamHash64&) = delete;
  StreamHash64& operator=(const StreamHash64&) = delete;
  void Update(std::string_view bytes);
  uint64_t Digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Lower-case hexadecimal SHA-256; names plugins.
std::string Sha256Hex(std::string_view bytes);

}  // namespace mr
