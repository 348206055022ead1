// Which workers can load a job's plugin: those that speak its ABI. Pure.
#pragma once

#include <string>

#include "common/base/result.h"
#include "coordinator/core/worker_table.h"

namespace mr::coordinator {

// The same major version, and a minor one that is not older. Who did not say, plugin or worker, may try.
bool Speaks(const wire::RegisterRequest& worker, const wire::PluginBuild& plugin);

// Whether every worker that is alive speaks it: where some do not, a job would run or wait depending on who is
// there. Errors: kUnsupported, naming the plugin, its ABI, and the workers with theirs.
Status CheckAbi(const std::string& plugin_name, const wire::PluginBuild& plugin, const WorkerTable& workers);

std::string AbiText(const wire::PluginBuild& plugin);  // "2.0"

}  // namespace mr::coordinator
