// Who am I? Writes: worker name TAB records it mapped. The names must be stable ones that the cluster knows.
#include <mr/mr.hpp>

struct IdentityWorker : mr::Job<mr::View, uint64_t> {
  void map(View, Emit& emit) { emit(task().worker_name, 1); }
  using Reduce = mr::Sum;
};
MR_JOB(IdentityWorker);
