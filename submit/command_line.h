// The command line: a table of commands with their options, parsed by CLI11 and explained in our
// own words.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "submit/settings.h"

namespace mr::submit {

struct Invocation;
using CommandFunction = int (*)(Invocation&);

enum class OptionKind : uint8_t {
  kFlag,
  kValue,          // the last one counts
  kList,           // may be given several times
  kOptionalValue,  // --local or --local=4
};

struct OptionSpec {
  std::string name;  // long name, without the dashes
  char letter = 0;
  OptionKind kind = OptionKind::kFlag;
  std::string value;  // how the help calls the value
  std::string help;
  std::string alias = {};  // another long name
};

struct CommandSpec {
  std::string name;
  std::vector<std::string> aliases;
  std::string summary;
  std::string usage;  // what follows "mrsubmit NAME [options]"
  std::vector<std::string> examples;
  std::vector<OptionSpec> options;
  size_t arguments_min = 0;
  size_t arguments_max = 0;
  CommandFunction function = nullptr;
};

// Options of every command, and the variable MR_NAME that stands in for each one that takes a
// value.
const std::vector<OptionSpec>& GlobalOptions();
std::string VariableOf(const OptionSpec& option);  // "MR_CONNECT_TIMEOUT"; empty for flags

struct ParsedCommandLine {
  const CommandSpec* command = nullptr;  // null: only global options were given
  std::vector<std::string> arguments;
  Settings settings;  // the command line's layer
};

// `arguments` without the program's name. Errors: kInvalidArgument, one or two lines that end with
// which help to read.
Result<ParsedCommandLine> ParseCommandLine(const std::vector<CommandSpec>& commands,
                                           const std::vector<std::string>& arguments);

std::string MainHelp(const std::vector<CommandSpec>& commands);
std::string CommandHelp(const CommandSpec& command);
const CommandSpec* FindCommand(const std::vector<CommandSpec>& commands, const std::string& name);

}  // namespace mr::submit
