// expect: NoReduce: there is no reduce; write `void reduce(Group group, Values& values, Out& out)` or `using Reduce = mr::Sum;`
#include <mr/mr.hpp>
struct NoReduce : mr::Job<mr::View, uint64_t> {
  void map(View line, Emit& emit) { emit(line, 1); }
};
MR_JOB(NoReduce);
