// expect: ByValue: reduce() takes its values by reference: `Values& values`
#include <mr/mr.hpp>
struct ByValue : mr::Job<mr::View, uint64_t> {
  void map(View line, Emit& emit) { emit(line, 1); }
  void reduce(View key, Values values, Out& out) {
    for (uint64_t v : values) out.kv(key, v);
  }
};
MR_JOB(ByValue);
