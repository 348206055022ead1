// expect: mr::Param<T>: T is std::string, an integer, double, bool, mr::Size, mr::Duration, a std::vector of these, or an enum
#include <mr/mr.hpp>
struct Odd : mr::MapOnly {
  mr::Param<mr::View> text{"text", "some text"};
  void map(View line, Out& out) { out.line(line); }
};
MR_JOB(Odd);
