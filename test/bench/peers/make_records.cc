// Writes the records that rows B2, B5 and B6 sort: 100 bytes each, a random printable key of 10,
// two spaces, the record's number in 32 hexadecimal digits, and filler of repeated letters, ending
// in a newline (so that `sort` can read them too). One seed, one file.
//
//   usage: make_records COUNT SEED > FILE
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/base/random.h"

int main(int argc, char** argv) {
  char* end = nullptr;
  const unsigned long long count = argc == 3 ? std::strtoull(argv[1], &end, 10) : 0;
  if (argc != 3 || *end != '\0' || count == 0)
    return std::fputs("usage: make_records COUNT SEED > FILE\n", stderr), 2;
  mr::Random random(std::strtoull(argv[2], nullptr, 10));
  std::vector<char> buffer(1u << 20);
  std::setvbuf(stdout, buffer.data(), _IOFBF, buffer.size());
  std::string record(100, ' ');
  for (unsigned long long i = 0; i < count; ++i) {
    for (size_t at = 0; at < 10; ++at) record[at] = static_cast<char>('!' + random.Below(94));
    unsigned long long number = i;
    for (size_t at = 43; at >= 12; --at, number /= 16) record[at] = "0123456789ABCDEF"[number % 16];
    const uint64_t letters = random.Next();
    for (size_t at = 46; at < 98; ++at)
      record[at] = static_cast<char>('A' + ((letters >> ((at - 46) / 4 * 4)) & 15));
    record[99] = '\n';
    if (std::fwrite(record.data(), 1, record.size(), stdout) != record.size())
      return std::perror("make_records"), 1;
  }
  return std::fflush(stdout) == 0 ? 0 : (std::perror("make_records"), 1);
}
