// Peer of row B8: opens, reads and closes every file of a list, with two threads: what reading
// costs without any engine.
//
//   usage: peer_read_files < LIST      LIST: a path per line; prints the number of bytes
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

int main() {
  std::vector<std::string> paths;
  for (std::string line; std::getline(std::cin, line);) paths.push_back(std::move(line));
  std::atomic<size_t> next{0};
  std::atomic<uint64_t> bytes{0};
  const auto work = [&] {
    std::vector<char> buffer(1u << 20);
    uint64_t sum = 0;
    for (size_t i; (i = next.fetch_add(1)) < paths.size();) {
      const int file = open(paths[i].c_str(), O_RDONLY | O_CLOEXEC);
      ssize_t count = file;
      while (count >= 0 && (count = read(file, buffer.data(), buffer.size())) > 0)
        sum += static_cast<uint64_t>(count);
      if (count < 0) std::perror(paths[i].c_str()), std::exit(1);
      close(file);
    }
    bytes += sum;
  };
  std::thread other(work);
  work();
  other.join();
  std::printf("%llu\n", static_cast<unsigned long long>(bytes.load()));
}
