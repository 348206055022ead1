// Throws std::invalid_argument("bad number: RECORD") on the record with the needle; with -P kind=bad_record,
// fatal or int it throws mr::BadRecord, mr::Fatal or 42.
#include "needle_job.h"

enum class Kind { kInvalidArgument, kBadRecord, kFatal, kInt };

struct Throw : testing_apps::NeedleJob<Throw> {
  mr::Param<Kind> kind{"kind",
                       "what is thrown",
                       {{"invalid_argument", Kind::kInvalidArgument},
                        {"bad_record", Kind::kBadRecord},
                        {"fatal", Kind::kFatal},
                        {"int", Kind::kInt}},
                       Kind::kInvalidArgument};
  void Strike(View record) {
    const std::string what = "bad number: " + std::string(record.substr(0, 100));
    if (*kind == Kind::kBadRecord) throw mr::BadRecord(what);
    if (*kind == Kind::kFatal) throw mr::Fatal(what);
    if (*kind == Kind::kInt) throw 42;
    throw std::invalid_argument(what);
  }
};
MR_JOB(Throw);
