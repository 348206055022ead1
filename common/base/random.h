// Seeded randomness. Cores and tests are
// given a seed; only shells call RandomSeed().
#pragma once

#include <cstdint>

namespace mr {

// SplitMix64 (Steele, Lea, Flood 2014): one 64-bit state, every seed is good. One thread.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // Uniform in [0, bound); bound 0 gives 0.
  uint64_t Below(uint64_t bound) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * bound) >> 64);
  }
  bool Chance(double probability) { return static_cast<double>(Next() >> 11) * 0x1.0p-53 < probability; }

 private:
  uint64_t state_;
};

uint64_t RandomSeed();  // from the operating system

}  // namespace mr
