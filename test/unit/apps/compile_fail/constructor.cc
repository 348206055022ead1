// expect: Needs: a job must have a public constructor without parameters
#include <mr/mr.hpp>
struct Needs : mr::MapOnly {
  explicit Needs(int) {}
  void map(View line, Out& out) { out.line(line); }
};
MR_JOB(Needs);
