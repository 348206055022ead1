// mrsubmit: the user's command.
#include <csignal>
#include <cstdlib>
#include <exception>

#include "common/base/options.h"
#include "common/base/strings.h"
#include "common/net/channel.h"
#include "submit/commands/commands.h"

namespace mr::submit {
namespace {

std::optional<std::string> Variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

Result<ConfigPlaces> FindPlaces() {
  ConfigPlaces places;
  MR_ASSIGN_OR_RETURN(places.working_directory, AbsolutePath("."));
  places.home = Variable("HOME").value_or("/");
  return places;
}

int Main(const std::vector<std::string>& arguments) {
  Console early{Settings()};
  Result<ParsedCommandLine> parsed = ParseCommandLine(Commands(), arguments);
  if (!parsed) {
    early.Error(parsed.error().text);
    return kExitUsage;
  }
  Settings settings = std::move(parsed->settings);
  if (settings.Flag("version")) {
    early.Out(VersionText("mrsubmit", settings.Flag("json"), net::ZmqVersion()));
    return kExitDone;
  }
  if (parsed->command == nullptr || settings.Flag("help")) {
    const bool asked = settings.Flag("help");
    const std::string text =
        parsed->command == nullptr ? MainHelp(Commands()) : CommandHelp(*parsed->command);
    if (asked)
      early.Out(text);
    else
      early.Err(text);
    return asked ? kExitDone : kExitUsage;
  }
  const Result<ConfigPlaces> places = FindPlaces();
  if (!places) {
    early.Error(places.error().text);
    return kExitUsage;
  }
  // Help must work even when a configuration file does not.
  const bool needs_config =
      parsed->command->name != "help" && parsed->command->name != "completion";
  if (needs_config) {
    const Status layers = AddWeakerLayers(PosixEnv(), *places, Variable,
                                          FindCommand(Commands(), "run")->options, false, settings);
    if (!layers) {
      early.Error(layers.error().text);
      return kExitUsage;
    }
  }
  if (const Result<size_t> colour = settings.Choice("color", {"auto", "always", "never"}, 0);
      !colour) {
    early.Error(colour.error().text);
    return kExitUsage;
  }
  Console console(settings);
  Invocation invocation{Commands(),
                        *parsed->command,
                        std::move(parsed->arguments),
                        std::move(settings),
                        console,
                        PosixEnv(),
                        *places,
                        Variable};
  return invocation.command.function(invocation);
}

}  // namespace
}  // namespace mr::submit

int main(int argc, char** argv) {
  // A reader that goes away (mrsubmit cat … | head) is an error of write(), which is handled.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return mr::submit::Main({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    mr::submit::Console{mr::submit::Settings()}.Error(mr::StrCat(
        "a bug in mrsubmit: ", error.what(), ". Please report it with the command line you used."));
    return mr::submit::kExitBug;
  }
}
