// Writing to disk begins while the file still grows, so that its fsync finds little left to do.
#pragma once

#include "common/io/env.h"

namespace mr {

// Asks the kernel to write out what was appended since the last call; waits for nothing unless the disk is far
// behind, promises nothing: Sync is still needed. Does nothing for files that are not on a disk (the fakes).
void BeginWriteback(WritableFile& file);

}  // namespace mr
