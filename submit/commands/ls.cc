// ls: the table of jobs.
#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/json_views.h"
#include "submit/table.h"

namespace mr::submit {

std::string JobsTable(const std::vector<wire::JobView>& jobs, int64_t now_unix_ms) {
  Table table({{"JOB"},
               {"NAME"},
               {"STATE"},
               {"MAP", true},
               {"REDUCE", true},
               {"ELAPSED", true},
               {"USER"},
               {"OUTPUT"}});
  for (const wire::JobView& job : jobs) {
    const std::string elapsed = FormatElapsed(ElapsedMs(job, now_unix_ms));
    table.Add({ToString(job.id), job.name, std::string(StateName(job.state)),
               StrCat(job.map.done, "/", job.map.total),
               StrCat(job.reduce.done, "/", job.reduce.total), elapsed.substr(0, elapsed.find('.')),
               job.user, job.output_dir});
  }
  return table.Render();
}

int ListCommand(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const std::vector<std::string> states = {"queued",    "running", "finishing",
                                           "succeeded", "failed",  "killed", "paused"};
  const Result<size_t> state = settings.Choice("state", states, 0);
  if (!state) return UsageStop(invocation, state.error().text);
  const Result<uint64_t> limit = settings.Number("limit", 50, 1, 10'000);
  if (!limit) return UsageStop(invocation, limit.error().text);
  wire::ListJobsRequest request;
  request.limit = static_cast<uint32_t>(*limit);
  if (settings.Has("state")) request.state = static_cast<wire::JobState>(*state);
  request.user = settings.Get("user");
  if (settings.Flag("mine")) request.user = UserName();
  Result<std::unique_ptr<Cluster>> cluster = Cluster::Connect(settings);
  if (!cluster) return StopWith(invocation, cluster.error());
  const Result<wire::ListJobsResponse> answer =
      (*cluster)->Ask<wire::ListJobsResponse>(std::move(request));
  if (!answer) return StopWith(invocation, answer.error());
  if (invocation.console.json()) {
    invocation.console.Out(JobsJson(answer->jobs) + "\n");
    return kExitDone;
  }
  invocation.console.Out(JobsTable(answer->jobs, SystemClock().Read().unix_ms));
  if (answer->jobs.empty())
    invocation.console.Hint("no jobs. Start one: mrsubmit run PLUGIN INPUT… -o OUTPUT");
  return kExitDone;
}

}  // namespace mr::submit
