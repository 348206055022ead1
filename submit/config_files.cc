#include "submit/config_files.h"

#include <toml++/toml.h>
#include <algorithm>
#include <cmath>

#include "common/base/strings.h"

namespace mr::submit {
namespace {

std::string Where(const std::string& path, const toml::node& value) {
  return StrCat(path, ":", value.source().begin.line);
}

std::optional<std::string> ScalarText(const toml::node& value) {
  if (const auto* text = value.as_string()) return text->get();
  if (const auto* number = value.as_integer()) return StrCat(number->get());
  if (const auto* flag = value.as_boolean()) return std::string(flag->get() ? "true" : "false");
  if (const auto* real = value.as_floating_point()) {
    std::ostringstream out;
    out.precision(15);
    out << real->get();
    return out.str();
  }
  return std::nullopt;
}

Result<Setting> ToSetting(const toml::node& value, const std::string& path, std::string_view key) {
  Setting setting;
  setting.origin = Where(path, value);
  if (const toml::array* list = value.as_array()) {
    for (const toml::node& item : *list) {
      const std::optional<std::string> text = ScalarText(item);
      if (!text) {
        return Fail(ErrorCode::kInvalidArgument,
                    StrCat(Where(path, item), ": '", key,
                           "' holds something that is not text or a number"));
      }
      setting.values.push_back(*text);
    }
    return setting;
  }
  const std::optional<std::string> text = ScalarText(value);
  if (!text) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat(setting.origin, ": '", key,
                       "' must be text, a number, true, false or a list of them"));
  }
  setting.values = {*text};
  return setting;
}

tl::unexpected<Error> UnknownKey(const std::string& where, std::string_view key,
                                 std::string_view table, const std::vector<std::string>& known) {
  const std::string_view near = Nearest(key, known);
  return Fail(
      ErrorCode::kInvalidArgument,
      StrCat(where, ": unknown key '", key, "'", table.empty() ? "" : StrCat(" in [", table, "]"),
             near.empty() ? std::string() : StrCat(". Did you mean ", near, "?")));
}

Result<std::map<std::string, Setting>> TakeTable(const toml::table& table, const std::string& path,
                                                 std::string_view name,
                                                 const std::vector<std::string>& known) {
  std::map<std::string, Setting> settings;
  for (const auto& [key, value] : table) {
    const std::string key_text(key.str());
    if (std::find(known.begin(), known.end(), key_text) == known.end()) {
      return UnknownKey(Where(path, value), key_text, name, known);
    }
    MR_ASSIGN_OR_RETURN(Setting setting, ToSetting(value, path, key_text));
    settings.emplace(key_text, std::move(setting));
  }
  return settings;
}

std::vector<std::string> NamesOf(const std::vector<OptionSpec>& options) {
  std::vector<std::string> names;
  for (const OptionSpec& option : options) names.push_back(option.name);
  return names;
}

Result<toml::table> ParseToml(std::string_view text, const std::string& path) {
  try {
    return toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat(path, ":", error.source().begin.line, ": ", error.description()));
  }
}

constexpr std::string_view kDaemonTables[] = {"coordinator", "worker", "log", "auth"};

std::string ExpandHome(std::string path, const std::string& home) {
  if (path.starts_with("~/")) return JoinPath(home, path.substr(2));
  return path;
}

Status TakeClusters(const toml::node& value, const std::string& path, ConfigLayer& layer) {
  const toml::table* tables = value.as_table();
  for (const auto& [key, entry] : *tables) {
    const toml::table* table = entry.as_table();
    if (table == nullptr) {
      return Fail(
          ErrorCode::kInvalidArgument,
          StrCat(Where(path, entry), ": write [cluster.NAME] with coordinator = \"…\" in it"));
    }
    MR_ASSIGN_OR_RETURN(auto settings, TakeTable(*table, path, StrCat("cluster.", key.str()),
                                                 {"coordinator", "key-file", "connect-timeout"}));
    layer.clusters.emplace(std::string(key.str()), std::move(settings));
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> ConfigFiles(Env& env, const ConfigPlaces& places,
                                             const Settings& flags, const Variables& variables) {
  if (flags.Flag("no-config")) return std::vector<std::string>();
  std::string chosen = flags.Get("config");
  if (chosen.empty()) chosen = variables("MR_CONFIG").value_or("");
  if (!chosen.empty()) {
    if (!env.Exists(chosen)) {
      return Fail(ErrorCode::kInvalidArgument,
                  StrCat("the configuration file ", chosen, " does not exist"));
    }
    return std::vector<std::string>{chosen};
  }
  std::vector<std::string> files;
  for (std::string directory = places.working_directory; !directory.empty();) {
    const std::string path = JoinPath(directory, "mr.toml");
    if (env.Exists(path)) {
      files.push_back(path);
      break;
    }
    const std::string parent = ParentPath(directory);
    if (parent == directory) break;
    directory = parent;
  }
  const std::string config_home =
      variables("XDG_CONFIG_HOME").value_or(JoinPath(places.home, ".config"));
  for (const std::string& path : {JoinPath(config_home, "mr/config.toml"), places.system_file}) {
    if (env.Exists(path)) files.push_back(path);
  }
  return files;
}

Result<ConfigLayer> ParseConfig(std::string_view text, const std::string& path,
                                const std::vector<OptionSpec>& run_options) {
  MR_ASSIGN_OR_RETURN(const toml::table document, ParseToml(text, path));
  std::vector<std::string> top_names = NamesOf(GlobalOptions());
  std::vector<std::string> default_names = NamesOf(run_options);
  default_names.insert(default_names.end(), top_names.begin(), top_names.end());
  ConfigLayer layer;
  for (const auto& [key, value] : document) {
    const std::string name(key.str());
    const bool is_table = value.is_table();
    if (is_table && std::find(std::begin(kDaemonTables), std::end(kDaemonTables), name) !=
                        std::end(kDaemonTables)) {
      continue;
    }
    if (is_table && name == "defaults") {
      MR_ASSIGN_OR_RETURN(layer.defaults, TakeTable(*value.as_table(), path, name, default_names));
    } else if (is_table && name == "cluster") {
      MR_RETURN_IF_ERROR(TakeClusters(value, path, layer));
    } else if (!is_table &&
               std::find(top_names.begin(), top_names.end(), name) != top_names.end()) {
      MR_ASSIGN_OR_RETURN(Setting setting, ToSetting(value, path, name));
      layer.top.emplace(name, std::move(setting));
    } else {
      std::vector<std::string> known = top_names;
      for (const char* table : {"defaults", "cluster", "worker", "log", "auth"})
        known.push_back(table);
      return UnknownKey(Where(path, value), name, "", known);
    }
  }
  return layer;
}

Result<std::map<std::string, Setting>> ParseJobFile(std::string_view text, const std::string& path,
                                                    const std::vector<OptionSpec>& run_options) {
  MR_ASSIGN_OR_RETURN(toml::table document, ParseToml(text, path));
  Setting params;
  if (const toml::table* table = document["params"].as_table()) {
    for (const auto& [key, value] : *table) {
      MR_ASSIGN_OR_RETURN(const Setting one, ToSetting(value, path, key.str()));
      params.values.push_back(StrCat(key.str(), "=", Join(one.values, ",")));
      params.origin = one.origin;
    }
    document.erase("params");
  }
  std::vector<std::string> known = NamesOf(run_options);
  known.push_back("plugin");
  known.push_back("inputs");
  MR_ASSIGN_OR_RETURN(auto settings, TakeTable(document, path, "", known));
  if (!params.values.empty()) settings.emplace("param", std::move(params));
  return settings;
}

Result<std::vector<std::string>> ParseParamFile(std::string_view text, const std::string& path) {
  MR_ASSIGN_OR_RETURN(const toml::table document, ParseToml(text, path));
  std::vector<std::string> params;
  for (const auto& [key, value] : document) {
    const std::optional<std::string> scalar = ScalarText(value);
    if (!scalar) {
      return Fail(ErrorCode::kInvalidArgument,
                  StrCat(Where(path, value), ": parameter '", key.str(),
                         "' must be text, a number, true or false"));
    }
    params.push_back(StrCat(key.str(), "=", *scalar));
  }
  return params;
}

Status AddWeakerLayers(Env& env, const ConfigPlaces& places, const Variables& variables,
                       const std::vector<OptionSpec>& run_options, bool for_run,
                       Settings& settings) {
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> files,
                      ConfigFiles(env, places, settings, variables));
  for (const OptionSpec& option : GlobalOptions()) {
    const std::string variable = VariableOf(option);
    if (variable.empty()) continue;
    if (const std::optional<std::string> value = variables(variable)) {
      settings.AddWeaker(option.name, Setting{{*value}, variable});
    }
  }
  std::vector<ConfigLayer> layers;
  for (const std::string& path : files) {
    MR_ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(env, path, 1u << 20));
    MR_ASSIGN_OR_RETURN(ConfigLayer layer, ParseConfig(text, path, run_options));
    layers.push_back(std::move(layer));
  }
  // The cluster is chosen first: what its table says is stronger than a general key of any file.
  for (const ConfigLayer& layer : layers) {
    if (layer.top.contains("cluster")) settings.AddWeaker("cluster", layer.top.at("cluster"));
  }
  if (const std::string cluster = settings.Get("cluster"); !cluster.empty()) {
    std::vector<std::string> known;
    bool found = false;
    for (const ConfigLayer& layer : layers) {
      for (const auto& [name, table] : layer.clusters) {
        known.push_back(name);
        if (name != cluster) continue;
        found = true;
        for (const auto& [key, setting] : table) settings.AddWeaker(key, setting);
      }
    }
    if (!found && !settings.Has("coordinator")) {
      const std::string_view near = Nearest(cluster, known);
      return Fail(ErrorCode::kInvalidArgument,
                  StrCat("no configuration file has a table [cluster.", cluster, "]",
                         near.empty() ? std::string() : StrCat(". Did you mean ", near, "?")));
    }
  }
  for (ConfigLayer& layer : layers) {
    if (for_run) {
      for (auto& [key, setting] : layer.defaults) settings.AddWeaker(key, std::move(setting));
    }
    for (auto& [key, setting] : layer.top) settings.AddWeaker(key, std::move(setting));
  }
  if (settings.Has("key-file")) {
    // Only files may write ~: the shell has expanded it everywhere else.
    const Setting key_file = settings.values().at("key-file");
    settings.Replace("key-file",
                     Setting{{ExpandHome(settings.Get("key-file"), places.home)}, key_file.origin});
  }
  return {};
}

}  // namespace mr::submit
