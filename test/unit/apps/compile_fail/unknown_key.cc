// expect: mr::Job<Key, Value>: there is no mr::Codec for this key type
#include <mr/mr.hpp>
struct Point {
  int x, y;
};
struct ByPoint : mr::Job<Point, uint64_t> {
  void map(View, Emit& emit) { emit(Point{1, 2}, 1); }
  using Reduce = mr::Sum;
};
MR_JOB(ByPoint);
