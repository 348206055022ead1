// Command line, environment and configuration file of a program, on CLI11 and toml++. One precedence for all:
// flag, then environment variable, then configuration files (the nearest first), then the default.
//
// Include from main.cc and command files only: CLI11 is a large header.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/logging.h"
#include "common/base/result.h"

namespace mr {

// An option whose text is checked and converted by one of our parsers; errors name the option and show the form.
CLI::Option* AddSize(CLI::App& app, const std::string& name, uint64_t& bytes, const std::string& help);
CLI::Option* AddDuration(CLI::App& app, const std::string& name, int64_t& milliseconds, const std::string& help);
// name=value[,name=value…], repeatable.
CLI::Option* AddPairs(CLI::App& app, const std::string& name, std::map<std::string, std::string>& pairs,
                      const std::string& help);
// --log-level, --log-format, --log-file.
void AddLogOptions(CLI::App& app, LogOptions& options);

// What `--version` prints: program, version, git revision, ABI, build type and, if given, the version of libzmq;
// one line, or JSON.
std::string VersionText(const std::string& program, bool json, const std::string& libzmq = "");
std::string ProgramVersion();  // "0.1.0"

// Parses argv. Returns an exit code when the program should end now: 0 after --help (on stdout), 2 after a
// usage error (at most three lines on stderr: what is wrong, the nearest name, "try 'PROGRAM --help'").
std::optional<int> ParseCommandLine(CLI::App& app, int argc, const char* const* argv);

// One configuration file's table as option name -> values, with where each came from.
struct ConfigValue {
  std::vector<std::string> values;
  std::string origin;  // "/etc/mr/mr.toml:12"
};
using ConfigTable = std::map<std::string, ConfigValue>;

// Reads `table` ("coordinator", "defaults", "cluster.prod") of a TOML file: scalars and arrays of scalars.
// A missing table is empty. Errors: kNotFound for the file, kInvalidArgument with line for the rest.
Result<ConfigTable> ReadConfigTable(const std::string& path, const std::string& table);
// Names of all tables and top-level keys, to refuse unknown ones: "[coordinater] line 3".
Status CheckConfigTables(const std::string& path, const std::vector<std::string>& known_tables);

// Gives every option that neither flag nor environment has set its value from `table`. An unknown key is an
// error with file, line and the nearest name.
Status ApplyConfig(CLI::App& app, const ConfigTable& table);

// The effective settings as TOML, each line with its origin (flag, MR_…, file:line, default).
std::string PrintConfig(const CLI::App& app, const std::string& table_name, const ConfigTable& table);

// What a daemon knows about itself that this file does not.
struct DaemonChecks {
  std::function<Status()> valid;  // whether the options fit together; asked after they were read
  std::string libzmq;             // for --version
};

// For daemons: --config, --check-config, --print-config and --version on top of ParseCommandLine; reads [TABLE],
// [auth] and [log] of the file, or of /etc/mr/mr.toml when that exists. Returns an exit code when the program should
// end: 0, or 2 when the command line or a file is wrong.
std::optional<int> ParseDaemonOptions(CLI::App& app, const std::string& table_name, int argc,
                                      const char* const* argv, const DaemonChecks& checks = {});

// The settings of a running daemon, for SIGHUP. For the thread that handles signals.
class RunningSettings {
 public:
  // `app`: as ParseDaemonOptions left it, `argv`: what it was given, which must stay. `live`: the options, without
  // dashes, that the daemon can change while it runs; --log-level always can.
  RunningSettings(const CLI::App& app, std::string table_name, int argc, const char* const* argv,
                  std::set<std::string> live);
  // Reads command line, environment and files again into `app`, a new one with the same options, and logs each
  // setting that differs from the one that is in force. True: the new level of `log` (which `app` fills) is in force
  // and the caller takes the live ones. False: something is wrong, which has been logged, and nothing changes.
  bool ReadAgain(CLI::App& app, const LogOptions& log, const DaemonChecks& checks);

 private:
  std::string table_name_;
  int argc_;
  const char* const* argv_;
  std::set<std::string> live_;
  std::map<std::string, std::string> values_;  // in force, by option
};

}  // namespace mr
