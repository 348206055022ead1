// expect: Plain: a job derives publicly from mr::Job<Key, Value> or mr::MapOnly
#include <mr/mr.hpp>
struct Plain {
  void map(mr::View, mr::Out&) {}
};
MR_JOB(Plain);
