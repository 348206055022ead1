// Removes a directory when this process is killed before it could do so itself.
#pragma once

#include <string>

#include "common/base/result.h"

namespace mr::submit {

// A process of its own that waits at a socket. Children started later hold its other end too:
// so it acts when the last of them has gone, and nobody writes into the directory any more.
class Janitor {
 public:
  Janitor() = default;
  // Call before any thread exists (the child goes on without exec). Errors: kIo.
  static Result<Janitor> Start(const std::string& directory);
  // The directory is its owner's business again.
  ~Janitor();
  Janitor(Janitor&& other) noexcept { *this = std::move(other); }
  Janitor& operator=(Janitor&& other) noexcept;

 private:
  int socket_ = -1;
  int pid_ = 0;
};

}  // namespace mr::submit
