#include "submit/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>

#include "common/base/strings.h"

namespace mr::submit {

const std::vector<OptionSpec>& GlobalOptions() {
  using enum OptionKind;
  static const std::vector<OptionSpec> options = {
      {"coordinator", 'c', kValue, "ENDPOINT",
       "tcp://host:4610, ipc:///path, or file:PATH (rendezvous file); of a replicated one all, with commas"},
      {"cluster", 0, kValue, "NAME", "use the table [cluster.NAME] of the configuration"},
      {"config", 0, kValue, "FILE", "read this configuration file instead of the usual ones"},
      {"no-config", 0, kFlag, "", "read no configuration file"},
      {"json", 0, kFlag, "", "results as JSON on standard output"},
      {"quiet", 'q', kFlag, "", "only results and errors"},
      {"verbose", 'v', kFlag, "", "say more; may be repeated"},
      {"color", 0, kValue, "WHEN", "auto, always or never (auto)"},
      {"progress", 0, kValue, "MODE", "auto, bar, plain, json or none (auto)"},
      {"progress-interval", 0, kValue, "D", "between two plain lines (10s)"},
      {"connect-timeout", 0, kValue, "D", "how long to wait for the coordinator (10s)"},
      {"outage-timeout", 0, kValue, "D", "how long to watch a job whose coordinator has gone silent (10m)"},
      {"key-file", 0, kValue, "FILE", "keys for an encrypted connection (see config keygen)"},
      {"yes", 0, kFlag, "", "answer every question with yes"},
      {"no-input", 0, kFlag, "", "never ask"},
      {"help", 'h', kFlag, "", "show help"},
      {"version", 0, kFlag, "", "show the version"},
  };
  return options;
}

std::string VariableOf(const OptionSpec& option) {
  if (option.kind == OptionKind::kFlag) return "";
  std::string name = "MR_";
  for (const char c : option.name) {
    name.push_back(c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  return name;
}

const CommandSpec* FindCommand(const std::vector<CommandSpec>& commands, const std::string& name) {
  for (const CommandSpec& command : commands) {
    if (command.name == name) return &command;
    if (std::find(command.aliases.begin(), command.aliases.end(), name) != command.aliases.end()) {
      return &command;
    }
  }
  return nullptr;
}

namespace {

tl::unexpected<Error> UsageError(const CommandSpec* command, std::string_view text) {
  const std::string name = command == nullptr ? "" : StrCat(" ", command->name);
  return Fail(ErrorCode::kInvalidArgument, StrCat(text, "\ntry 'mrsubmit", name, " --help'"));
}

// Registers options with CLI11, and afterwards takes their values out of it as text: conversion
// happens in Settings, where the origin of a value is known.
class Parser {
 public:
  explicit Parser(const CommandSpec* command) : command_(command), app_("", "mrsubmit") {
    app_.set_help_flag();
    app_.set_config();
    Add(GlobalOptions());
    if (command != nullptr) {
      Add(command->options);
      app_.allow_extras();
    } else {
      app_.prefix_command();
    }
  }

  Result<std::vector<std::string>> Parse(std::vector<std::string> arguments) {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::ArgumentMismatch& error) {
      const std::string text = error.what();
      return UsageError(
          command_, StrCat("option ", text.substr(0, text.find_first_of(": ")), " needs a value"));
    } catch (const CLI::Error& error) {
      return UsageError(command_, error.what());
    }
    return app_.remaining();
  }

  void CopyTo(Settings& settings) const {
    for (const auto& [spec, option] : options_) {
      if (option->count() == 0) continue;
      settings.AddWeaker(spec->name, Setting{option->results(), StrCat("--", spec->name)});
    }
    MoveToStages(settings);
  }

  tl::unexpected<Error> Unknown(const std::string& argument) const {
    const std::string name = argument.substr(0, argument.find('='));
    std::vector<std::string> known;
    for (const auto& [spec, option] : options_) {
      known.push_back(StrCat("--", spec->name));
      if (!spec->alias.empty()) known.push_back(StrCat("--", spec->alias));
    }
    const std::string_view near =
        name.starts_with("--") ? Nearest(name, known) : std::string_view();
    const std::string hint = near.empty() ? "" : StrCat(". Did you mean ", near, "?");
    return UsageError(command_, StrCat("unknown option '", name, "'", hint));
  }

 private:
  // `--then PLUGIN -P x=1 -r 2`: what comes after a --then is of that stage, and is kept as --then-param and
  // --then-reducers, which is how files write it.
  void MoveToStages(Settings& settings) const {
    if (!settings.Has("then")) return;
    const std::map<std::string, std::string> of_stages{{"param", "then-param"}, {"reducers", "then-reducers"}};
    std::map<std::string, std::vector<std::string>> values;
    std::map<const CLI::Option*, size_t> seen;
    int stage = 1;
    for (const CLI::Option* parsed : app_.parse_order()) {
      const auto found = std::find_if(options_.begin(), options_.end(),
                                      [&](const auto& entry) { return entry.second == parsed; });
      if (found == options_.end()) continue;
      const std::string& name = found->first->name;
      if (name == "then") ++stage;
      const auto staged = of_stages.find(name);
      if (staged == of_stages.end()) continue;
      const std::string& value = parsed->results().at(seen[parsed]++);
      values[stage == 1 ? name : staged->second].push_back(stage == 1 ? value : StrCat(stage, ":", value));
    }
    for (const auto& [first, later] : of_stages) {
      if (values[later].empty()) continue;
      std::vector<std::string> all = settings.All(later);
      all.insert(all.end(), values[later].begin(), values[later].end());
      settings.Replace(later, Setting{std::move(all), "--then"});
      if (values[first].empty())
        settings.Remove(first);
      else
        settings.Replace(first, Setting{values[first], StrCat("--", first)});
    }
  }

  void Add(const std::vector<OptionSpec>& specs) {
    for (const OptionSpec& spec : specs) {
      std::string names;
      if (spec.letter != 0) names = StrCat("-", std::string(1, spec.letter), ",");
      names += StrCat("--", spec.name);
      if (!spec.alias.empty()) names += StrCat(",--", spec.alias);
      options_.emplace_back(&spec, AddOne(spec, names));
    }
  }

  CLI::Option* AddOne(const OptionSpec& spec, const std::string& names) {
    if (spec.kind == OptionKind::kFlag) return app_.add_flag(names);
    if (spec.kind == OptionKind::kOptionalValue) return app_.add_flag(names + "{auto}");
    const CLI::callback_t accept = [](const CLI::results_t&) { return true; };
    CLI::Option* option = app_.add_option(names, accept);
    option->type_size(1)->expected(1)->allow_extra_args(false);
    option->multi_option_policy(spec.kind == OptionKind::kList ? CLI::MultiOptionPolicy::TakeAll
                                                               : CLI::MultiOptionPolicy::TakeLast);
    return option;
  }

  const CommandSpec* command_;
  CLI::App app_;
  std::vector<std::pair<const OptionSpec*, CLI::Option*>> options_;
};

tl::unexpected<Error> UnknownCommand(const std::vector<CommandSpec>& commands,
                                     const std::string& name) {
  std::vector<std::string> known;
  for (const CommandSpec& command : commands) {
    known.push_back(command.name);
    known.insert(known.end(), command.aliases.begin(), command.aliases.end());
  }
  const std::string_view near = Nearest(name, known);
  const std::string hint = near.empty() ? "" : StrCat(". Did you mean ", near, "?");
  return UsageError(nullptr, StrCat("unknown command '", name, "'", hint));
}

// Splits what CLI11 left over into arguments; an unknown option among them is an error.
Result<std::vector<std::string>> TakeArguments(const Parser& parser,
                                               std::vector<std::string> rest) {
  std::vector<std::string> arguments;
  bool options_over = false;
  for (std::string& argument : rest) {
    if (!options_over && argument == "--") {
      options_over = true;
    } else if (!options_over && argument.size() > 1 && argument.front() == '-') {
      return parser.Unknown(argument);
    } else {
      arguments.push_back(std::move(argument));
    }
  }
  return arguments;
}

Status CheckCount(const CommandSpec& command, const std::vector<std::string>& arguments) {
  if (arguments.size() < command.arguments_min) {
    return UsageError(&command, StrCat("usage: mrsubmit ", command.name, " ", command.usage));
  }
  if (arguments.size() > command.arguments_max) {
    return UsageError(&command, StrCat("'", arguments[command.arguments_max],
                                       "' is one argument too many for mrsubmit ", command.name));
  }
  return {};
}

std::string OptionLine(const OptionSpec& option) {
  std::string left =
      option.letter != 0 ? StrCat("  -", std::string(1, option.letter), ", --") : "      --";
  left += option.name;
  if (option.kind == OptionKind::kOptionalValue)
    left += StrCat("[=", option.value, "]");
  else if (option.kind != OptionKind::kFlag)
    left += StrCat(" ", option.value);
  constexpr size_t kColumn = 32;
  if (left.size() < kColumn)
    left.append(kColumn - left.size(), ' ');
  else
    left.append("  ");
  std::string line = left + option.help;
  if (!option.alias.empty()) line += StrCat(" (also --", option.alias, ")");
  return line + "\n";
}

}  // namespace

Result<ParsedCommandLine> ParseCommandLine(const std::vector<CommandSpec>& commands,
                                           const std::vector<std::string>& arguments) {
  ParsedCommandLine parsed;
  Parser front(nullptr);
  MR_ASSIGN_OR_RETURN(std::vector<std::string> rest, front.Parse(arguments));
  Settings before;
  front.CopyTo(before);
  if (!rest.empty() && rest.front() == "--") rest.erase(rest.begin());
  if (!rest.empty()) {
    const std::string name = rest.front();
    if (name.size() > 1 && name.front() == '-') return front.Unknown(name);
    parsed.command = FindCommand(commands, name);
    if (parsed.command == nullptr) return UnknownCommand(commands, name);
    rest.erase(rest.begin());
    Parser parser(parsed.command);
    MR_ASSIGN_OR_RETURN(rest, parser.Parse(std::move(rest)));
    parser.CopyTo(parsed.settings);
    const Result<std::vector<std::string>> taken = TakeArguments(parser, std::move(rest));
    if (!taken) return Fail(taken.error());
    parsed.arguments = *taken;
    // The alias that means more than its command.
    if (name == "submit") parsed.settings.AddWeaker("detach", Setting{{"true"}, "submit"});
  }
  for (const auto& [name, setting] : before.values()) parsed.settings.AddWeaker(name, setting);
  if (parsed.command != nullptr && !parsed.settings.Flag("help")) {
    MR_RETURN_IF_ERROR(CheckCount(*parsed.command, parsed.arguments));
  }
  return parsed;
}

std::string CommandHelp(const CommandSpec& command) {
  std::string text = StrCat("mrsubmit ", command.name, ": ", command.summary, "\n\nexamples:\n");
  for (const std::string& example : command.examples) text += StrCat("  ", example, "\n");
  text += StrCat("\nusage: mrsubmit ", command.name, " ", command.usage, "\n");
  if (!command.aliases.empty()) text += StrCat("also called: ", Join(command.aliases, ", "), "\n");
  if (!command.options.empty()) text += "\noptions:\n";
  for (const OptionSpec& option : command.options) text += OptionLine(option);
  return text + "\nOptions of every command: mrsubmit --help\n";
}

std::string MainHelp(const std::vector<CommandSpec>& commands) {
  std::string text =
      "mrsubmit runs MapReduce jobs: here (--local), or on a cluster.\n\n"
      "examples:\n"
      "  mrsubmit run --local wordcount books/*.txt -o out      count words on this machine\n"
      "  mrsubmit run build/join.so /data/in -o /data/out -r 16 run a job on the cluster\n"
      "  mrsubmit ls                                            what runs\n"
      "  mrsubmit cat out | head                                look at the result\n\n"
      "usage: mrsubmit [global options] COMMAND [options] [arguments]\n\ncommands:\n";
  for (const CommandSpec& command : commands) {
    std::string left = StrCat("  ", command.name);
    left.append(left.size() < 14 ? 14 - left.size() : 1, ' ');
    text += left + command.summary;
    if (!command.aliases.empty()) text += StrCat(" (also: ", Join(command.aliases, ", "), ")");
    text += "\n";
  }
  text += "\nglobal options:\n";
  for (const OptionSpec& option : GlobalOptions()) text += OptionLine(option);
  return text +
         "\nEvery global option that takes a value can be set by a variable: MR_COORDINATOR, "
         "MR_PROGRESS, …\n"
         "More: mrsubmit help COMMAND, mrsubmit help exit-codes|config|formats\n";
}

}  // namespace mr::submit
