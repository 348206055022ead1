// ls: the table of jobs.
#include <algorithm>
#include <cctype>
#include <functional>

#include "common/base/clock.h"
#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/json_views.h"
#include "submit/table.h"

namespace mr::submit {
namespace {

constexpr uint32_t kJobsPerAnswer = 1000;  // the coordinator gives no more at once

std::string Upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string WholeSeconds(int64_t milliseconds) {
  const std::string elapsed = FormatElapsed(milliseconds);
  return elapsed.substr(0, elapsed.find('.'));
}

// A column of the table, and a key to sort by: `less` says which of two jobs comes first.
struct JobColumn {
  std::string name;
  bool right = false;  // numbers
  std::function<std::string(const wire::JobView&, int64_t now)> text;
  std::function<bool(const wire::JobView&, const wire::JobView&, int64_t now)> less;
};

template <class Key>
auto By(Key key) {
  return [key](const wire::JobView& a, const wire::JobView& b, int64_t now) { return key(a, now) < key(b, now); };
}

const std::vector<JobColumn>& JobColumns() {
  using wire::JobView;
  static const std::vector<JobColumn> columns = {
      {"job", false, [](const JobView& j, int64_t) { return ToString(j.id); },
       By([](const JobView& j, int64_t) { return j.id.value; })},
      {"name", false, [](const JobView& j, int64_t) { return j.name; },
       By([](const JobView& j, int64_t) { return j.name; })},
      {"state", false, [](const JobView& j, int64_t) { return std::string(StateName(j.state)); },
       By([](const JobView& j, int64_t) { return StateName(j.state); })},
      {"map", true, [](const JobView& j, int64_t) { return StrCat(j.map.done, "/", j.map.total); },
       By([](const JobView& j, int64_t) { return j.map.total; })},
      {"reduce", true, [](const JobView& j, int64_t) { return StrCat(j.reduce.done, "/", j.reduce.total); },
       By([](const JobView& j, int64_t) { return j.reduce.total; })},
      {"elapsed", true, [](const JobView& j, int64_t now) { return WholeSeconds(ElapsedMs(j, now)); },
       By([](const JobView& j, int64_t now) { return ElapsedMs(j, now); })},
      {"user", false, [](const JobView& j, int64_t) { return j.user; },
       By([](const JobView& j, int64_t) { return j.user; })},
      {"output", false, [](const JobView& j, int64_t) { return j.output_dir; },
       By([](const JobView& j, int64_t) { return j.output_dir; })},
      {"input", true, [](const JobView& j, int64_t) { return FormatSize(j.input_bytes); },
       By([](const JobView& j, int64_t) { return j.input_bytes; })},
      {"priority", false, [](const JobView& j, int64_t) { return std::string(wire::PriorityName(j.priority)); },
       By([](const JobView& j, int64_t) { return j.priority; })},
      {"submitted", false, [](const JobView& j, int64_t) { return FormatUtc(j.submitted_unix_ms); },
       By([](const JobView& j, int64_t) { return j.submitted_unix_ms; })},
      {"reason", false, [](const JobView& j, int64_t) { return Printable(j.reason, 120); },
       By([](const JobView& j, int64_t) { return j.reason; })},
  };
  return columns;
}
constexpr size_t kUsualColumns = 8;

Result<const JobColumn*> FindColumn(const std::string& option, std::string_view name) {
  std::vector<std::string> names;
  for (const JobColumn& column : JobColumns()) {
    if (column.name == name) return &column;
    names.push_back(column.name);
  }
  const std::string_view near = Nearest(name, names);
  return Fail(ErrorCode::kInvalidArgument,
              StrCat("--", option, ": '", name, "' is not one of ", Join(names, ", "),
                     near.empty() ? std::string() : StrCat(". Did you mean ", near, "?")));
}

Result<std::vector<const JobColumn*>> ChooseColumns(const Settings& settings) {
  std::vector<const JobColumn*> chosen;
  if (!settings.Has("columns")) {
    for (size_t i = 0; i < kUsualColumns; ++i) chosen.push_back(&JobColumns()[i]);
    return chosen;
  }
  const std::string text = settings.Get("columns");
  for (const std::string_view name : Split(text, ',')) {
    MR_ASSIGN_OR_RETURN(const JobColumn* column, FindColumn("columns", Trim(name)));
    chosen.push_back(column);
  }
  return chosen;
}

std::string Render(const std::vector<wire::JobView>& jobs, const std::vector<const JobColumn*>& columns,
                   int64_t now) {
  std::vector<Table::Column> titles;
  for (const JobColumn* column : columns) titles.push_back({Upper(column->name), column->right});
  Table table(std::move(titles));
  for (const wire::JobView& job : jobs) {
    std::vector<std::string> cells;
    for (const JobColumn* column : columns) cells.push_back(column->text(job, now));
    table.Add(std::move(cells));
  }
  return table.Render();
}

// What to ask for, and what to do with the answer.
struct ListPlan {
  wire::ListJobsRequest request;
  int64_t since_ms = 0;  // 0: from the beginning
  const JobColumn* sort = nullptr;
  bool descending = false;
  std::vector<const JobColumn*> columns;
  size_t limit = 0;
};

Result<ListPlan> ReadListPlan(const Settings& settings) {
  const std::vector<std::string> states = {"queued",    "running", "finishing",
                                           "succeeded", "failed",  "killed", "paused"};
  ListPlan plan;
  MR_ASSIGN_OR_RETURN(const size_t state, settings.Choice("state", states, 0));
  if (settings.Has("state")) plan.request.state = static_cast<wire::JobState>(state);
  MR_ASSIGN_OR_RETURN(plan.limit, settings.Number("limit", settings.Flag("all") ? kJobsPerAnswer : 50, 1, 10'000));
  MR_ASSIGN_OR_RETURN(plan.since_ms, settings.DurationMs("since", 0));
  MR_ASSIGN_OR_RETURN(plan.columns, ChooseColumns(settings));
  if (settings.Has("sort")) {
    std::string key = settings.Get("sort");
    plan.descending = key.starts_with("-");
    if (plan.descending) key.erase(0, 1);
    MR_ASSIGN_OR_RETURN(plan.sort, FindColumn("sort", key));
  }
  plan.request.user = settings.Flag("mine") ? UserName() : settings.Get("user");
  // What is chosen here must be chosen from everything.
  const bool choose = plan.since_ms > 0 || plan.sort != nullptr;
  plan.request.limit = choose ? kJobsPerAnswer : static_cast<uint32_t>(plan.limit);
  return plan;
}

void Choose(const ListPlan& plan, int64_t now, std::vector<wire::JobView>& jobs) {
  if (plan.since_ms > 0)
    std::erase_if(jobs, [&](const wire::JobView& job) { return job.submitted_unix_ms < now - plan.since_ms; });
  if (plan.sort != nullptr) {
    std::stable_sort(jobs.begin(), jobs.end(), [&](const wire::JobView& a, const wire::JobView& b) {
      return plan.descending ? plan.sort->less(b, a, now) : plan.sort->less(a, b, now);
    });
  }
  if (jobs.size() > plan.limit) jobs.resize(plan.limit);
}

}  // namespace

std::string JobsTable(const std::vector<wire::JobView>& jobs, int64_t now_unix_ms) {
  return Render(jobs, *ChooseColumns(Settings()), now_unix_ms);
}

int ListCommand(Invocation& invocation) {
  const Result<ListPlan> plan = ReadListPlan(invocation.settings);
  if (!plan) return UsageStop(invocation, plan.error().text);
  Result<std::unique_ptr<Cluster>> cluster = Cluster::Connect(invocation.settings);
  if (!cluster) return StopWith(invocation, cluster.error());
  Result<wire::ListJobsResponse> answer = (*cluster)->Ask<wire::ListJobsResponse>(plan->request);
  if (!answer) return StopWith(invocation, answer.error());
  const int64_t now = SystemClock().Read().unix_ms;
  Choose(*plan, now, answer->jobs);
  if (invocation.console.json()) {
    invocation.console.Out(JobsJson(answer->jobs) + "\n");
    return kExitDone;
  }
  invocation.console.Out(Render(answer->jobs, plan->columns, now));
  if (answer->jobs.empty())
    invocation.console.Hint("no jobs. Start one: mrsubmit run PLUGIN INPUT… -o OUTPUT");
  return kExitDone;
}

}  // namespace mr::submit
