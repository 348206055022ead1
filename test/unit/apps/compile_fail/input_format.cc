// expect: Fed: `using Input` is one of mr::Lines, mr::Blocks, mr::WholeFile, mr::FixedRecords<N>
#include <mr/mr.hpp>
struct Fed : mr::MapOnly {
  using Input = mr::Tsv;
  void map(View line, Out& out) { out.line(line); }
};
MR_JOB(Fed);
