// expect: mr::First<N> groups by the first N parts of a key: the key must be a tuple
#include <mr/mr.hpp>
struct Grouped : mr::Job<mr::View, uint64_t, mr::First<1>> {
  void map(View line, Emit& emit) { emit(line, 1); }
  using Reduce = mr::Sum;
};
MR_JOB(Grouped);
