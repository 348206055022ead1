#include "worker/run/arena.h"

#include <sys/mman.h>

#include <new>

namespace mr::worker {
namespace {

constexpr uint64_t kHugePageBytes = 2u << 20;

}  // namespace

Arena::Arena(uint64_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  // Begins at a huge page's boundary: what is mapped before it is given back.
  const uint64_t slack = bytes >= kHugePageBytes ? kHugePageBytes : 0;
  void* mapped =
      ::mmap(nullptr, bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<char*>(mapped);
  if (slack == 0) return;
  const uint64_t before = -reinterpret_cast<uintptr_t>(mapped) % kHugePageBytes;
  if (before > 0) ::munmap(mapped, before);
  data_ += before;
  // Whole pages behind the end go back too.
  const uint64_t end = (bytes + 4095) / 4096 * 4096;
  if (bytes + slack - before > end) ::munmap(data_ + end, bytes + slack - before - end);
  ::madvise(data_, bytes, MADV_HUGEPAGE);  // a wish
}

Arena Arena::AtMost(uint64_t bytes, uint64_t least) {
  for (; bytes / 2 >= least; bytes /= 2) {
    try {
      return Arena(bytes);
    } catch (const std::bad_alloc&) {
    }
  }
  return Arena(bytes);
}

Arena Arena::Reuse(Arena* kept, uint64_t bytes, uint64_t least) {
  if (kept != nullptr && kept->size() == bytes) return std::move(*kept);
  if (kept != nullptr) *kept = Arena(0);
  return AtMost(bytes, least);
}

void Arena::Keep(Arena* kept, Arena arena, uint64_t bytes) {
  if (kept != nullptr && arena.size() == bytes) *kept = std::move(arena);
}

Arena::~Arena() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace mr::worker
