// Configuration files and MR_* variables, as weaker layers under the command line:
// flag > variable > ./mr.toml (searched upwards) > ~/.config/mr/config.toml > /etc/mr/mr.toml.
//
// Keys: the names of global options at the top; [defaults] holds any long option of `run`;
// [cluster.NAME] holds coordinator, key-file and connect-timeout. The tables of the daemons
// ([worker], [log], …) are left alone.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/io/env.h"
#include "submit/command_line.h"
#include "submit/settings.h"

namespace mr::submit {

using Variables = std::function<std::optional<std::string>(const std::string& name)>;

struct ConfigPlaces {
  std::string working_directory;
  std::string home;
  std::string system_file = "/etc/mr/mr.toml";
};

// Files that exist, the strongest first. --config replaces all others; it must exist.
Result<std::vector<std::string>> ConfigFiles(Env& env, const ConfigPlaces& places,
                                             const Settings& flags, const Variables& variables);

// What one file says. Errors: kInvalidArgument with file, line and the nearest name for an unknown
// key.
struct ConfigLayer {
  std::map<std::string, Setting> top;       // global options
  std::map<std::string, Setting> defaults;  // options of run
  std::map<std::string, std::map<std::string, Setting>> clusters;
};
Result<ConfigLayer> ParseConfig(std::string_view text, const std::string& path,
                                const std::vector<OptionSpec>& run_options);

// A job file: long options of run, plus plugin, inputs, and a table [params].
Result<std::map<std::string, Setting>> ParseJobFile(std::string_view text, const std::string& path,
                                                    const std::vector<OptionSpec>& run_options);
// --param-file: name = value, nothing else. Values come back as "name=value".
Result<std::vector<std::string>> ParseParamFile(std::string_view text, const std::string& path);

// Adds variables and files below `settings`. `for_run`: [defaults] too.
Status AddWeakerLayers(Env& env, const ConfigPlaces& places, const Variables& variables,
                       const std::vector<OptionSpec>& run_options, bool for_run,
                       Settings& settings);

}  // namespace mr::submit
