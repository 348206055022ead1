// The part of the server that makes the picture for the web pages.
#include "coordinator/core/views.h"
#include "coordinator/server/server.h"

namespace mr::coordinator {
namespace {

constexpr Duration kSnapshotInterval = std::chrono::milliseconds(100);
constexpr Duration kIdleSnapshotInterval = std::chrono::seconds(1);
constexpr Duration kInterestLasts = std::chrono::seconds(10);
constexpr uint32_t kSnapshotJobs = 200;
constexpr size_t kSnapshotTaskJobs = 10;
constexpr uint32_t kSnapshotTasks = 2000;

}  // namespace

// Unchanged jobs share the list of the snapshot before.
std::shared_ptr<const TaskList> Server::TasksOf(const wire::JobView& job) {
  CachedTasks& cached = cached_tasks_[job.id];
  if (cached.tasks == nullptr || cached.version != job.version) {
    wire::ListTasksRequest request;
    request.job = job.id;
    request.limit = kSnapshotTasks;
    auto list = ListTasks(core_->state().jobs.at(job.id), core_->runs().at(job.id), request).tasks;
    cached = {job.version, std::make_shared<const TaskList>(std::move(list))};
  }
  return cached.tasks;
}

void Server::PublishSnapshot() {
  if (parts_.http == nullptr) return;
  const Now now = parts_.clock.Read();
  if (parts_.http->TakeInterest()) last_interest_ = now.mono;
  const Duration interval =
      now.mono - last_interest_ < kInterestLasts ? kSnapshotInterval : kIdleSnapshotInterval;
  if (now.mono - last_snapshot_ < interval) return;
  last_snapshot_ = now.mono;
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->unix_ms = now.unix_ms;
  if (core_) {
    snapshot->cluster = core_->ClusterView();
    wire::ListJobsRequest newest;
    newest.limit = kSnapshotJobs;
    snapshot->jobs = core_->JobViews(newest);
    for (const wire::JobView& job : snapshot->jobs) {
      if (snapshot->tasks.size() < kSnapshotTaskJobs) snapshot->tasks[job.id] = TasksOf(job);
    }
    std::erase_if(cached_tasks_,
                  [&](const auto& entry) { return !snapshot->tasks.contains(entry.first); });
  } else {
    const CoreOptions options = parts_.core_options();
    snapshot->cluster.cluster = options.cluster;
    snapshot->cluster.version = options.version;
    snapshot->cluster.started_unix_ms = options.started_unix_ms;
    snapshot->cluster.http = options.http;
  }
  ShowMembers(snapshot->cluster);
  const Replica& replica = parts_.replica;
  const ReplicaCounts& counts = replica.counts();
  snapshot->replica = {.replicated = !alone(),
                       .node = replica.self().value,
                       .leader = replica.leader().node.value,
                       .leads = core_.has_value(),
                       .term = replica.term().value,
                       .commit_index = replica.commit().value,
                       .applied_index = replica.applied().value,
                       .elections = counts.elections,
                       .leader_changes = counts.leader_changes,
                       .proposals = counts.proposals,
                       .snapshots_saved = counts.snapshots_saved,
                       .snapshots_loaded = counts.snapshots_loaded,
                       .syncs = counts.syncs,
                       .sync_us = std::chrono::duration_cast<std::chrono::microseconds>(counts.sync_time).count(),
                       .longest_sync_us =
                           std::chrono::duration_cast<std::chrono::microseconds>(counts.longest_sync).count(),
                       .dropped_messages = replica.dropped_messages()};
  snapshot->steps_total = steps_total_;
  snapshot->records_total = records_total_;
  snapshot->replies_total = replies_total_;
  parts_.http->Publish(std::move(snapshot));
}

}  // namespace mr::coordinator
