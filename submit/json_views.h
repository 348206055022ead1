// What --json prints. Documented and only ever extended: fields may be added, never renamed. Each
// function gives one line without its newline; bytes that are not UTF-8 are replaced.
#pragma once

#include <string>
#include <vector>

#include "common/wire/control.h"
#include "submit/leftovers.h"
#include "submit/progress.h"
#include "submit/settings.h"

namespace mr::submit {

std::string_view StateName(wire::JobState state);
std::string_view StateName(wire::TaskState state);
std::string_view StateName(wire::AttemptState state);

// Lines of a watched job: {"v":1,"type":…,"time":…,"job":…,…}.
// A stage of a chain begins.
std::string StageJson(uint32_t stage, uint32_t stages, const std::string& output_dir);
std::string SubmittedJson(const wire::JobView& job, int64_t now_unix_ms);
std::string ProgressJson(const wire::JobView& job, const ProgressMeter::Eta& eta,
                         int64_t now_unix_ms);
std::string StateJson(const wire::JobView& job, int64_t now_unix_ms);
std::string WarningJson(const wire::JobView& job, const std::string& text, int64_t now_unix_ms);
std::string TaskFailedJson(const wire::JobView& job, int64_t now_unix_ms);
std::string ResultJson(const wire::JobView& job, int exit_code, int64_t now_unix_ms);

// Answers of the other commands.
std::string JobJson(const wire::JobView& job);
std::string JobsJson(const std::vector<wire::JobView>& jobs);
std::string TasksJson(const std::vector<wire::TaskView>& tasks);
std::string ExplainJson(const wire::ExplainResponse& answer);
// "gone", "draining" (it still runs or holds something, or is stopping), "drained", or "alive".
std::string WorkerStateName(const wire::WorkerView& worker);
std::string WorkersJson(const std::vector<wire::WorkerView>& workers);
std::string ClusterJson(const wire::ClusterResponse& cluster,
                        const std::vector<wire::JobView>& jobs);
std::string CountersJson(const wire::Counters& counters);
std::string LogJson(const wire::GetLogResponse& log);
std::string SpecJson(const wire::JobSpec& spec);
std::string PlanJson(const wire::SubmitJobResponse& plan, const wire::JobSpec& spec);
std::string SettingsJson(const Settings& settings);
struct KillResult {
  std::string id;
  bool already_ended = false;
  wire::JobState state = wire::JobState::kKilled;
};
std::string SetJson(const std::string& id, const wire::SetJobResponse& answer);
// `kept`: why each leftover stays, or empty.
std::string GcJson(const wire::GcResponse& answer, const std::vector<Leftover>& leftovers,
                   const std::vector<std::string>& kept, bool dry_run);
std::string KillJson(const std::vector<KillResult>& results);

}  // namespace mr::submit
