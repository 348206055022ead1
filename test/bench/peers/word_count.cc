// Peer of row B1: counts words (runs of ASCII letters) of one file as one writes it by hand for one
// machine: two threads over a mapped file, a scalar tokenizer, an open-addressing hash table each,
// joined, sorted, one file written and synced. No checksum, no fault tolerance, no memory limit,
// one input file. word_count_tuned.cc is its faster sister.
//
//   usage: peer_word_count INPUT OUTPUT      output: word TAB count, sorted by bytes
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr size_t kThreads = 2;
constexpr size_t kChunkBytes = 4u << 20;

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

struct Slot {
  const char* word = nullptr;  // in the mapped file
  uint32_t length = 0;
  uint32_t hash = 0;
  uint64_t count = 0;  // 0: free
  std::string_view text() const { return {word, length}; }
};

class Table {
 public:
  Table() : slots_(1u << 16) {}

  void Add(const char* word, uint32_t length, uint32_t hash, uint64_t count) {
    size_t at = hash & (slots_.size() - 1);
    while (slots_[at].count > 0) {
      Slot& slot = slots_[at];
      if (slot.hash == hash && slot.length == length && std::memcmp(slot.word, word, length) == 0) {
        slot.count += count;
        return;
      }
      at = (at + 1) & (slots_.size() - 1);
    }
    slots_[at] = {word, length, hash, count};
    if (++used_ * 2 > slots_.size()) Grow();
  }

  std::vector<Slot> TakeWords() {
    std::erase_if(slots_, [](const Slot& slot) { return slot.count == 0; });
    return std::move(slots_);
  }

 private:
  void Grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    used_ = 0;
    for (const Slot& slot : old) {
      if (slot.count > 0) Add(slot.word, slot.length, slot.hash, slot.count);
    }
  }
  std::vector<Slot> slots_;
  size_t used_ = 0;
};

constexpr std::array<bool, 256> kIsLetter = [] {
  std::array<bool, 256> out{};
  for (int c = 'A'; c <= 'Z'; ++c)
    out[static_cast<size_t>(c)] = out[static_cast<size_t>(c | 32)] = true;
  return out;
}();
bool IsLetter(char c) { return kIsLetter[static_cast<unsigned char>(c)]; }

// The words that begin in [from, to); the byte at the end of the file is no letter.
void CountChunk(const char* begin, const char* from, const char* to, Table& table) {
  if (from > begin && IsLetter(from[-1])) {
    while (IsLetter(*from)) ++from;
  }
  while (from < to) {
    if (!IsLetter(*from)) {
      ++from;
      continue;
    }
    const char* word = from;
    uint64_t hash = 0;
    for (; IsLetter(*from); ++from)
      hash = (hash ^ static_cast<unsigned char>(*from)) * 0x9e3779b97f4a7c15u;
    table.Add(word, static_cast<uint32_t>(from - word), static_cast<uint32_t>(hash >> 32), 1);
  }
}

const char* Map(const char* path, size_t& size) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat info;
  if (file < 0 || fstat(file, &info) != 0) Die(path);
  size = static_cast<size_t>(info.st_size);
  // Zeros behind the file, so that its last word ends.
  void* place = mmap(nullptr, size + 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) Die("mmap");
  if (size > 0 && mmap(place, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0) == MAP_FAILED)
    Die(path);
  close(file);
  return static_cast<const char*>(place);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("usage: peer_word_count INPUT OUTPUT\n", stderr), 2;
  size_t size = 0;
  const char* text = Map(argv[1], size);
  std::array<Table, kThreads> tables;
  std::atomic<size_t> next{0};
  std::vector<std::thread> threads;
  for (Table& table : tables) {
    threads.emplace_back([&, text] {
      for (size_t from; (from = next.fetch_add(kChunkBytes)) < size;) {
        CountChunk(text, text + from, text + std::min(size, from + kChunkBytes), table);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Slot& slot : tables[1].TakeWords())
    tables[0].Add(slot.word, slot.length, slot.hash, slot.count);
  std::vector<Slot> words = tables[0].TakeWords();
  std::sort(words.begin(), words.end(),
            [](const Slot& a, const Slot& b) { return a.text() < b.text(); });
  std::string out;
  for (const Slot& slot : words) {
    out.append(slot.text()).append(1, '\t').append(std::to_string(slot.count)).append(1, '\n');
  }
  const int file = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) Die(argv[2]);
  for (size_t done = 0; done < out.size();) {
    const ssize_t count = write(file, out.data() + done, out.size() - done);
    if (count < 0) Die(argv[2]);
    done += static_cast<size_t>(count);
  }
  if (fsync(file) != 0 || close(file) != 0) Die(argv[2]);
}
