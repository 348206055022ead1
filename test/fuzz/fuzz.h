// What every fuzz target is: a function that takes any bytes and must neither crash nor break its
// own checks, and inputs to begin with. Run by libFuzzer (preset "fuzz", clang), and by
// fuzz_driver.cc in every other build.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mr::fuzz {

// CHECKs whatever has to hold for any input. No state from one call to the next.
void OneInput(std::string_view bytes);

// Valid inputs, made by the code under test: they never rot. The corpus in the tree adds to them.
std::vector<std::string> Seeds();

}  // namespace mr::fuzz
