// expect: SumOfText: this `using Reduce` does not work on the job's Value type
#include <mr/mr.hpp>
struct SumOfText : mr::Job<mr::View, mr::View> {
  void map(View line, Emit& emit) { emit(line, "1"); }
  using Reduce = mr::Sum;
};
MR_JOB(SumOfText);
