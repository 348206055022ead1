// Compression of an output stream.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "common/base/result.h"
#include "common/wire/job.h"

namespace mr::worker {

// One thread. The bytes made depend only on the bytes given, not on how they are cut or when: two
// attempts with the same output have the same file.
class Compressor {
 public:
  using Put = std::function<Status(std::string_view)>;
  virtual ~Compressor() = default;
  // Compresses `bytes` and hands on what comes out. `last`: ends the stream; also with no bytes at
  // all. Errors: those of `put`; kNoSpace without memory.
  virtual Status Write(std::string_view bytes, bool last, const Put& put) = 0;
};

// Null for kNone. Errors: kUnsupported for lz4, kNoSpace without memory.
Result<std::unique_ptr<Compressor>> MakeCompressor(wire::Compression compression);

}  // namespace mr::worker
