// config: show the settings and where they come from, check a file, make keys.
#include "common/base/strings.h"
#include "common/net/endpoint.h"
#include "common/net/key_file.h"
#include "submit/commands/commands.h"
#include "submit/json_views.h"

namespace mr::submit {
namespace {

const std::vector<OptionSpec>& RunOptionSpecs(const Invocation& invocation) {
  return FindCommand(invocation.commands, "run")->options;
}

// The effective settings of `run` as TOML, which a file could hold just so.
int Show(Invocation& invocation) {
  Settings settings = invocation.settings;
  const Status layers = AddWeakerLayers(invocation.env, invocation.places, invocation.variables,
                                        RunOptionSpecs(invocation), true, settings);
  if (!layers) return UsageStop(invocation, layers.error().text);
  if (invocation.console.json()) {
    invocation.console.Out(SettingsJson(settings) + "\n");
    return kExitDone;
  }
  std::string top, defaults;
  for (const auto& [name, setting] : settings.values()) {
    if (name == "origin") continue;
    bool global = false;
    for (const OptionSpec& option : GlobalOptions()) global = global || option.name == name;
    std::vector<std::string> quoted;
    for (const std::string& value : setting.values) {
      std::string text;
      for (const char c : value)
        text += c == '"' || c == '\\' ? StrCat("\\", std::string(1, c)) : std::string(1, c);
      quoted.push_back(StrCat("\"", text, "\""));
    }
    std::string line = StrCat(
        name, " = ", quoted.size() == 1 ? quoted.front() : StrCat("[", Join(quoted, ", "), "]"));
    if (settings.Flag("origin")) line += StrCat("   # ", setting.origin);
    (global ? top : defaults) += line + "\n";
  }
  invocation.console.Out(top + (defaults.empty() ? "" : StrCat("[defaults]\n", defaults)));
  return kExitDone;
}

int Path(Invocation& invocation) {
  const Result<std::vector<std::string>> files =
      ConfigFiles(invocation.env, invocation.places, invocation.settings, invocation.variables);
  if (!files) return UsageStop(invocation, files.error().text);
  for (const std::string& path : *files) invocation.console.Out(path + "\n");
  if (files->empty())
    invocation.console.Hint("no configuration file is read; see mrsubmit help config");
  return kExitDone;
}

int Check(Invocation& invocation) {
  if (invocation.arguments.size() != 2)
    return UsageStop(invocation, "usage: mrsubmit config check FILE");
  const std::string& path = invocation.arguments[1];
  const Result<std::string> text = ReadWholeFile(invocation.env, path, 1u << 20);
  if (!text) return StopAs(invocation, kExitUsage, text.error().text);
  const Result<ConfigLayer> layer = ParseConfig(*text, path, RunOptionSpecs(invocation));
  if (!layer) return StopAs(invocation, kExitUsage, layer.error().text);
  invocation.console.Note(StrCat(path, " is fine"));
  return kExitDone;
}

// The public key that `other` means: that of the key file of this name, or itself.
Result<std::string> PublicKeyOf(Env& env, const std::string& other) {
  if (other.size() == net::kKeyChars && !env.Exists(other)) return other;
  MR_ASSIGN_OR_RETURN(const net::Security security, net::ReadKeyFile(other));
  return security.own->public_key;
}

// Without a second argument: one file for a whole cluster, coordinator, workers and clients. With
// one: the file of somebody who connects to the coordinator with that key.
int Keygen(Invocation& invocation) {
  const std::vector<std::string>& arguments = invocation.arguments;
  if (arguments.size() < 2)
    return UsageStop(invocation, "usage: mrsubmit config keygen FILE [COORDINATOR-KEY]");
  const std::string& path = arguments[1];
  const Result<net::KeyPair> keys = net::MakeKeyPair();
  if (!keys) return StopWith(invocation, keys.error());
  net::Security security;
  security.own = *keys;
  security.server_key = keys->public_key;
  if (arguments.size() > 2) {
    const Result<std::string> server = PublicKeyOf(invocation.env, arguments[2]);
    if (!server) return StopWith(invocation, server.error());
    security.server_key = *server;
  }
  const Status written = net::WriteKeyFile(path, security);
  if (!written) return StopWith(invocation, written.error());
  invocation.console.Out(keys->public_key + "\n");
  const std::string hint =
      arguments.size() > 2
          ? "add the line above, the public key, to \"allowed\" in the key files of the "
            "coordinator and, for a worker, of the other workers"
          : "give this file to the coordinator (--auth curve --key-file), to the workers and to "
            "yourself (--key-file or MR_KEY_FILE); the line above is its public key";
  invocation.console.Note(
      StrCat("made ", path, " (mode 0600, the secret is in it): ", hint));
  return kExitDone;
}

}  // namespace

int ConfigCommand(Invocation& invocation) {
  const std::vector<std::string> actions = {"show", "path", "check", "keygen"};
  const std::string action = invocation.arguments.empty() ? "show" : invocation.arguments.front();
  if (action == "show") return Show(invocation);
  if (action == "path") return Path(invocation);
  if (action == "check") return Check(invocation);
  if (action == "keygen") return Keygen(invocation);
  const std::string_view near = Nearest(action, actions);
  return UsageStop(invocation,
                   StrCat("config: '", action, "' is not one of ", Join(actions, ", "),
                          near.empty() ? std::string() : StrCat(". Did you mean ", near, "?")));
}

}  // namespace mr::submit
