// For messages: line numbers and excerpts of inputs, which are read again for that. Whether the
// file changed since it was submitted is not looked at here: a slightly wrong message is better
// than none.
#include <algorithm>
#include <vector>

#include "worker/input/byte_source.h"
#include "worker/input/record_reader.h"

namespace mr::worker {
namespace {

constexpr size_t kStepBytes = 256u << 10;

// Reads on until `count` bytes are there or the file ends; what is there when reading fails.
std::string ReadUpTo(ByteSource& source, size_t count) {
  std::string bytes(count, '\0');
  size_t done = 0;
  while (done < count) {
    const auto got = source.Read({bytes.data() + done, count - done});
    if (!got || *got == 0) break;
    done += *got;
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace

uint64_t LineNumberAt(Env& env, const wire::InputFile& file, uint64_t offset) {
  const auto source = OpenByteSource(env, file, 0, CheckInput::kNo);
  if (!source) return 0;
  std::vector<char> buffer(std::min<uint64_t>(kStepBytes, offset));
  uint64_t lines = 1;
  while (offset > 0) {
    const auto got = (*source)->Read({buffer.data(), std::min<uint64_t>(buffer.size(), offset)});
    if (!got) return 0;
    if (*got == 0) break;
    lines += static_cast<uint64_t>(
        std::count(buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(*got), '\n'));
    offset -= *got;
  }
  return lines;
}

std::string ExcerptAt(Env& env, const wire::InputFile& file, uint64_t offset, size_t max_bytes) {
  const bool compressed = file.compression != wire::Compression::kNone;
  const auto source = OpenByteSource(env, file, compressed ? 0 : offset, CheckInput::kNo);
  if (!source) return "";
  for (uint64_t skip = compressed ? offset : 0; skip > 0;) {
    const std::string skipped = ReadUpTo(**source, std::min<uint64_t>(skip, kStepBytes));
    if (skipped.empty()) return "";
    skip -= skipped.size();
  }
  std::string text = ReadUpTo(**source, max_bytes);
  if (const size_t newline = text.find('\n'); newline != std::string::npos) {
    text.resize(newline > 0 && text[newline - 1] == '\r' ? newline - 1 : newline);
  }
  return text;
}

}  // namespace mr::worker
