// One short line per record and reply: for scenario files and for the log at debug level.
// wire::Describe prints every field; these print what a reader follows a conversation by.
#pragma once

#include <string>

#include "coordinator/core/events.h"

namespace mr::coordinator {

std::string Brief(const wire::Record& record);      // "MapCompleted j1-m0.0 by w1@1"
std::string Brief(const wire::ResponseBody& body);  // "assigned j1-m0.0 /a[0,100)"
std::string Brief(const wire::JobView& job);        // "j1 running: map 1/2 (1 running) reduce 0/1"
std::string Brief(const wire::TaskView& task);  // "j1-m0 completed: .0 aborted w1 (worker w1 was
                                                // lost), .1 completed w2"

std::string Counted(uint64_t count, std::string_view thing);  // "1 task", "2 tasks"

std::string_view JobStateName(wire::JobState state);
std::string_view TaskStateName(wire::TaskState state);
std::string_view AttemptStateName(wire::AttemptState state);

}  // namespace mr::coordinator
