// Writes into the black box how this process dies, as far as a dying process can: signal, fault
// address, stack, first bytes of the current record; and the status of an exit() that user code
// called.
#pragma once

#include <csignal>

#include "worker/userjob/black_box.h"

namespace mr::worker {

// By which the worker asks a living task for its stack (BlackBox::live_frames); the task goes on.
inline int StackSignal() { return SIGRTMAX - 1; }

// Installs handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT (and SIGQUIT, by which the worker
// asks for the stack of a task it is about to kill), on a stack of their own, and a hook on exit().
// Afterwards the earlier action of the signal takes place. `box` must live as long as the process.
// Call once, from the main thread.
void InstallCrashHandler(BlackBox& box);

}  // namespace mr::worker
