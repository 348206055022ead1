// completion: scripts for bash, zsh and fish, made from the same table as the help.
#include "common/base/strings.h"
#include "submit/commands/commands.h"

namespace mr::submit {
namespace {

std::string Names(const std::vector<OptionSpec>& options) {
  std::string names;
  for (const OptionSpec& option : options)
    names += StrCat(names.empty() ? "" : " ", "--", option.name);
  return names;
}

std::string BashScript(const std::vector<CommandSpec>& commands) {
  std::string names, cases;
  for (const CommandSpec& command : commands) {
    names += StrCat(names.empty() ? "" : " ", command.name);
    std::string pattern = command.name;
    for (const std::string& alias : command.aliases) {
      names += " " + alias;
      pattern += "|" + alias;
    }
    cases += StrCat("    ", pattern, ") options=\"", Names(command.options), "\" ;;\n");
  }
  return StrCat(
      "# bash completion of mrsubmit; load it with: source <(mrsubmit completion bash)\n"
      "_mrsubmit() {\n"
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" command=\"\" options=\"\" i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"${COMP_WORDS[i]}\" in -*) ;; *) command=\"${COMP_WORDS[i]}\"; break ;; esac\n"
      "  done\n"
      "  case \"$command\" in\n",
      cases,
      "    *) ;;\n"
      "  esac\n"
      "  if [[ $word == -* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$options ",
      Names(GlobalOptions()),
      "\" -- \"$word\"))\n"
      "  elif [[ -z $command ]]; then\n"
      "    COMPREPLY=($(compgen -W \"",
      names,
      "\" -- \"$word\"))\n"
      "  else\n"
      "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
      "  fi\n"
      "}\n"
      "complete -o filenames -F _mrsubmit mrsubmit\n");
}

// In single quotes of a POSIX shell, and of fish, which knows \\' in them only.
std::string Quoted(std::string_view text, std::string_view apostrophe) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string(apostrophe) : std::string(1, c);
  return out + "'";
}
std::string FishText(std::string_view text) { return Quoted(text, "\\'"); }

// One line of _arguments: '(-o --output)'{-o,--output}'[where the result goes]:DIR:_files'.
std::string ZshOption(const OptionSpec& option) {
  std::string help;
  for (const char c : option.help) {
    if (c == '[' || c == ']' || c == ':') help += '\\';
    help += c;
  }
  std::string rest = StrCat("[", help, "]");
  if (option.kind == OptionKind::kValue || option.kind == OptionKind::kList) {
    const bool path = option.value.find("FILE") != std::string::npos || option.value.find("DIR") != std::string::npos ||
                      option.value.find("PATH") != std::string::npos;
    rest += path ? ":value:_files" : ":value:";
  }
  const std::string star = option.kind == OptionKind::kList ? "*" : "";
  const std::string name = StrCat("--", option.name);
  std::string line = StrCat("    ", Quoted(StrCat(star, name, rest), "'\\''"));
  if (option.letter != 0) line += StrCat(" ", Quoted(StrCat(star, "-", std::string(1, option.letter), rest), "'\\''"));
  return line + " \\\n";
}

std::string ZshOptions(const std::vector<OptionSpec>& options) {
  std::string text;
  for (const OptionSpec& option : options) text += ZshOption(option);
  return text;
}

std::string ZshScript(const std::vector<CommandSpec>& commands) {
  std::string names, cases;
  for (const CommandSpec& command : commands) {
    std::string pattern = command.name;
    for (const std::string& alias : command.aliases) pattern += "|" + alias;
    names += StrCat("    ", Quoted(StrCat(command.name, ":", command.summary), "'\\''"), "\n");
    cases += StrCat("  ", pattern, ")\n  _arguments -s \\\n", ZshOptions(command.options),
                    "    $global '*:file:_files' ;;\n");
  }
  return StrCat("#compdef mrsubmit\n"
                "# zsh completion of mrsubmit; put it as _mrsubmit into a directory of $fpath\n"
                "_mrsubmit() {\n"
                "  local -a commands global\n"
                "  local command word\n"
                "  global=( \\\n",
                ZshOptions(GlobalOptions()),
                "  )\n"
                "  commands=(\n",
                names,
                "  )\n"
                "  for word in ${words[2,CURRENT-1]}; do\n"
                "    [[ $word == -* ]] || { command=$word; break; }\n"
                "  done\n"
                "  case $command in\n"
                "  '') _arguments -s $global '*::command:{_describe command commands}' ;;\n",
                cases,
                "  *) _files ;;\n"
                "  esac\n"
                "}\n"
                "if [[ ${funcstack[1]} == _mrsubmit ]]; then _mrsubmit \"$@\"; else compdef _mrsubmit mrsubmit; fi\n");
}

std::string FishOption(const OptionSpec& option, const std::string& condition) {
  std::string line = StrCat("complete -c mrsubmit", condition, " -l ", option.name);
  if (option.letter != 0) line += StrCat(" -s ", std::string(1, option.letter));
  if (option.kind == OptionKind::kValue || option.kind == OptionKind::kList) line += " -r";
  return StrCat(line, " -d ", FishText(option.help), "\n");
}

std::string FishScript(const std::vector<CommandSpec>& commands) {
  std::string text =
      "# fish completion of mrsubmit; save it as ~/.config/fish/completions/mrsubmit.fish\n";
  for (const OptionSpec& option : GlobalOptions()) text += FishOption(option, "");
  for (const CommandSpec& command : commands) {
    std::vector<std::string> names{command.name};
    names.insert(names.end(), command.aliases.begin(), command.aliases.end());
    for (const std::string& name : names)
      text += StrCat("complete -c mrsubmit -n __fish_use_subcommand -f -a ", name, " -d ", FishText(command.summary), "\n");
    const std::string condition = StrCat(" -n ", FishText(StrCat("__fish_seen_subcommand_from ", Join(names, " "))));
    for (const OptionSpec& option : command.options) text += FishOption(option, condition);
  }
  return text;
}

}  // namespace

int CompletionCommand(Invocation& invocation) {
  const std::string& shell = invocation.arguments.front();
  const bool known = shell == "bash" || shell == "zsh" || shell == "fish";
  if (!known)
    return UsageStop(invocation, StrCat("completion: '", shell, "' is not a known shell; there are: bash, zsh, fish"));
  invocation.console.Out(shell == "bash"  ? BashScript(invocation.commands)
                         : shell == "zsh" ? ZshScript(invocation.commands)
                                          : FishScript(invocation.commands));
  return kExitDone;
}

}  // namespace mr::submit
