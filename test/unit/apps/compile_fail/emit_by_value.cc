// expect: Copies: map() must be public and `void map(mr::View record, Emit& emit)`
#include <mr/mr.hpp>
struct Copies : mr::Job<mr::View, uint64_t> {
  void map(View line, Emit emit) { emit(line, 1); }
  using Reduce = mr::Sum;
};
MR_JOB(Copies);
