#include <vector>

#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/json_views.h"
#include "submit/leftovers.h"

namespace mr::submit {
namespace {

// Why it stays; empty: it may go. `unknown`: the user says that no other cluster uses the directory.
std::string WhyKept(const Leftover& leftover, const wire::ClaimAnswer& answer, bool unknown) {
  if (answer.known && !answer.ended) return StrCat(ToString(leftover.claim.job), " has not ended");
  if (!answer.known && !unknown) {
    return "this cluster does not know the job (any more); --unknown removes it, if no other cluster writes there";
  }
  if (leftover.holds_old_content) {
    return StrCat("what the job was to replace lies in ", JoinPath(leftover.path, "old"),
                  ": move it back where you want it, then run this again");
  }
  return "";
}

std::string Things(uint64_t count, std::string_view thing) {
  return StrCat(FormatCount(count), " ", thing, count == 1 ? "" : "s");
}

std::string ClusterLines(const wire::GcResponse& answer, const std::string& freed, bool dry) {
  std::string text;
  if (answer.map_outputs > 0) {
    text += StrCat(freed, Things(answer.map_outputs, "finished map output"), " (", FormatSize(answer.map_output_bytes),
                   ") of jobs that did not succeed; --resume makes them anew\n");
  }
  if (answer.plugins > 0) {
    text += StrCat(freed, Things(answer.plugins, "plugin"), " (", FormatSize(answer.plugin_bytes),
                   ") that no job names\n");
  }
  if (answer.workers > 0)
    text += StrCat(dry ? "would sweep the" : "sweeping   the", " scratch directories of ",
                   Things(answer.workers, "worker"), "\n");
  return text;
}

struct Sweep {
  std::vector<Leftover> leftovers;
  std::vector<std::string> kept;  // for each: why it stays, or empty
};

Result<std::vector<Leftover>> FindAll(Invocation& invocation) {
  std::vector<Leftover> all;
  for (const std::string& output : invocation.arguments) {
    MR_ASSIGN_OR_RETURN(const std::vector<Leftover> found, FindLeftovers(invocation.env, output));
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

void Print(Invocation& invocation, const Sweep& sweep, const wire::GcResponse& answer, bool dry) {
  if (invocation.console.json()) {
    invocation.console.Out(GcJson(answer, sweep.leftovers, sweep.kept, dry) + "\n");
    return;
  }
  const std::string freed = dry ? "would free " : "freed      ";
  std::string text = ClusterLines(answer, freed, dry);
  for (size_t i = 0; i < sweep.leftovers.size(); ++i) {
    const Leftover& leftover = sweep.leftovers[i];
    text += sweep.kept[i].empty() ? StrCat(freed, leftover.path, " (", FormatSize(leftover.bytes), ")\n")
                                  : StrCat("kept       ", leftover.path, ": ", sweep.kept[i], "\n");
  }
  invocation.console.Out(text.empty() ? "nothing is left over\n" : text);
}

}  // namespace

int GcCommand(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const bool dry = settings.Flag("dry-run");
  Sweep sweep;
  Result<std::vector<Leftover>> found = FindAll(invocation);
  if (!found) return StopWith(invocation, found.error());
  sweep.leftovers = std::move(*found);
  const Result<std::unique_ptr<Cluster>> cluster = Cluster::Connect(settings);
  if (!cluster) return StopWith(invocation, cluster.error());
  wire::GcRequest request;
  request.dry_run = dry;
  for (const Leftover& leftover : sweep.leftovers) request.claims.push_back(leftover.claim);
  const Result<wire::GcResponse> answer = (*cluster)->Ask<wire::GcResponse>(std::move(request));
  if (!answer) return StopWith(invocation, answer.error());
  if (answer->claims.size() != sweep.leftovers.size())
    return StopWith(invocation, {ErrorCode::kInternal, "the coordinator answered something else than was asked"});
  for (size_t i = 0; i < sweep.leftovers.size(); ++i) {
    sweep.kept.push_back(WhyKept(sweep.leftovers[i], answer->claims[i], settings.Flag("unknown")));
    if (dry || !sweep.kept.back().empty()) continue;
    if (const Status removed = RemoveLeftover(invocation.env, sweep.leftovers[i]); !removed)
      return StopWith(invocation, removed.error());
  }
  Print(invocation, sweep, *answer, dry);
  return kExitDone;
}

}  // namespace mr::submit
