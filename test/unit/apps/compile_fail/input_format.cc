// expect: Fed: `using Input` is one of mr::Lines, mr::Blocks, mr::WholeFile, mr::FixedRecords<N>, mr::Csv, mr::JsonLines, mr::KeyValueFile
#include <mr/mr.hpp>
struct Fed : mr::MapOnly {
  using Input = mr::Tsv;
  void map(View line, Out& out) { out.line(line); }
};
MR_JOB(Fed);
