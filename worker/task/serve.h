// mrtask's main business: attempts over the link to its worker.
#pragma once

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/io/env.h"
#include "worker/task/task_link.h"
#include "worker/userjob/black_box.h"

namespace mr::worker {

// Serves TaskHello, then RunAttempt messages one after the other, until TaskGoodbye or until the
// link closes. Errors: the worker broke the protocol, or went away inside an attempt.
Status ServeAttempts(Env& env, const Clock& clock, FrameSocket& link, BlackBox& black_box);

// Maps the page that the worker shares through `descriptor` and makes a fresh black box in it.
Result<BlackBox*> MapBlackBox(int descriptor);

}  // namespace mr::worker
