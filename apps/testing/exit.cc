// Calls exit(3) on the record with the needle; with -P code=N exit(N), with -P code=-1 abort().
#include <cstdlib>

#include "needle_job.h"

struct Exit : testing_apps::NeedleJob<Exit> {
  mr::Param<int> code{"code", "what to exit with; -1: abort()", 3};
  void Strike(View) {
    if (*code < 0) std::abort();
    std::exit(*code);
  }
};
MR_JOB(Exit);
