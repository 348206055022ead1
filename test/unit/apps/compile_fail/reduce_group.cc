// expect: WrongGroup: reduce() must be public and `void reduce(Group group, Values& values, Out& out)`
#include <mr/mr.hpp>
struct WrongGroup : mr::Job<mr::View, uint64_t> {
  void map(View line, Emit& emit) { emit(line, 1); }
  void reduce(int group, Values& values, Out& out) {
    for (uint64_t v : values) out.kv(group, v);
  }
};
MR_JOB(WrongGroup);
