// completion: a bash script made from the same table as the help.
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

}  // namespace

int CompletionCommand(Invocation& invocation) {
  if (invocation.arguments.front() != "bash") {
    return UsageStop(invocation, StrCat("completion: '", invocation.arguments.front(),
                                        "' is not a known shell; there is: bash"));
  }
  invocation.console.Out(BashScript(invocation.commands));
  return kExitDone;
}

}  // namespace mr::submit
