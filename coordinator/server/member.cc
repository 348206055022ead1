#include "coordinator/server/member.h"

#include <algorithm>
#include <utility>

#include "common/base/logging.h"
#include "common/base/random.h"
#include "common/base/strings.h"

namespace mr::coordinator {
namespace {

raft::RandomBelow SystemRandom() {
  return [random = Random(RandomSeed())](uint64_t bound) mutable { return random.Below(bound); };
}

void LogOpened(const std::string& directory, const raft::Restored& restored, const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) LOG(WARNING) << warning;
  LOG(INFO) << directory << ": term " << restored.hard_state.term.value
            << (restored.snapshot.data ? StrCat(", a snapshot of entry ", restored.snapshot.meta.index.value) : std::string())
            << ", " << restored.entries.size() << " entries" << (restored.snapshot.data ? " after it" : "");
}

}  // namespace

Result<std::unique_ptr<Replica>> OpenVolatile(StateMachine& machine) {
  raft::Restored restored;
  // The term of the first election is later than in any life before.
  restored.hard_state.term.value = static_cast<uint64_t>(SystemClock().Read().unix_ms);
  LOG(INFO) << "jobs are kept in memory only: a restart of the coordinator forgets them";
  return Replica::Open({}, std::make_unique<VolatileStore>(), std::move(restored), machine, nullptr, nullptr,
                       SystemRandom());
}

Result<std::unique_ptr<Replica>> OpenAlone(Env& env, const std::string& state_directory, StateMachine& machine) {
  const std::string directory = JoinPath(state_directory, kMemberDirectory);
  MR_ASSIGN_OR_RETURN(DiskStore::Opened opened, DiskStore::Open(env, directory, {}));
  LogOpened(directory, opened.restored, opened.warnings);
  LOG(INFO) << "jobs are kept in " << directory << ": a restart of the coordinator goes on with them";
  return Replica::Open({}, std::move(opened.store), std::move(opened.restored), machine, nullptr, nullptr, SystemRandom());
}

Result<std::unique_ptr<Replica>> OpenMember(Env& env, net::NetContext& context, const MemberOptions& options,
                                            StateMachine& machine) {
  const std::string directory = JoinPath(options.state_directory, kMemberDirectory);
  raft::StorageOptions storage;
  storage.node = options.self;
  storage.create = false;
  Result<DiskStore::Opened> opened = DiskStore::Open(env, directory, storage);
  if (!opened && opened.error().code == ErrorCode::kNotFound) {
    return Fail(ErrorCode::kNotFound,
                StrCat(directory, " holds nothing of member ", options.self.value,
                       ". A new group: run 'mrcoordinator bootstrap' with the same --peers once on each member. A member "
                       "that has lost its disk: it has forgotten what it promised and must not begin anew; stop all "
                       "members, 'mrcoordinator export' on one that has its disk, 'mrcoordinator restore' on all"));
  }
  if (!opened) return Fail(opened.error());
  const raft::Identity& identity = opened->store->identity();
  if (identity.node != options.self) {
    return Fail(ErrorCode::kInvalidArgument, StrCat(directory, " belongs to member ", identity.node.value, ", not to --node ",
                                                    options.self.value));
  }
  LogOpened(directory, opened->restored, opened->warnings);
  MR_ASSIGN_OR_RETURN(auto book, DiskBook::Open(env, directory));
  MR_ASSIGN_OR_RETURN(auto links, PeerLinks::Open(context, options.group, options.self, identity.cluster, book->own()));
  LOG(INFO) << "member " << options.self.value << " of " << options.group.members.size() << ", group "
            << HexOf(identity.cluster) << ", jobs are kept in " << directory;
  ReplicaOptions replica;
  replica.self = options.self;
  replica.group = options.group;
  replica.client_endpoint = options.client_endpoint;
  return Replica::Open(replica, std::move(opened->store), std::move(opened->restored), machine, std::move(links),
                       std::move(book), SystemRandom());
}

void WarnOfMissingPlugins(const State& state, const BlobStore& blobs) {
  for (const auto& [id, job] : state.jobs) {
    if (job.stage == JobStage::kEnded || blobs.Has(job.spec.config.plugin_sha256)) continue;
    LOG(WARNING) << "the plugin " << job.spec.config.plugin_name << " of " << ToString(id)
                 << " is missing or damaged in the state directory: workers that do not have it cannot run its tasks. "
                    "Submit a job with the same plugin to store it again";
  }
}

}  // namespace mr::coordinator
