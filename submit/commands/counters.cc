// counters: of a job; the user's by their names, the engine's as mr.NAME.
#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/json_views.h"
#include "submit/table.h"

namespace mr::submit {

namespace {

// The counters of these names, or all. Errors: kNotFound with the nearest name.
Result<wire::Counters> Choose(const wire::Counters& all, const std::vector<std::string>& wanted, const std::string& job) {
  if (wanted.empty()) return all;
  wire::Counters chosen;
  for (const std::string& name : wanted) {
    const auto it = all.find(name);
    if (it != all.end()) {
      chosen.insert(*it);
      continue;
    }
    std::vector<std::string> names;
    for (const auto& [known, value] : all) names.push_back(known);
    const std::string_view near = Nearest(name, names);
    return Fail(ErrorCode::kNotFound, StrCat(job, " has no counter '", name, "'",
                                             near.empty() ? std::string() : StrCat(". Did you mean ", near, "?")));
  }
  return chosen;
}

// A field of a CSV line (RFC 4180).
std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

// One row per counter, and per task if there are any. Plain numbers, so that they can be computed with.
struct CounterRow {
  std::string task;  // empty: of the whole job
  std::string name;
  int64_t value = 0;
};

std::string Render(const std::vector<CounterRow>& rows, bool by_task, bool csv) {
  if (csv) {
    std::string text = by_task ? "task,counter,value\n" : "counter,value\n";
    for (const CounterRow& row : rows)
      text += StrCat(by_task ? StrCat(row.task, ",") : "", CsvField(row.name), ",", row.value, "\n");
    return text;
  }
  std::vector<Table::Column> columns{{"COUNTER"}, {"VALUE", true}};
  if (by_task) columns.insert(columns.begin(), Table::Column{"TASK"});
  Table table(std::move(columns));
  for (const CounterRow& row : rows) {
    std::vector<std::string> cells{row.name, StrCat(row.value)};
    if (by_task) cells.insert(cells.begin(), row.task);
    table.Add(std::move(cells));
  }
  return table.Render();
}

// Of the completed attempt of each task; `wanted` says which, all if it is empty.
Result<std::vector<CounterRow>> RowsByTask(Cluster& cluster, JobId job, const wire::Counters& wanted) {
  wire::ListTasksRequest request;
  request.job = job;
  MR_ASSIGN_OR_RETURN(const std::vector<wire::TaskView> tasks, ListAllTasks(cluster, std::move(request)));
  std::vector<CounterRow> rows;
  for (const wire::TaskView& task : tasks) {
    for (const auto& [name, value] : task.counters) {
      if (wanted.contains(name)) rows.push_back({ToString(task.id), name, value});
    }
  }
  return rows;
}

}  // namespace

int CountersCommand(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const bool by_task = settings.Flag("by-task");
  const bool json = invocation.console.json();
  if (json && (by_task || settings.Flag("csv")))
    return UsageStop(invocation, "--json excludes --csv and --by-task; tasks --json has the counters of each task");
  Result<std::unique_ptr<Cluster>> cluster = Cluster::Connect(settings);
  if (!cluster) return StopWith(invocation, cluster.error());
  const Result<JobId> id = (*cluster)->FindJob(JobArgument(invocation, 0));
  if (!id) return StopWith(invocation, id.error());
  const Result<wire::JobView> job = (*cluster)->Watch(*id, 0, 0);
  if (!job) return StopWith(invocation, job.error());
  std::vector<std::string> names = invocation.arguments;
  if (!names.empty()) names.erase(names.begin());
  const Result<wire::Counters> wanted = Choose(job->counters, names, ToString(*id));
  if (!wanted) return StopWith(invocation, wanted.error());
  if (json) {
    invocation.console.Out(CountersJson(*wanted) + "\n");
    return kExitDone;
  }
  Result<std::vector<CounterRow>> rows;
  if (by_task) {
    rows = RowsByTask(**cluster, *id, *wanted);
    if (!rows) return StopWith(invocation, rows.error());
  } else {
    for (const auto& [name, value] : *wanted) rows->push_back({"", name, value});
  }
  invocation.console.Out(Render(*rows, by_task, settings.Flag("csv")));
  return kExitDone;
}

}  // namespace mr::submit
