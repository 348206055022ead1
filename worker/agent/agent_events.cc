#include "worker/agent/agent_events.h"

#include "common/base/strings.h"
#include "common/wire/codec.h"

namespace mr::worker {
namespace {

struct Describer {
  std::string operator()(const SendRequest& send) const {
    wire::Request request;
    request.request_id = send.request_id;
    request.epoch = send.epoch;
    request.body = send.body;
    return StrCat("send ", send.channel == Channel::kWork ? "work " : "report ",
                  wire::Describe(request));
  }
  std::string operator()(const FetchPlugin& fetch) const {
    return StrCat("fetch plugin ", fetch.sha256);
  }
  std::string operator()(const StartAttempt& start) const {
    return StrCat("start ", ToString(start.assignment.attempt), " in slot ", start.slot,
                  start.reuse ? " (same process)" : " (new process)");
  }
  std::string operator()(const GrantCommit& grant) const {
    return StrCat("grant commit of ", ToString(grant.attempt), " in slot ", grant.slot);
  }
  std::string operator()(const AskForStack& ask) const {
    return StrCat("ask slot ", ask.slot, " for its stack");
  }
  std::string operator()(const PassSources& pass) const {
    return StrCat("tell slot ", pass.slot, " of ", pass.update.sources.size(), " map outputs and ", pass.update.gone.size(),
                  " that are gone", pass.update.complete ? ", all there are" : "");
  }
  std::string operator()(const KillTask& kill) const { return StrCat("kill slot ", kill.slot); }
  std::string operator()(const StopTask& stop) const {
    return StrCat("stop the idle process of slot ", stop.slot);
  }
  std::string operator()(const DropAttempt& drop) const {
    return StrCat("drop ", ToString(drop.attempt));
  }
  std::string operator()(const DropJob& drop) const { return StrCat("drop ", ToString(drop.job)); }
  std::string operator()(const ListScratch&) const { return "list the scratch directory"; }
  std::string operator()(const RemoveLeftovers& remove) const {
    const ScratchListed& names = remove.names;
    return StrCat("remove leftovers [", Join(names.map_outputs, ","), "] [", Join(names.attempts, ","), "] [",
                  Join(names.plugins, ","), "]");
  }
  std::string operator()(const Note& note) const {
    return StrCat(note.warning ? "warn: " : "note: ", note.text);
  }
  std::string operator()(const Exit& exit) const {
    return StrCat("exit ", exit.code, ": ", exit.reason);
  }
};

}  // namespace

std::string Describe(const AgentAction& action) { return std::visit(Describer{}, action); }

}  // namespace mr::worker
