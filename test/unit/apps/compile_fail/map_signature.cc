// expect: Wrong: map() must be public and `void map(mr::View record, Emit& emit)` or `void map(const mr::Record& record, Emit& emit)`
#include <mr/mr.hpp>
struct Wrong : mr::Job<mr::View, uint64_t> {
  void map(View file, View line, Emit& emit) { emit(file, line.size()); }
  using Reduce = mr::Sum;
};
MR_JOB(Wrong);
