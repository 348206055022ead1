// The part of AgentCore that tells leftovers in the scratch directory from what is in use.
#include <set>
#include <string>

#include "common/base/strings.h"
#include "worker/agent/agent_core.h"
#include "worker/shuffle/run_files.h"

namespace mr::worker {
namespace {

// "j42-m0.0@7" of "j42-m0.0@7.run": names begin with the attempt's, and something may follow it.
std::string OwnerOf(const std::string& name) { return name.substr(0, name.find('.', name.find('@'))); }

}  // namespace

// A job's shared working directory goes with the job: here nobody knows whether it has ended.
// Only what was there when it was listed is looked at, and names of attempts are never used twice: an attempt that has
// begun since is safe.
void AgentCore::On(const ScratchListed& event) {
  std::set<std::string> owners;  // that what lies there may belong to
  std::set<std::string> plugins;
  for (const Slot& slot : slots_) {
    if (!slot.assignment) continue;
    owners.insert(AttemptFileName(slot.assignment->attempt));
    if (slot.assignment->earlier) owners.insert(AttemptFileName(slot.assignment->earlier->attempt));
    plugins.insert(slot.assignment->config.plugin_sha256 + ".so");
  }
  for (const auto& [attempt, owed] : owed_) owners.insert(AttemptFileName(attempt));
  for (const AttemptId& attempt : outputs_) owners.insert(AttemptFileName(attempt));
  for (const std::string& sha256 : fetching_) plugins.insert(sha256 + ".so");
  const auto owned = [&owners](const std::string& name) { return owners.contains(OwnerOf(name)) || name.ends_with("-workdir"); };
  RemoveLeftovers leftovers{event};
  std::erase_if(leftovers.names.map_outputs, owned);
  std::erase_if(leftovers.names.attempts, owned);
  std::erase_if(leftovers.names.plugins, [&](const std::string& name) { return plugins.contains(name); });
  for (const std::string& name : leftovers.names.plugins) plugins_.erase(name.substr(0, name.find('.')));
  const size_t count = leftovers.names.map_outputs.size() + leftovers.names.attempts.size();
  const size_t plugin_count = leftovers.names.plugins.size();
  if (count + plugin_count == 0) return;
  Do(Note{false, StrCat("asked to sweep: removes ", count, " files and directories of nobody and ", plugin_count,
                        " plugins from scratch")});
  Do(std::move(leftovers));
}

}  // namespace mr::worker
