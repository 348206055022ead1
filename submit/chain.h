// A chain of jobs (`run … --then PLUGIN`): each stage is a job of its own that reads what the stage before it wrote.
// mrsubmit drives it; the coordinator knows only the stage that runs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/wire/job.h"
#include "submit/job_request.h"
#include "submit/settings.h"

namespace mr::submit {

// The stages after the first, in order. Errors: kInvalidArgument naming the option.
Result<std::vector<StageOptions>> ReadStages(const Settings& settings);

// Where stage `stage` (from 1) of a chain writes to, unless it is the last: OUTPUT/_stage1, …
std::string StageName(uint32_t stage);
std::string StageDirectory(const std::string& output_dir, uint32_t stage);

// The options of one stage as if it had been asked for alone, but for its inputs where stage > 1: those are known
// when the stage before it has ended. `whole` is what the user asked for; the last stage is whole.then.size() + 1.
RunOptions StageRunOptions(const RunOptions& whole, uint32_t stage);

// "wordcount (stage 1 of 2)": how people see the jobs of a chain; and back.
std::string StagedName(const std::string& name, uint32_t stage, uint32_t stages);
std::string WithoutStage(const wire::JobConfig& config);

}  // namespace mr::submit
