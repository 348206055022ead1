// What mrsubmit's exit code says; shown by `mrsubmit help exit-codes`. New codes may be added:
// scripts treat any unknown non-zero code as failure.
#pragma once

#include "common/base/result.h"
#include "common/wire/control.h"

namespace mr::submit {

inline constexpr int kExitDone = 0;          // the job succeeded / the command did what was asked
inline constexpr int kExitFailed = 1;        // the job ran and failed
inline constexpr int kExitUsage = 2;         // command line or configuration; nothing was sent
inline constexpr int kExitKilled = 3;        // the job was killed
inline constexpr int kExitStillRunning = 4;  // we stopped watching, the job goes on
inline constexpr int kExitNotFound = 5;      // no such job, task, worker or output
inline constexpr int kExitRefused = 6;       // refused before start
inline constexpr int kExitUnreachable = 7;   // no answer from the coordinator in time
inline constexpr int kExitNotAllowed = 8;
inline constexpr int kExitBug = 70;           // EX_SOFTWARE of sysexits.h
inline constexpr int kExitInterrupted = 130;  // our Ctrl-C killed the job
inline constexpr int kExitTerminated = 143;   // a SIGTERM to us killed the job

// For an error answered by the coordinator, or by the way to it.
int ExitCodeOf(const Error& error);
// For a job that has ended; kExitStillRunning for one that has not.
int ExitCodeOf(wire::JobState state);

}  // namespace mr::submit
