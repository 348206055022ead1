// expect: Parted: partition() must be public and `uint32_t partition(const Key& key, uint32_t count)`
#include <mr/mr.hpp>
struct Parted : mr::Job<mr::View, uint64_t> {
  void map(View line, Emit& emit) { emit(line, 1); }
  uint32_t partition(View key) { return static_cast<uint32_t>(key.size()); }
  using Reduce = mr::Sum;
};
MR_JOB(Parted);
