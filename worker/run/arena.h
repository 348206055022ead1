// Memory of a fixed size for much data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace mr::worker {

// Address space taken at once, memory page by page as it is touched: a small job pays for what it uses, and nothing
// is ever copied to grow. Asks for huge pages, since what is sorted by key is read all over the place. Throws
// std::bad_alloc when the process may not have so much (RLIMIT_DATA counts all of it). One thread.
class Arena {
 public:
  explicit Arena(uint64_t bytes);  // 0: none
  // As above, but content with half, a quarter … when the process may not have so much, down to `least`.
  static Arena AtMost(uint64_t bytes, uint64_t least);
  // What is in `kept` (which may be null) if it has `bytes` bytes, so that pages touched once are not made again; else it
  // is freed, and the answer is as AtMost's. Keep puts `arena` there unless it has another size than `bytes` by now.
  static Arena Reuse(Arena* kept, uint64_t bytes, uint64_t least);
  static void Keep(Arena* kept, Arena arena, uint64_t bytes);
  ~Arena();
  Arena(Arena&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Arena& operator=(Arena&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  char* data() const { return data_; }
  uint64_t size() const { return size_; }

 private:
  char* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace mr::worker
