// expect: Fed: map() must be public and take what its Input reads: `const mr::CsvRow& row` of mr::Csv
#include <mr/mr.hpp>
struct Fed : mr::MapOnly {
  using Input = mr::Csv;
  void map(View line, Out& out) { out.line(line); }
};
MR_JOB(Fed);
