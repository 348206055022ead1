// expect: Private: map() must be public
#include <mr/mr.hpp>
class Private : public mr::Job<mr::View, uint64_t> {
  void map(View line, Emit& emit) { emit(line, 1); }

 public:
  using Reduce = mr::Sum;
};
MR_JOB(Private);
