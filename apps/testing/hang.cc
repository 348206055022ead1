// Never returns from the record with the needle: spins, or sleeps with -P spin=false. For time-outs, and for a
// coordinator that must not take a hanging task for a dead worker.
#include "job_dir.h"
#include "needle_job.h"

struct Hang : testing_apps::NeedleJob<Hang> {
  mr::Param<bool> spin{"spin", "burn the processor while hanging", true};
  void Strike(View) {
    for (volatile bool forever = true; forever;) {
      if (!*spin) testing_apps::SleepMs(1000);
    }
  }
};
MR_JOB(Hang);
