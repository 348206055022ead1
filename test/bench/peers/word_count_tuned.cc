// Second peer of row B1: the program of word_count.cc taken as far as one can without an engine:
// words of up to 16 letters are their own keys, loaded eight bytes at a time, and looked up in
// batches whose slots are fetched ahead; the result is sorted by both threads. No checksum, no
// fault tolerance, no memory limit, one input file.
//
//   usage: peer_word_count_tuned INPUT OUTPUT      output: word TAB count, sorted by bytes
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
#include <thread>
#include <vector>

namespace {

constexpr int kThreads = 2;
constexpr size_t kChunkBytes = 4u << 20;
constexpr size_t kBatch =
    64;  // words found before any is looked up, so that their slots arrive meanwhile

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

// A word of up to 16 letters is its own key, padded with zeros; a longer one is its place in the
// mapped file and a hash.
struct Word {
  uint64_t first = 0, second = 0;
  uint64_t count = 0;
  uint32_t length = 0;

  bool operator==(const Word& other) const {
    if (length != other.length || second != other.second) return false;
    return first == other.first || (length > 16 && std::memcmp(data(), other.data(), length) == 0);
  }
  const char* data() const {
    return length > 16 ? reinterpret_cast<const char*>(first)
                       : reinterpret_cast<const char*>(&first);
  }
  uint64_t hash() const {
    const unsigned __int128 product =
        static_cast<unsigned __int128>((length > 16 ? 0 : first) ^ 0x9e3779b97f4a7c15u) *
        (second ^ 0xd6e8feb86659fd93u);
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }
};

uint64_t Load(const char* from,
              size_t length) {  // may read up to 7 bytes too far: the mapping has a spare page
  uint64_t word;
  std::memcpy(&word, from, 8);
  return length >= 8 ? word : word & ((uint64_t{1} << (8 * length)) - 1);
}

Word MakeWord(const char* from, size_t length) {
  Word word;
  word.length = static_cast<uint32_t>(length);
  word.count = 1;
  if (length <= 16) {
    word.first = Load(from, length);
    word.second = length > 8 ? Load(from + 8, length - 8) : 0;
    return word;
  }
  word.first = reinterpret_cast<uint64_t>(from);
  for (size_t i = 0; i < length; i += 8)
    word.second = (word.second ^ Load(from + i, length - i)) * 0x9fb21c651e98df25u;
  return word;
}

class Table {
 public:
  Table() : slots_(1u << 16) {}
  void Prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]); }
  void Add(const Word& word, uint64_t hash) {
    for (size_t i = hash & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
      Word& slot = slots_[i];
      if (slot == word) {
        slot.count += word.count;
        return;
      }
      if (slot.length == 0) {
        slot = word;
        if (++used_ * 2 > slots_.size()) Grow();
        return;
      }
    }
  }
  std::vector<Word> TakeWords() {
    std::erase_if(slots_, [](const Word& slot) { return slot.length == 0; });
    return std::move(slots_);
  }

 private:
  void Grow() {
    std::vector<Word> old(slots_.size() * 2);
    old.swap(slots_);
    used_ = 0;
    for (const Word& word : old) {
      if (word.length > 0) Add(word, word.hash());
    }
  }
  std::vector<Word> slots_;
  size_t used_ = 0;
};

constexpr std::array<bool, 256> kIsLetter = [] {
  std::array<bool, 256> out{};
  for (int c = 'A'; c <= 'Z'; ++c)
    out[static_cast<size_t>(c)] = out[static_cast<size_t>(c | 32)] = true;
  return out;
}();
bool IsLetter(char c) { return kIsLetter[static_cast<unsigned char>(c)]; }

// The words that begin in [from, to); the byte at `end` is no letter.
void CountChunk(const char* begin, const char* from, const char* to, Table& table) {
  if (from > begin && IsLetter(from[-1])) {
    while (IsLetter(*from)) ++from;
  }
  std::array<Word, kBatch> words;
  std::array<uint64_t, kBatch> hashes;
  size_t found = 0;
  const auto flush = [&] {
    for (size_t i = 0; i < found; ++i) table.Add(words[i], hashes[i]);
    found = 0;
  };
  while (from < to) {
    if (!IsLetter(*from)) {
      ++from;
      continue;
    }
    const char* end = from + 1;
    while (IsLetter(*end)) ++end;
    words[found] = MakeWord(from, static_cast<size_t>(end - from));
    hashes[found] = words[found].hash();
    table.Prefetch(hashes[found]);
    if (++found == kBatch) flush();
    from = end + 1;
  }
  flush();
}

bool Less(const Word& a, const Word& b) {
  if (a.length <= 16 && b.length <= 16) {
    const uint64_t x = __builtin_bswap64(a.first), y = __builtin_bswap64(b.first);
    return x != y ? x < y : __builtin_bswap64(a.second) < __builtin_bswap64(b.second);
  }
  const int order = std::memcmp(a.data(), b.data(), std::min(a.length, b.length));
  return order != 0 ? order < 0 : a.length < b.length;
}

void SortAndFormat(Word* from, Word* to, std::string& out) {
  std::sort(from, to, Less);
  for (const Word* word = from; word < to; ++word) {
    out.append(word->data(), word->length)
        .append(1, '\t')
        .append(std::to_string(word->count))
        .append(1, '\n');
  }
}

void WriteAll(int file, const std::string& bytes) {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t count = write(file, bytes.data() + done, bytes.size() - done);
    if (count < 0) Die("write");
    done += static_cast<size_t>(count);
  }
}

const char* Map(const char* path, size_t& size) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat info;
  if (file < 0 || fstat(file, &info) != 0) Die(path);
  size = static_cast<size_t>(info.st_size);
  // One page of zeros behind the file: words may be looked at 8 bytes at a time, and the last one
  // ends.
  void* place = mmap(nullptr, size + 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) Die("mmap");
  if (size > 0 && mmap(place, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0) == MAP_FAILED)
    Die(path);
  close(file);
  return static_cast<const char*>(place);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("usage: peer_word_count_tuned INPUT OUTPUT\n", stderr), 2;
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
  for (const Word& word : tables[1].TakeWords()) tables[0].Add(word, word.hash());
  std::vector<Word> words = tables[0].TakeWords();
  Word* begin = words.data();
  Word* middle = begin + words.size() / 2;
  Word* end = begin + words.size();
  if (begin < end) std::nth_element(begin, middle, end, Less);
  std::array<std::string, 2> out;
  std::thread upper([&] { SortAndFormat(middle, end, out[1]); });
  SortAndFormat(begin, middle, out[0]);
  upper.join();
  const int file = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) Die(argv[2]);
  for (const std::string& half : out) WriteAll(file, half);
  if (fsync(file) != 0 || close(file) != 0) Die(argv[2]);
}
