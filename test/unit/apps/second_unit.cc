// A second source file with jobs: the SDK's weak entry and its tag must fold into one. job_test.cc looks for it.
#include <mr/mr.hpp>

namespace {
struct SecondUnitJob : mr::MapOnly {
  static constexpr const char* kHelp = "from another source file";
  void map(View line, Out& out) { out.line(line); }
};
}  // namespace
MR_JOB(SecondUnitJob);
