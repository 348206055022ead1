// Writes through a null pointer on the record with the needle: the attempt dies of SIGSEGV, and the worker must
// still be able to name the record.
#include "needle_job.h"

struct Segv : testing_apps::NeedleJob<Segv> {
  void Strike(View) {
    volatile int* volatile nowhere = nullptr;  // or the compiler sees through it and drops the store
    *nowhere = 1;
  }
};
MR_JOB(Segv);
