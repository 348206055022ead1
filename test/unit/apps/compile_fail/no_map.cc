// expect: NoMap: there is no map(); write `void map(mr::View line, Emit& emit)`
#include <mr/mr.hpp>
struct NoMap : mr::Job<mr::View, uint64_t> {
  using Reduce = mr::Sum;
};
MR_JOB(NoMap);
