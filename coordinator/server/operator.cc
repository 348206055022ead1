#include "coordinator/server/operator.h"

#include <algorithm>
#include <array>
#include <iostream>
#include <memory>

#include "common/base/options.h"
#include "common/base/strings.h"
#include "common/io/env.h"
#include "coordinator/raft/log_format.h"
#include "coordinator/replica/disk_book.h"
#include "coordinator/replica/group.h"
#include "coordinator/replica/member_store.h"
#include "coordinator/server/coordinator_state.h"

namespace mr::coordinator {
namespace {

constexpr std::array<std::string_view, 4> kCommands{"bootstrap", "inspect", "export", "restore"};
constexpr uint64_t kMaxExportBytes = uint64_t{8} << 30;

struct OperatorOptions {
  std::string state_dir;
  uint64_t node = 0;
  std::string peers;
  std::string cluster;
  std::string file;  // of export and restore
  bool replace = false;
};

// A member's directory with nobody in it.
struct Stopped {
  std::string directory;  // STATE/coord
  std::unique_ptr<FileLock> lock;
};

enum class Missing : uint8_t { kIsMade, kIsAnError };

Result<Stopped> LockStopped(Env& env, const std::string& state_dir, Missing missing) {
  MR_ASSIGN_OR_RETURN(const std::string root, AbsolutePath(state_dir));
  if (missing == Missing::kIsAnError && !env.Exists(JoinPath(root, kMemberDirectory))) {
    return Fail(ErrorCode::kNotFound, StrCat("there is no coordinator's state in ", root,
                                             ": give the --state-dir that mrcoordinator was started with"));
  }
  MR_RETURN_IF_ERROR(env.CreateDirectories(root));
  Stopped stopped{JoinPath(root, kMemberDirectory), nullptr};
  auto lock = env.Lock(JoinPath(root, "lock"));
  if (!lock && lock.error().code == ErrorCode::kUnavailable) {
    return Fail(ErrorCode::kUnavailable, StrCat(lock.error().text, ": stop the coordinator that runs there first; while it runs, "
                                                                  "'mrsubmit status' shows it"));
  }
  if (!lock) return Fail(lock.error());
  stopped.lock = std::move(*lock);
  return stopped;
}

struct Contents {
  raft::Identity identity;
  raft::HardState hard_state;
  raft::SnapshotMeta last;   // the newest entry
  std::string members;
  State state;
};

// Everything in the log, agreed on or not: of the members that are left, the one with the newest entry has all that was.
Result<Contents> Read(Env& env, const Stopped& stopped) {
  raft::StorageOptions storage;
  storage.create = false;
  MR_ASSIGN_OR_RETURN(DiskStore::Opened opened, DiskStore::Open(env, stopped.directory, storage));
  for (const std::string& warning : opened.warnings) std::cerr << "mrcoordinator: " << warning << "\n";
  Contents contents{opened.store->identity(), opened.restored.hard_state, opened.restored.snapshot.meta, "", {}};
  CoordinatorState machine(/*alone=*/false);
  if (opened.restored.snapshot.data) {
    MR_ASSIGN_OR_RETURN(const ReplicaSnapshot snapshot, DecodeReplicaSnapshot(*opened.restored.snapshot.data));
    contents.members = snapshot.members;
    MR_RETURN_IF_ERROR(machine.Load(snapshot.state));
  }
  for (const raft::EntryPtr& entry : opened.restored.entries) {
    if (entry->kind == raft::EntryKind::kMembers) contents.members = entry->payload;
    if (entry->kind == raft::EntryKind::kCommand) MR_RETURN_IF_ERROR(machine.Apply(*entry));
    contents.last = {entry->index, entry->term};
  }
  contents.state = machine.ForCore();
  return contents;
}

Result<Group> TakeGroup(const OperatorOptions& options) {
  MR_ASSIGN_OR_RETURN(Group group, ParseGroup(options.peers));
  if (group.Find({options.node}) == nullptr)
    return Fail(ErrorCode::kInvalidArgument, StrCat("--node ", options.node, " is none of --peers ", options.peers));
  return group;
}

// ---- the commands -----------------------------------------------------------------------------------------

Status Bootstrap(Env& env, const OperatorOptions& options) {
  MR_ASSIGN_OR_RETURN(const Group group, TakeGroup(options));
  MR_ASSIGN_OR_RETURN(const Stopped stopped, LockStopped(env, options.state_dir, Missing::kIsMade));
  const bool begun = env.Exists(JoinPath(stopped.directory, "META"));
  MR_RETURN_IF_ERROR(env.CreateDirectories(stopped.directory));
  if (!begun) MR_RETURN_IF_ERROR(DiskBook::Create(env, stopped.directory));
  raft::StorageOptions storage;
  storage.node = {options.node};
  storage.cluster = GroupIdOf(options.cluster, group, "");
  raft::Recovered recovered;
  MR_ASSIGN_OR_RETURN(const auto log, raft::LogStorage::Open(env, stopped.directory, storage, recovered));
  const raft::Identity wanted{*storage.cluster, storage.node};
  // A start that was cut off may be finished; anything else would make a member forget.
  if (log->last_index().value > 0 || log->identity() != wanted) {
    return Fail(ErrorCode::kAlreadyExists,
                StrCat(stopped.directory, " belongs to a coordinator already; look into it with 'mrcoordinator inspect'. To "
                                          "make a group of a coordinator alone: 'export' and 'restore'"));
  }
  MR_RETURN_IF_ERROR(log->SaveHardState({{1}, {}}));
  const raft::Entry first{{1}, {1}, raft::EntryKind::kMembers, ToString(group)};
  MR_RETURN_IF_ERROR(log->Append(std::span(&first, 1)));
  MR_RETURN_IF_ERROR(log->Sync());
  std::cout << "member " << options.node << " of group " << HexOf(log->identity().cluster) << " is ready in "
            << stopped.directory << "\nstart it with: mrcoordinator --state-dir " << options.state_dir << " --node "
            << options.node << " --peers " << options.peers << "\n";
  return {};
}

Status Inspect(Env& env, const OperatorOptions& options) {
  MR_ASSIGN_OR_RETURN(const Stopped stopped, LockStopped(env, options.state_dir, Missing::kIsAnError));
  MR_ASSIGN_OR_RETURN(const Contents contents, Read(env, stopped));
  const auto active = std::count_if(contents.state.jobs.begin(), contents.state.jobs.end(),
                                    [](const auto& job) { return job.second.stage != JobStage::kEnded; });
  std::cout << "directory   " << stopped.directory << "\ngroup       " << HexOf(contents.identity.cluster)
            << "\nnode        " << contents.identity.node.value << "\nmembers     "
            << (contents.members.empty() ? "none: a coordinator alone" : contents.members) << "\nterm        "
            << contents.hard_state.term.value << "\nlast entry  term " << contents.last.term.value << ", index "
            << contents.last.index.value << "\njobs        " << active << " active, "
            << contents.state.jobs.size() - static_cast<size_t>(active) << " ended\nplugins     "
            << contents.state.plugins.size() << "\n";
  return {};
}

Status Export(Env& env, const OperatorOptions& options) {
  MR_ASSIGN_OR_RETURN(const Stopped stopped, LockStopped(env, options.state_dir, Missing::kIsAnError));
  MR_ASSIGN_OR_RETURN(const Contents contents, Read(env, stopped));
  const std::string payload = EncodeReplicaSnapshot(contents.members, EncodeState(contents.state));
  MR_RETURN_IF_ERROR(
      WriteFileAtomically(env, options.file, raft::EncodeSnapshot(contents.identity, contents.last, payload)));
  std::cout << "wrote " << options.file << ": " << contents.state.jobs.size() << " jobs, everything up to entry "
            << contents.last.index.value << " of term " << contents.last.term.value
            << "\nOf the members that still have their disk, the one with the highest term and index here is the one to "
               "restore from.\n";
  return {};
}

// What was there is moved aside, never removed.
Status MakeRoom(Env& env, const std::string& directory, bool replace) {
  if (!env.Exists(JoinPath(directory, "META"))) return {};
  if (!replace) {
    return Fail(ErrorCode::kAlreadyExists,
                StrCat(directory, " belongs to a coordinator already: with --replace it is moved aside first"));
  }
  const std::string aside = StrCat(directory, ".replaced-", SystemClock().Read().unix_ms);
  MR_RETURN_IF_ERROR(env.Rename(directory, aside));
  std::cout << "what was there is now in " << aside << "\n";
  return {};
}

Status Restore(Env& env, const OperatorOptions& options) {
  Group group;
  if (!options.peers.empty()) {
    MR_ASSIGN_OR_RETURN(group, TakeGroup(options));
  }
  MR_ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(env, options.file, kMaxExportBytes));
  const auto from = raft::IdentityOfSnapshot(bytes);
  if (!from)
    return Fail(ErrorCode::kInvalidArgument, StrCat(options.file, " was not written by 'mrcoordinator export'"));
  MR_ASSIGN_OR_RETURN(const raft::DecodedSnapshot exported, raft::DecodeSnapshot(bytes, *from, options.file));
  MR_ASSIGN_OR_RETURN(const ReplicaSnapshot snapshot, DecodeReplicaSnapshot(exported.payload));
  MR_ASSIGN_OR_RETURN(const Stopped stopped, LockStopped(env, options.state_dir, Missing::kIsMade));
  MR_RETURN_IF_ERROR(MakeRoom(env, stopped.directory, options.replace));
  MR_RETURN_IF_ERROR(env.CreateDirectories(stopped.directory));
  MR_RETURN_IF_ERROR(DiskBook::Create(env, stopped.directory));
  // Another name: a member of the old group that somebody forgot to stop cannot speak to this one.
  const std::string lineage = StrCat(HexOf(from->cluster), "@", exported.meta.index.value, "/", exported.meta.term.value);
  raft::StorageOptions storage;
  if (!group.alone()) storage.node = {options.node};
  storage.cluster = GroupIdOf(options.cluster, group, lineage);
  raft::Recovered recovered;
  MR_ASSIGN_OR_RETURN(const auto log, raft::LogStorage::Open(env, stopped.directory, storage, recovered));
  MR_RETURN_IF_ERROR(log->SaveHardState({exported.meta.term, {}}));
  const std::string members = group.alone() ? std::string() : ToString(group);
  MR_RETURN_IF_ERROR(log->SaveSnapshot(exported.meta, EncodeReplicaSnapshot(members, snapshot.state)));
  std::cout << (group.alone() ? std::string("a coordinator alone") : StrCat("member ", options.node)) << " of the new group "
            << HexOf(*storage.cluster) << " is ready in " << stopped.directory << "\n";
  return {};
}

// ---- the command line -------------------------------------------------------------------------------------

void AddGroupOptions(CLI::App& command, OperatorOptions& options, bool required) {
  auto* peers = command.add_option("--peers", options.peers, "all members: 1=tcp://HOST:PORT,2=…,3=…");
  auto* node = command.add_option("--node", options.node, "which of them this is");
  command.add_option("--cluster", options.cluster, "the cluster's name, the same on every member");
  if (required) {
    peers->required();
    node->required();
  } else {
    peers->needs(node);
  }
}

}  // namespace

bool IsOperatorCommand(std::string_view word) {
  return std::find(kCommands.begin(), kCommands.end(), word) != kCommands.end();
}

int RunOperatorCommand(int argc, const char* const* argv) {
  constexpr int kUsage = 2;
  constexpr int kRefused = 6;
  OperatorOptions options;
  CLI::App app("Makes, shows, saves and restores the state directory of a coordinator that is not running.",
               "mrcoordinator");
  app.require_subcommand(1);
  const auto add = [&](const char* name, const char* help) {
    CLI::App* command = app.add_subcommand(name, help);
    command->add_option("--state-dir", options.state_dir, "of the coordinator")->required();
    return command;
  };
  CLI::App* bootstrap = add("bootstrap", "make a new member of a new group; run once on each member, with the same --peers");
  AddGroupOptions(*bootstrap, options, true);
  CLI::App* inspect = add("inspect", "show what is in the directory: group, members, term, last entry, jobs");
  CLI::App* save = add("export", "write the state to a file");
  save->add_option("-o,--output", options.file, "the file to write")->required();
  CLI::App* restore = add("restore", "make a new group of an exported state; run on each member, with the same file and "
                                     "--peers. Without --peers: a coordinator alone");
  restore->add_option("--from", options.file, "what 'export' wrote")->required();
  restore->add_flag("--replace", options.replace, "move aside what is there");
  AddGroupOptions(*restore, options, false);
  if (const auto code = ParseCommandLine(app, argc, argv)) return *code;
  Env& env = PosixEnv();
  const Status done = bootstrap->parsed() ? Bootstrap(env, options)
                      : inspect->parsed() ? Inspect(env, options)
                      : save->parsed()    ? Export(env, options)
                                          : Restore(env, options);
  if (done) return 0;
  std::cerr << "mrcoordinator: " << done.error().text << "\n";
  return done.error().code == ErrorCode::kInvalidArgument ? kUsage : kRefused;
}

}  // namespace mr::coordinator
