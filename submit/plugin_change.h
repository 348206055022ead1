// May another plugin stand in for the one a job was submitted with? Its attempts read what the old one's wrote, so the
// job's name and its types must be the same.
#pragma once

#include <string>

#include "common/io/env.h"
#include "common/wire/job.h"
#include "submit/cluster.h"
#include "submit/plugin_info.h"

namespace mr::submit {

// Errors: kInvalidArgument naming what differs.
Status CheckReplacement(const PluginJob& before, const PluginJob& now, const wire::JobConfig& config);

// The plugin that a job of the cluster uses, as mrtask describes it.
Result<PluginInfo> DescribeStored(Env& env, Cluster& cluster, const wire::JobConfig& config);

// Everything that a submission would check of `plugin`, and CheckReplacement; what mrtask says of it.
// Errors: kInvalidArgument, kNotFound.
Result<PluginInfo> CheckNewPlugin(Env& env, Cluster& cluster, const wire::JobConfig& config, const PluginCopy& plugin);

}  // namespace mr::submit
