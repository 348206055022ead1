// What the tests of this room share: inputs in memory, and whole splits read at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "test/support/memory_env.h"
#include "worker/input/record_reader.h"

namespace mr::worker::test {

struct ReadRecord {
  uint64_t offset = 0;
  std::string bytes;
  friend bool operator==(const ReadRecord&, const ReadRecord&) = default;
};

inline void PrintTo(const ReadRecord& record, std::ostream* out) {
  *out << record.offset << ":\"" << record.bytes.substr(0, 40) << "\"";
}

// Stores `content` under /in/NAME and describes it as a submitter would; compression by the name's
// end.
wire::InputFile AddInput(mr::test::MemoryEnv& env, const std::string& name, std::string content);

// A file whose size and time are not checked.
inline wire::InputFile UncheckedInput(const std::string& path) {
  wire::InputFile file;
  file.path = path;
  return file;
}

wire::Split WholeSplit(const wire::InputFile& file);

// All records of a split, each with its offset in the (decompressed) file. Asserts along the way
// that the records of a batch are in order in one buffer and that input_bytes never shrinks.
Result<std::vector<ReadRecord>> ReadSplit(Env& env, const wire::Split& split,
                                          wire::InputFormat format, uint64_t record_bytes = 0);

// The records of all splits of `split_bytes` each, in order.
Result<std::vector<ReadRecord>> ReadInSplits(Env& env, const wire::InputFile& file,
                                             uint64_t split_bytes, wire::InputFormat format,
                                             uint64_t record_bytes = 0);

std::string Gzip(std::string_view bytes);
std::string Zstd(std::string_view bytes, int window_log = 0);

}  // namespace mr::worker::test
