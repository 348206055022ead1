// workers: the table of workers.
#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/json_views.h"
#include "submit/table.h"

namespace mr::submit {

int WorkersCommand(Invocation& invocation) {
  Result<std::unique_ptr<Cluster>> cluster = Cluster::Connect(invocation.settings);
  if (!cluster) return StopWith(invocation, cluster.error());
  const Result<wire::ClusterResponse> answer =
      (*cluster)->Ask<wire::ClusterResponse>(wire::GetClusterRequest{});
  if (!answer) return StopWith(invocation, answer.error());
  if (invocation.console.json()) {
    invocation.console.Out(WorkersJson(answer->workers) + "\n");
    return kExitDone;
  }
  Table table({{"WORKER"},
               {"NAME"},
               {"HOST"},
               {"STATE"},
               {"BUSY", true},
               {"DONE", true},
               {"FAILED", true},
               {"SCRATCH FREE", true},
               {"VERSION"},
               {"LABELS"},
               {"NOTE"}});
  for (const wire::WorkerView& worker : answer->workers) {
    std::vector<std::string> labels;
    for (const auto& [name, value] : worker.labels) labels.push_back(StrCat(name, "=", value));
    table.Add({ToString(worker.ref.worker), worker.name, worker.host,
               WorkerStateName(worker),
               StrCat(worker.busy, "/", worker.slots), FormatCount(worker.tasks_completed),
               FormatCount(worker.tasks_failed), FormatSize(worker.scratch_free_bytes),
               worker.version, Join(labels, ","), worker.note});
  }
  invocation.console.Out(table.Render());
  if (answer->workers.empty()) {
    invocation.console.Hint(StrCat("no workers. Start one: mrworker -c ", (*cluster)->endpoint()));
  }
  return kExitDone;
}

}  // namespace mr::submit
