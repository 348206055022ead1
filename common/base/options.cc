#include "common/base/options.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <toml++/toml.h>

#include "common/abi/mr_abi.h"
#include "common/base/log_level.h"
#include "common/base/strings.h"
#include "common/base/version.h"

namespace mr {
namespace {

// The deepest subcommand that was named on the command line.
const CLI::App& Deepest(const CLI::App& app) {
  const auto subcommands = app.get_subcommands();
  return subcommands.empty() ? app : Deepest(*subcommands.back());
}

std::string CommandPath(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent == nullptr ? app.get_name() : StrCat(CommandPath(*parent), " ", app.get_name());
}

std::vector<std::string> LongNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* level = &app; level != nullptr; level = level->get_parent()) {
    for (const CLI::Option* option : level->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back(name);
    }
  }
  return names;
}

std::string ConfigKey(const CLI::Option& option) {
  return option.get_lnames().empty() ? std::string() : option.get_lnames().front();
}

// What only makes sense on a command line.
bool IsSetting(std::string_view key) {
  return !key.empty() && key != "help" && key != "version" && key != "json" && !key.ends_with("config");
}

// Tables that all daemons share: their keys are options of a common purpose.
struct SharedTable {
  const char* name;
  const char* prefix;  // [log] level is --log-level
  std::vector<std::string> keys;
};
const std::vector<SharedTable>& SharedTables() {
  static const std::vector<SharedTable> tables = {{"log", "log-", {"level", "format", "file"}},
                                                  {"auth", "", {"auth", "key-file", "insecure"}}};
  return tables;
}

tl::unexpected<Error> UnknownKey(const std::string& origin, const std::string& key, const std::string& table,
                                 const std::vector<std::string>& known) {
  const std::string_view nearest = Nearest(key, known);
  return Fail(ErrorCode::kInvalidArgument,
              StrCat(origin, ": unknown key '", key, "'", table.empty() ? "" : StrCat(" in [", table, "]"),
                     nearest.empty() ? "" : StrCat("; did you mean ", nearest, "?")));
}

// What is wrong with an argument that no option took.
std::string DescribeExtra(const CLI::App& app, const std::string& extra) {
  if (extra.starts_with("-")) {
    const std::string name(Trim(std::string_view(extra).substr(std::min(extra.find_first_not_of('-'), extra.size()))));
    const std::string bare = name.substr(0, name.find('='));
    const std::vector<std::string> names = LongNames(app);
    const std::string_view nearest = Nearest(bare, names);
    return StrCat("unknown option ", extra, nearest.empty() ? "" : StrCat("; did you mean --", nearest, "?"));
  }
  std::vector<std::string> commands;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    commands.push_back(command->get_name());
    for (const std::string& alias : command->get_aliases()) commands.push_back(alias);
  }
  if (commands.empty()) return StrCat("unexpected argument '", extra, "'");
  const std::string_view nearest = Nearest(extra, commands);
  return StrCat("unknown command '", extra, "'", nearest.empty() ? "" : StrCat("; did you mean ", nearest, "?"));
}

int ReportUsage(const CLI::App& app, const std::string& what) {
  const std::string path = CommandPath(app);
  std::cerr << CommandPath(app).substr(0, path.find(' ')) << ": " << what << "\n"
            << "try '" << path << " --help'\n";
  return 2;
}

// `parse` turns text into a value or says what is wrong with it.
template <class T, class Parse>
CLI::Option* AddParsed(CLI::App& app, const std::string& name, T& target, const std::string& help, Parse parse) {
  return app.add_option_function<std::string>(
      name,
      [&target, name, parse](const std::string& text) {
        auto value = parse(text);
        if (!value) throw CLI::ValidationError(name, value.error().text);
        target = static_cast<T>(*value);
      },
      help);
}

std::string NodeText(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  std::ostringstream out;
  out << toml::node_view<const toml::node>(node);
  return out.str();
}

Result<toml::table> ParseToml(const std::string& path) {
  try {
    return toml::parse_file(path);
  } catch (const toml::parse_error& error) {
    if (::access(path.c_str(), F_OK) != 0) {
      return Fail(ErrorCode::kNotFound, StrCat("there is no configuration file ", path));
    }
    return Fail(ErrorCode::kInvalidArgument,
                StrCat(path, ":", error.source().begin.line, ": ", std::string_view(error.description())));
  }
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string ValueText(const std::vector<std::string>& values) {
  std::vector<std::string> quoted;
  for (const std::string& value : values) quoted.push_back(Quoted(value));
  return quoted.empty() ? "\"\"" : quoted.size() == 1 ? quoted[0] : StrCat("[", Join(quoted, ", "), "]");
}

// The effective value of each setting, by option.
std::map<std::string, std::string> SettingTexts(const CLI::App& app) {
  std::map<std::string, std::string> texts;
  for (const CLI::Option* option : app.get_options()) {
    if (!IsSetting(ConfigKey(*option))) continue;
    std::vector<std::string> values = option->results();
    if (values.empty() && !option->get_default_str().empty()) values.push_back(option->get_default_str());
    texts[ConfigKey(*option)] = ValueText(values);
  }
  return texts;
}

}  // namespace

CLI::Option* AddSize(CLI::App& app, const std::string& name, uint64_t& bytes, const std::string& help) {
  return AddParsed(app, name, bytes, help, [](const std::string& text) { return ParseSize(text); })
      ->type_name("SIZE")
      ->default_str(bytes == 0 ? "" : FormatSize(bytes));
}

CLI::Option* AddDuration(CLI::App& app, const std::string& name, int64_t& milliseconds, const std::string& help) {
  const std::string shown = milliseconds % 1000 == 0 ? StrCat(milliseconds / 1000, "s") : StrCat(milliseconds, "ms");
  return AddParsed(app, name, milliseconds, help, [](const std::string& text) { return ParseDurationMs(text); })
      ->type_name("DURATION")
      ->default_str(milliseconds == 0 ? "" : shown);
}

CLI::Option* AddPairs(CLI::App& app, const std::string& name, std::map<std::string, std::string>& pairs,
                      const std::string& help) {
  return app
      .add_option_function<std::vector<std::string>>(
          name,
          [&pairs, name](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              for (const std::string_view pair : Split(text, ',')) {
                const size_t equals = pair.find('=');
                if (equals == 0 || equals == std::string_view::npos) {
                  throw CLI::ValidationError(name, StrCat("'", pair, "' is not NAME=VALUE"));
                }
                pairs[std::string(pair.substr(0, equals))] = std::string(pair.substr(equals + 1));
              }
            }
          },
          help)
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->take_all();
}

void AddLogOptions(CLI::App& app, LogOptions& options) {
  app.add_option("--log-level", options.level, "debug, info, warning or error")
      ->capture_default_str()
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  app.add_option("--log-format", options.format, "text, or json: one object per line")
      ->capture_default_str()
      ->check(CLI::IsMember({"text", "json"}));
  app.add_option("--log-file", options.file, "append to this file instead of stderr");
}

std::string ProgramVersion() { return kVersion; }

std::string VersionText(const std::string& program, bool json, const std::string& libzmq) {
  if (json) {
    return StrCat("{\"program\":\"", program, "\",\"version\":\"", kVersion, "\",\"revision\":\"", kRevision,
                  "\",\"abi\":\"", MR_ABI_MAJOR, ".", MR_ABI_MINOR, "\",\"build\":\"", kBuildType, "\"",
                  libzmq.empty() ? "" : StrCat(",\"libzmq\":\"", libzmq, "\""), "}\n");
  }
  return StrCat(program, " ", kVersion, " (", kRevision, ", plugin ABI ", MR_ABI_MAJOR, ".", MR_ABI_MINOR, ", ",
                kBuildType, libzmq.empty() ? "" : StrCat(", libzmq ", libzmq), ")\n");
}

std::optional<int> ParseCommandLine(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    std::cout << Deepest(app).help();
    return 0;
  } catch (const CLI::CallForAllHelp&) {
    std::cout << app.help("", CLI::AppFormatMode::All);
    return 0;
  } catch (const CLI::Success&) {
    return 0;
  } catch (const CLI::ExtrasError&) {
    const CLI::App& deepest = Deepest(app);
    std::vector<std::string> extras = deepest.remaining();
    if (extras.empty()) extras = app.remaining(true);
    return ReportUsage(deepest, extras.empty() ? "unexpected argument" : DescribeExtra(deepest, extras.front()));
  } catch (const CLI::ParseError& error) {
    return ReportUsage(Deepest(app), error.what());
  }
}

Result<ConfigTable> ReadConfigTable(const std::string& path, const std::string& table) {
  MR_ASSIGN_OR_RETURN(const toml::table root, ParseToml(path));
  ConfigTable out;
  const toml::node_view<const toml::node> found = table.empty() ? toml::node_view<const toml::node>(root)
                                                                : root.at_path(table);
  if (!found) return out;
  const toml::table* values = found.as_table();
  if (values == nullptr) return Fail(ErrorCode::kInvalidArgument, StrCat(path, ": '", table, "' must be a table"));
  for (const auto& [key, node] : *values) {
    ConfigValue value;
    value.origin = StrCat(path, ":", node.source().begin.line);
    const toml::array* array = node.as_array();
    const auto add = [&](const toml::node& scalar) {
      if (scalar.is_value()) value.values.push_back(NodeText(scalar));
      return scalar.is_value();
    };
    const bool good = array == nullptr ? add(node) : std::all_of(array->begin(), array->end(), add);
    if (!good) {
      return Fail(ErrorCode::kInvalidArgument,
                  StrCat(value.origin, ": '", key.str(), "' in [", table,
                         "] must be text, a number, true, false or a list of them"));
    }
    out.emplace(std::string(key.str()), std::move(value));
  }
  return out;
}

Status CheckConfigTables(const std::string& path, const std::vector<std::string>& known_tables) {
  MR_ASSIGN_OR_RETURN(const toml::table root, ParseToml(path));
  for (const auto& [key, node] : root) {
    const std::string name(key.str());
    if (std::find(known_tables.begin(), known_tables.end(), name) != known_tables.end()) continue;
    const std::string_view nearest = Nearest(name, known_tables);
    return Fail(ErrorCode::kInvalidArgument,
                StrCat(path, ":", node.source().begin.line, ": unknown ", node.is_table() ? "table [" : "key '", name,
                       node.is_table() ? "]" : "'", nearest.empty() ? "" : StrCat("; did you mean ", nearest, "?")));
  }
  return {};
}

Status ApplyConfig(CLI::App& app, const ConfigTable& table) {
  for (const auto& [key, value] : table) {
    CLI::Option* option = IsSetting(key) ? app.get_option_no_throw(StrCat("--", key)) : nullptr;
    if (option == nullptr) {
      std::vector<std::string> names = LongNames(app);
      std::erase_if(names, [](const std::string& name) { return !IsSetting(name); });
      return UnknownKey(value.origin, key, "", names);
    }
    if (option->count() > 0) continue;
    try {
      for (const std::string& text : value.values) option->add_result(text);
      option->run_callback();
    } catch (const CLI::Error& error) {
      return Fail(ErrorCode::kInvalidArgument, StrCat(value.origin, ": ", std::string_view(error.what())));
    }
  }
  return {};
}

std::string PrintConfig(const CLI::App& app, const std::string& table_name, const ConfigTable& table) {
  std::string out = StrCat("[", table_name, "]\n");
  for (const CLI::Option* option : app.get_options()) {
    const std::string key = ConfigKey(*option);
    if (!IsSetting(key)) continue;
    std::vector<std::string> values = option->results();
    std::string origin = "flag";
    const auto configured = table.find(key);
    if (values.empty()) {
      origin = "default";
      if (!option->get_default_str().empty()) values.push_back(option->get_default_str());
    } else if (!option->get_envname().empty() && std::getenv(option->get_envname().c_str()) != nullptr) {
      origin = option->get_envname();
    } else if (configured != table.end() && configured->second.values == values) {
      origin = configured->second.origin;
    }
    out += StrCat(values.empty() ? "# " : "", key, " = ", ValueText(values), "  # ", origin, "\n");
  }
  return out;
}

namespace {

// The keys of [TABLE] and of the tables that all daemons share, as names of options.
Result<ConfigTable> ReadDaemonTables(const std::string& path, const std::string& table_name) {
  MR_RETURN_IF_ERROR(
      CheckConfigTables(path, {"coordinator", "worker", "log", "auth", "defaults", "cluster"}));
  MR_ASSIGN_OR_RETURN(ConfigTable table, ReadConfigTable(path, table_name));
  for (const SharedTable& shared : SharedTables()) {
    MR_ASSIGN_OR_RETURN(ConfigTable values, ReadConfigTable(path, shared.name));
    for (auto& [key, value] : values) {
      if (std::find(shared.keys.begin(), shared.keys.end(), key) == shared.keys.end()) {
        return UnknownKey(value.origin, key, shared.name, shared.keys);
      }
      table.emplace(StrCat(shared.prefix, key), std::move(value));
    }
  }
  return table;
}

struct DaemonFlags {
  std::string config_path;
  bool check = false;
  bool print = false;
  bool version = false;
  bool json = false;
};

void AddDaemonFlags(CLI::App& app, const std::string& table_name, DaemonFlags& flags) {
  app.add_option("--config", flags.config_path, StrCat("read [", table_name, "], [auth] and [log] of this TOML file"))
      ->envname("MR_CONFIG");
  app.add_flag("--check-config", flags.check, "check the configuration and end: 0 good, 2 bad");
  app.add_flag("--print-config", flags.print, "print the effective configuration with origins, and end");
  app.add_flag("--version", flags.version, "print the version and end");
  app.add_flag("--json", flags.json, "with --version: as JSON");
}

// What the files say, applied to `app` and checked together with the rest.
Result<ConfigTable> LoadDaemonConfig(CLI::App& app, const std::string& table_name, std::string path,
                                     const DaemonChecks& checks) {
  constexpr const char* kSystemConfig = "/etc/mr/mr.toml";
  if (path.empty() && ::access(kSystemConfig, R_OK) == 0) path = kSystemConfig;
  ConfigTable table;
  if (!path.empty()) {
    MR_ASSIGN_OR_RETURN(table, ReadDaemonTables(path, table_name));
    MR_RETURN_IF_ERROR(ApplyConfig(app, table));
  }
  if (checks.valid) MR_RETURN_IF_ERROR(checks.valid());
  return table;
}

Status ParseAgain(CLI::App& app, const std::string& table_name, int argc, const char* const* argv,
                  const DaemonChecks& checks) {
  DaemonFlags flags;
  AddDaemonFlags(app, table_name, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Error& error) {
    return Fail(ErrorCode::kInvalidArgument, error.what());
  }
  const auto table = LoadDaemonConfig(app, table_name, flags.config_path, checks);
  return table ? Status() : Fail(table.error());
}

}  // namespace

std::optional<int> ParseDaemonOptions(CLI::App& app, const std::string& table_name, int argc,
                                      const char* const* argv, const DaemonChecks& checks) {
  DaemonFlags flags;
  AddDaemonFlags(app, table_name, flags);
  if (const auto code = ParseCommandLine(app, argc, argv)) return code;
  if (flags.version) {
    std::cout << VersionText(app.get_name(), flags.json, checks.libzmq);
    return 0;
  }
  const auto table = LoadDaemonConfig(app, table_name, flags.config_path, checks);
  if (!table) {
    std::cerr << app.get_name() << ": " << table.error().text << "\ntry '" << app.get_name() << " --help'\n";
    return 2;
  }
  if (flags.print) std::cout << PrintConfig(app, table_name, *table);
  if (flags.check || flags.print) return 0;
  return std::nullopt;
}

RunningSettings::RunningSettings(const CLI::App& app, std::string table_name, int argc, const char* const* argv,
                                 std::set<std::string> live)
    : table_name_(std::move(table_name)), argc_(argc), argv_(argv), live_(std::move(live)), values_(SettingTexts(app)) {
  live_.insert("log-level");
}

bool RunningSettings::ReadAgain(CLI::App& app, const LogOptions& log, const DaemonChecks& checks) {
  if (const Status parsed = ParseAgain(app, table_name_, argc_, argv_, checks); !parsed) {
    LOG(ERROR) << "the configuration was not read again, everything stays as it was: " << parsed.error().text;
    return false;
  }
  // Who asks for it reads the answer, whatever the level was and will be.
  (void)SetLogLevel("info");
  bool differs = false;
  for (const auto& [key, text] : SettingTexts(app)) {
    std::string& in_force = values_[key];
    if (in_force == text) continue;
    differs = true;
    const bool live = live_.contains(key);
    LOG(INFO) << "configuration: " << key << " " << in_force << " -> " << text
              << (live ? "" : ", takes effect at the next start");
    if (live) in_force = text;
  }
  if (!differs) LOG(INFO) << "configuration: read again, nothing has changed";
  (void)SetLogLevel(log.level);
  return true;
}

}  // namespace mr
