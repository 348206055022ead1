// counters: of a job; the user's by their names, the engine's as mr.NAME.
#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/json_views.h"
#include "submit/table.h"

namespace mr::submit {

int CountersCommand(Invocation& invocation) {
  Result<std::unique_ptr<Cluster>> cluster = Cluster::Connect(invocation.settings);
  if (!cluster) return StopWith(invocation, cluster.error());
  const Result<JobId> id = (*cluster)->FindJob(JobArgument(invocation, 0));
  if (!id) return StopWith(invocation, id.error());
  const Result<wire::JobView> job = (*cluster)->Watch(*id, 0, 0);
  if (!job) return StopWith(invocation, job.error());
  wire::Counters wanted = job->counters;
  if (invocation.arguments.size() > 1) {
    wanted.clear();
    for (size_t i = 1; i < invocation.arguments.size(); ++i) {
      const auto it = job->counters.find(invocation.arguments[i]);
      if (it != job->counters.end()) {
        wanted.insert(*it);
        continue;
      }
      std::vector<std::string> names;
      for (const auto& [name, value] : job->counters) names.push_back(name);
      const std::string_view near = Nearest(invocation.arguments[i], names);
      return StopAs(invocation, kExitNotFound,
                    StrCat(ToString(*id), " has no counter '", invocation.arguments[i], "'",
                           near.empty() ? std::string() : StrCat(". Did you mean ", near, "?")));
    }
  }
  if (invocation.console.json()) {
    invocation.console.Out(CountersJson(wanted) + "\n");
    return kExitDone;
  }
  // Plain numbers, so that they can be computed with.
  Table table({{"COUNTER"}, {"VALUE", true}});
  for (const auto& [name, value] : wanted) table.Add({name, StrCat(value)});
  invocation.console.Out(table.Render());
  return kExitDone;
}

}  // namespace mr::submit
