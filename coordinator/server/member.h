// How a coordinator begins: its part of the replicated log, opened with what earlier lives left.
#pragma once

#include <memory>
#include <string>

#include "common/io/env.h"
#include "common/net/channel.h"
#include "coordinator/core/state.h"
#include "coordinator/replica/replica.h"
#include "coordinator/server/blob_store.h"

namespace mr::coordinator {

// In the state directory: log and snapshots.
inline constexpr const char* kMemberDirectory = "coord";

// Alone, and everything is forgotten at the end. Nothing is paid for it.
Result<std::unique_ptr<Replica>> OpenVolatile(StateMachine& machine);
// Alone, in `state_directory`/coord, which is made. Errors: kUnavailable when another process has it, kDataLoss and
// kUnsupported naming what cannot be read and what to do, kNoSpace, kIo.
Result<std::unique_ptr<Replica>> OpenAlone(Env& env, const std::string& state_directory, StateMachine& machine);

struct MemberOptions {
  std::string state_directory;
  raft::NodeId self;
  Group group;
  std::string client_endpoint;
};
// One of several. The directory must have been made by 'mrcoordinator bootstrap' or 'restore': a member that begins with
// nothing could forget what it has promised. Errors: as OpenAlone, and kNotFound naming the procedure.
Result<std::unique_ptr<Replica>> OpenMember(Env& env, net::NetContext& context, const MemberOptions& options,
                                            StateMachine& machine);

// A job that goes on needs its plugin; workers may have it, but new ones cannot get it.
void WarnOfMissingPlugins(const State& state, const BlobStore& blobs);

}  // namespace mr::coordinator
