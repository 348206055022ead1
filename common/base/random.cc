#include "common/base/random.h"

#include <sys/random.h>

#include <cerrno>

#include "common/base/logging.h"

namespace mr {

// Not std::random_device: it asks the processor, and throws when that has nothing to give, as happens under load.
uint64_t RandomSeed() {
  uint64_t seed = 0;
  // So few bytes are never cut short, nor interrupted once the kernel's generator is ready.
  while (::getrandom(&seed, sizeof seed, 0) != static_cast<ssize_t>(sizeof seed)) CHECK(errno == EINTR) << "getrandom";
  return seed;
}

}  // namespace mr
