// expect: Setup: setup() must be public and `void setup(Task& task)`
#include <mr/mr.hpp>
struct Setup : mr::MapOnly {
  void setup(int) {}
  void map(View line, Out& out) { out.line(line); }
};
MR_JOB(Setup);
