// Changes an input a little, or a lot: what a damaged disk, a hostile peer or an older program
// would send.
#pragma once

#include <string>
#include <vector>

#include "common/base/random.h"

namespace mr::fuzz {

// One of `inputs` (not empty), changed in one to eight places, at most `bytes_max` long.
std::string Mutate(Random& random, const std::vector<std::string>& inputs, size_t bytes_max);

}  // namespace mr::fuzz
