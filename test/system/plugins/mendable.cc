// Word count that cannot bear the word "boom"; built a second time with MENDED it can. A third build, OTHER_TYPE, has
// values of another type, and so can stand in for neither.
#include <mr/mr.hpp>

#include <stdexcept>

#ifdef OTHER_TYPE
using Count = int64_t;
#else
using Count = uint64_t;
#endif

struct Mendable : mr::Job<mr::View, Count> {
  void map(View line, Emit& emit) {
    for (const View word : mr::words(line)) {
#ifndef MENDED
      if (word == "boom") throw std::runtime_error("boom");
#endif
      emit(word, 1);
    }
  }
  using Reduce = mr::Sum;
};
MR_JOB(Mendable);
