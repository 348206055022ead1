// Peer of row B2: sorts records of 100 bytes by their first 10 the way a good engineer writes it by
// hand for one machine: two threads, 16 runs of 16-byte entries sorted in memory (pdqsort on key
// prefixes), loser-tree merges into 4 synced files by sampled bounds. The records stay where they
// were mapped. Nothing of Millrace is used; no checksum, no fault tolerance, and all entries in
// memory: that is the bar.
//
//   usage: peer_record_sort INPUT OUTPUT_PREFIX      writes OUTPUT_PREFIX0 … OUTPUT_PREFIX3
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/sort/pdqsort/pdqsort.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr size_t kRecordBytes = 100, kRuns = 16, kParts = 4, kThreads = 2;
constexpr size_t kOutputBytes = 8u << 20;  // per write; its writeback starts at once
constexpr size_t kAhead = 16;  // entries of a run whose records are fetched before they are needed

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

struct Entry {
  uint64_t prefix;  // key bytes 0–7, big-endian
  uint32_t index;   // of the record
  uint16_t rest;    // key bytes 8–9, big-endian
  bool operator<(const Entry& other) const {
    return prefix != other.prefix ? prefix < other.prefix : rest < other.rest;
  }
};

using Run = std::vector<Entry>;

Entry MakeEntry(const char* records, size_t index) {
  uint64_t prefix;
  uint16_t rest;
  std::memcpy(&prefix, records + index * kRecordBytes, 8);
  std::memcpy(&rest, records + index * kRecordBytes + 8, 2);
  return {__builtin_bswap64(prefix), static_cast<uint32_t>(index), __builtin_bswap16(rest)};
}

Run SortRun(const char* records, size_t from, size_t to) {
  Run run;
  run.reserve(to - from);
  for (size_t i = from; i < to; ++i) run.push_back(MakeEntry(records, i));
  boost::sort::pdqsort(run.begin(), run.end());
  return run;
}

// A file written in large pieces whose writeback starts at once, so that the final fsync finds
// little to do.
class Output {
 public:
  Output(const std::string& path, size_t bytes) : path_(path), buffer_(kOutputBytes) {
    file_ = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file_ < 0) Die(path.c_str());
    if (bytes > 0 && posix_fallocate(file_, 0, static_cast<off_t>(bytes)) != 0) Die(path.c_str());
  }
  void Append(const char* record) {
    if (used_ + kRecordBytes > buffer_.size()) Flush();
    std::memcpy(buffer_.data() + used_, record, kRecordBytes);
    used_ += kRecordBytes;
  }
  void Finish() {
    Flush();
    if (fsync(file_) != 0 || close(file_) != 0) Die(path_.c_str());
  }

 private:
  void Flush() {
    for (size_t done = 0; done < used_;) {
      const ssize_t count = write(file_, buffer_.data() + done, used_ - done);
      if (count < 0) Die(path_.c_str());
      done += static_cast<size_t>(count);
    }
    if (sync_file_range(file_, offset_, static_cast<off_t>(used_), SYNC_FILE_RANGE_WRITE) != 0)
      Die(path_.c_str());
    offset_ += static_cast<off_t>(used_);
    used_ = 0;
  }
  std::string path_;
  std::vector<char> buffer_;
  int file_ = -1;
  size_t used_ = 0;
  off_t offset_ = 0;
};

struct Range {
  const Entry* next;
  const Entry* end;
};

// Loser tree over the heads of kRuns ranges; an ended one is greater than everything.
class Merge {
 public:
  explicit Merge(const std::array<Range, kRuns>& ranges) : ranges_(ranges) { winner_ = Play(1); }
  bool done() const { return ranges_[winner_].next == ranges_[winner_].end; }
  const Entry& top() const { return *ranges_[winner_].next; }
  const Entry* ahead() const {  // the entry of the same run some steps later, or null
    const Range& range = ranges_[winner_];
    return range.end - range.next > static_cast<ptrdiff_t>(kAhead) ? range.next + kAhead : nullptr;
  }
  void Pop() {
    ++ranges_[winner_].next;
    for (size_t node = (winner_ + kRuns) / 2; node > 0; node /= 2) {
      if (Beats(losers_[node], winner_)) std::swap(losers_[node], winner_);
    }
  }

 private:
  size_t Play(size_t node) {
    if (node >= kRuns) return node - kRuns;
    size_t left = Play(2 * node), right = Play(2 * node + 1);
    if (Beats(right, left)) std::swap(left, right);
    losers_[node] = right;
    return left;
  }
  bool Beats(size_t a, size_t b) const {
    if (ranges_[a].next == ranges_[a].end) return false;
    return ranges_[b].next == ranges_[b].end || *ranges_[a].next < *ranges_[b].next;
  }
  std::array<Range, kRuns> ranges_;
  std::array<size_t, kRuns> losers_{};
  size_t winner_ = 0;
};

void MergePart(const char* records, const std::vector<Run>& runs, const Entry* lower,
               const Entry* upper, const std::string& path) {
  std::array<Range, kRuns> ranges;
  size_t count = 0;
  for (size_t i = 0; i < kRuns; ++i) {
    const Entry* begin = runs[i].data();
    const Entry* end = begin + runs[i].size();
    ranges[i] = {lower ? std::lower_bound(begin, end, *lower) : begin,
                 upper ? std::lower_bound(begin, end, *upper) : end};
    count += static_cast<size_t>(ranges[i].end - ranges[i].next);
  }
  Output out(path, count * kRecordBytes);
  for (Merge merge(ranges); !merge.done(); merge.Pop()) {
    if (const Entry* later = merge.ahead()) {
      const char* record = records + later->index * kRecordBytes;
      __builtin_prefetch(record);
      __builtin_prefetch(record + kRecordBytes - 1);
    }
    out.Append(records + merge.top().index * kRecordBytes);
  }
  out.Finish();
}

template <class Body>
void InParallel(size_t tasks, Body body) {
  std::atomic<size_t> next{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (size_t i; (i = next.fetch_add(1)) < tasks;) body(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("usage: peer_record_sort INPUT OUTPUT_PREFIX\n", stderr), 2;
  const int file = open(argv[1], O_RDONLY | O_CLOEXEC);
  struct stat info;
  if (file < 0 || fstat(file, &info) != 0) Die(argv[1]);
  const size_t count = static_cast<size_t>(info.st_size) / kRecordBytes;
  if (count * kRecordBytes != static_cast<size_t>(info.st_size) || count < 1000) {
    return std::fputs("peer_record_sort: wants at least 1000 whole records of 100 bytes\n", stderr),
           1;
  }
  void* place = mmap(nullptr, count * kRecordBytes, PROT_READ, MAP_PRIVATE, file, 0);
  if (place == MAP_FAILED) Die(argv[1]);
  const char* records = static_cast<const char*>(place);

  std::vector<Run> runs(kRuns);
  InParallel(kRuns, [&](size_t i) {
    runs[i] = SortRun(records, count * i / kRuns, count * (i + 1) / kRuns);
  });

  // Bounds of the parts: quantiles of a sample of every run.
  Run sample;
  for (const Run& run : runs) {
    for (size_t i = 0; i < run.size(); i += std::max<size_t>(1, run.size() / 256))
      sample.push_back(run[i]);
  }
  std::sort(sample.begin(), sample.end());
  InParallel(kParts, [&](size_t part) {
    const Entry* lower = part == 0 ? nullptr : &sample[sample.size() * part / kParts];
    const Entry* upper =
        part + 1 == kParts ? nullptr : &sample[sample.size() * (part + 1) / kParts];
    MergePart(records, runs, lower, upper, argv[2] + std::to_string(part));
  });
}
