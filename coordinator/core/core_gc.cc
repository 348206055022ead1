// What ended jobs have left behind, removed when somebody asks for it.
#include "coordinator/core/coordinator_core.h"

namespace mr::coordinator {

std::vector<std::string> CoordinatorCore::UnusedPlugins() const {
  std::set<std::string> used = fresh_plugins_;
  for (const auto& [id, job] : state_.jobs) used.insert(job.spec.config.plugin_sha256);
  for (const JobId id : active_) {
    const std::set<std::string>& former = runs_.at(id).former_plugins;
    used.insert(former.begin(), former.end());
  }
  std::vector<std::string> unused;
  for (const auto& [sha256, bytes] : state_.plugins) {
    if (!used.contains(sha256)) unused.push_back(sha256);
  }
  return unused;
}

// Its finished maps are being taken over.
bool CoordinatorCore::IsResumed(JobId job) const {
  for (const JobId id : active_) {
    if (state_.jobs.at(id).spec.config.resume_from == job) return true;
  }
  return false;
}

void CoordinatorCore::Handle(const Asker& asker, const wire::GcRequest& request) {
  wire::GcResponse response;
  for (const wire::OutputClaim& claim : request.claims) {
    const JobEntry* job = state_.Find(claim.job);
    const bool known = job != nullptr && job->spec.config.output_nonce == claim.nonce;
    response.claims.push_back({known, known && job->stage == JobStage::kEnded});
  }
  for (Worker& worker : workers_.workers()) {
    std::set<JobId> jobs;
    for (const AttemptId& attempt : worker.kept_outputs) {
      const JobEntry& job = state_.jobs.at(attempt.task.job);
      if (job.stage != JobStage::kEnded || IsResumed(job.id)) continue;
      jobs.insert(job.id);
      ++response.map_outputs;
      response.map_output_bytes += std::get<wire::MapResult>(job.Find(attempt.task)->completion->result).output_bytes;
    }
    if (worker.alive) ++response.workers;
    if (request.dry_run) continue;
    for (const JobId job : jobs) DropKept(worker, job);
    if (worker.alive) worker.sweep.Add(true);
  }
  for (const std::string& sha256 : UnusedPlugins()) {
    ++response.plugins;
    response.plugin_bytes += state_.plugins.at(sha256);
    if (request.dry_run) continue;
    Commit(wire::PluginRemoved{sha256});
    actions_.removed_plugins.push_back(sha256);
  }
  Answer(asker, std::move(response));
}

}  // namespace mr::coordinator
