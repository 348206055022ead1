// help: of a command, or on a topic.
#include "common/base/strings.h"
#include "submit/commands/commands.h"

namespace mr::submit {
namespace {

constexpr const char* kExitCodesText =
    "exit codes of mrsubmit (more may come: treat any unknown non-zero code as a failure)\n\n"
    "    0  done: the job succeeded, or the command did what was asked\n"
    "    1  the job ran and failed\n"
    "    2  wrong command line or configuration; nothing was sent\n"
    "    3  the job was killed\n"
    "    4  still running when we stopped watching (--wait-timeout, wait --timeout, detached)\n"
    "    5  no such job, task, worker or output\n"
    "    6  refused before start: input missing, output exists, plugin unusable, wrong parameter\n"
    "    7  the coordinator could not be reached in time, or was lost\n"
    "    8  not allowed\n"
    "   70  a bug in mrsubmit or in the engine\n"
    "  130  interrupted: your Ctrl-C killed the job\n"
    "  143  a SIGTERM to mrsubmit killed the job\n";

constexpr const char* kConfigText =
    "configuration: an option's value is taken from the first place that has one\n\n"
    "  1. the command line               --reducers 16\n"
    "  2. a variable (global options)    MR_COORDINATOR=tcp://head:4610\n"
    "  3. ./mr.toml, or in a folder above\n"
    "  4. ~/.config/mr/config.toml\n"
    "  5. /etc/mr/mr.toml\n\n"
    "--config FILE reads that file instead of 3 to 5, --no-config none of them.\n\n"
    "  coordinator = \"tcp://head.example:4610\"     # any global option\n"
    "  [defaults]                                  # any long option of `run`\n"
    "  shuffle-codec = \"lz4\"\n"
    "  [cluster.prod]                              # chosen by --cluster prod\n"
    "  coordinator = \"file:/nfs/mr/prod.json\"\n"
    "  key-file = \"~/.config/mr/prod.key\"\n\n"
    "An unknown key is an error. What holds now, and why: mrsubmit config show --origin\n";

constexpr const char* kFormatsText =
    "input formats (--input-format; the plugin's job has its own default)\n\n"
    "  lines     one record per line, without its end (\\n or \\r\\n)\n"
    "  blocks    one record per block of whole lines\n"
    "  whole     one record per file\n"
    "  fixed:N   records of N bytes\n\n"
    "Files that end in .gz or .zst are decompressed while reading; each is one split.\n"
    "In directories and patterns, names that begin with '_' or '.' are passed over.\n\n"
    "output: OUTPUT/part-r-00000 … (part-m-… without reduce), a line `key TAB value` per result "
    "unless the job\n"
    "writes its own form, and _SUCCESS, a JSON manifest, last. --compress-output gzip|zstd adds "
    ".gz or .zst.\n"
    "`mrsubmit cat OUTPUT` prints all parts in order, decompressed.\n";

}  // namespace

int HelpCommand(Invocation& invocation) {
  Console& console = invocation.console;
  if (invocation.arguments.empty()) {
    console.Out(MainHelp(invocation.commands));
    return kExitDone;
  }
  const std::string& topic = invocation.arguments.front();
  if (topic == "exit-codes" || topic == "config" || topic == "formats") {
    console.Out(topic == "exit-codes" ? kExitCodesText
                : topic == "config"   ? kConfigText
                                      : kFormatsText);
    return kExitDone;
  }
  if (const CommandSpec* command = FindCommand(invocation.commands, topic)) {
    console.Out(CommandHelp(*command));
    return kExitDone;
  }
  std::vector<std::string> topics = {"exit-codes", "config", "formats"};
  for (const CommandSpec& command : invocation.commands) topics.push_back(command.name);
  const std::string_view near = Nearest(topic, topics);
  return UsageStop(invocation,
                   StrCat("no help on '", topic, "'",
                          near.empty() ? std::string() : StrCat(". Did you mean ", near, "?")));
}

}  // namespace mr::submit
