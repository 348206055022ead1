// Throws std::invalid_argument("bad number: RECORD") on the record with the needle; with -P kind=bad_record,
// fatal or int it throws mr::BadRecord, mr::Fatal or 42.
#include "needle_job.h"

struct Throw : testing_apps::NeedleJob<Throw> {
  mr::Param<std::string> kind{"kind", "invalid_argument, bad_record, fatal or int", "invalid_argument"};
  void Strike(View record) {
    const std::string what = "bad number: " + std::string(record.substr(0, 100));
    if (*kind == "bad_record") throw mr::BadRecord(what);
    if (*kind == "fatal") throw mr::Fatal(what);
    if (*kind == "int") throw 42;
    throw std::invalid_argument(what);
  }
};
MR_JOB(Throw);
