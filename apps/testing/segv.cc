// Writes through a null pointer on the record with the needle: the attempt dies of SIGSEGV, and the worker must
// still be able to name the record.
#include "needle_job.h"

struct Segv : testing_apps::NeedleJob<Segv> {
  void Strike(View) {
    int* volatile nowhere = nullptr;
    *nowhere = 1;
  }
};
MR_JOB(Segv);
