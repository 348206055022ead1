// expect: mr::Job<Key, Value>: there is no mr::Codec for this value type
#include <mr/mr.hpp>
#include <vector>
struct ByList : mr::Job<mr::View, std::tuple<int, std::vector<int>>> {
  void map(View line, Emit& emit) { emit(line, {1, {}}); }
  using Reduce = mr::Identity;
};
MR_JOB(ByList);
