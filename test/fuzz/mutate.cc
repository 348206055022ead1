#include "test/fuzz/mutate.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace mr::fuzz {
namespace {

// Where sizes and counts go wrong.
constexpr std::array<uint64_t, 14> kEdges = {
    0,      1,          2,          0x7f,       0x80,       0xff,       0x7fff,
    0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x40000000, 1ull << 63, ~0ull};

void Overwrite(Random& random, std::string& bytes) {
  const uint64_t edge = kEdges[random.Below(kEdges.size())] + random.Below(3) - 1;
  const size_t width = size_t{1} << random.Below(4);
  if (bytes.size() < width) return;
  char little[8], big[8];
  std::memcpy(little, &edge, 8);
  for (size_t i = 0; i < width; ++i) big[i] = little[width - 1 - i];
  std::memcpy(bytes.data() + random.Below(bytes.size() - width + 1),
              random.Chance(0.5) ? little : big, width);
}

void ChangeOnce(Random& random, const std::vector<std::string>& inputs, std::string& bytes) {
  const size_t at = random.Below(bytes.size() + 1);
  const size_t length = random.Below(random.Chance(0.8) ? 8 : bytes.size() + 1);
  switch (random.Below(8)) {
    case 0:
    case 1:
      if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.Below(8)));
      break;
    case 2:
      if (at < bytes.size()) bytes[at] = static_cast<char>(random.Next());
      break;
    case 3:
      Overwrite(random, bytes);
      break;
    case 4:
      bytes.erase(at, length);
      break;
    case 5:
      bytes.insert(at, bytes.substr(random.Below(bytes.size() + 1), length));  // a part twice
      break;
    case 6:
      bytes.insert(at, length, static_cast<char>(random.Next()));
      break;
    default: {  // the rest of another input
      const std::string& other = inputs[random.Below(inputs.size())];
      bytes.replace(at, std::string::npos, other, random.Below(other.size() + 1));
    }
  }
}

}  // namespace

std::string Mutate(Random& random, const std::vector<std::string>& inputs, size_t bytes_max) {
  std::string bytes = inputs[random.Below(inputs.size())];
  for (uint64_t changes = 1 + random.Below(1 + random.Below(8)); changes > 0; --changes)
    ChangeOnce(random, inputs, bytes);
  if (bytes.size() > bytes_max) bytes.resize(bytes_max);
  return bytes;
}

}  // namespace mr::fuzz
