// expect: Two: both reduce() and `using Reduce` are there: keep one
#include <mr/mr.hpp>
struct Two : mr::Job<mr::View, uint64_t> {
  void map(View line, Emit& emit) { emit(line, 1); }
  void reduce(View key, Values&, Out& out) { out.line(key); }
  using Reduce = mr::Sum;
};
MR_JOB(Two);
