// Which disk each member had when it was first heard of. A member that comes back with an empty disk has forgotten its
// votes and what it acknowledged: let in under its old number, it could help to lose what the group has agreed on.
//
// Files in the member's directory, one line each: `disk` (this member's own id), `peers` ("NODE ID" per known member).
// One thread.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "common/io/env.h"
#include "coordinator/replica/peer_message.h"

namespace mr::coordinator {

class DiskBook {
 public:
  // For a member's directory that is being made.
  static Status Create(Env& env, const std::string& directory);
  // Errors: kDataLoss when a file is missing or damaged.
  static Result<std::unique_ptr<DiskBook>> Open(Env& env, const std::string& directory);

  const DiskId& own() const { return own_; }
  // True: `node` is heard of for the first time, and written down, durably; or it has the disk that it had. False: it has
  // another one. Errors: kIo, kNoSpace.
  Result<bool> Admit(raft::NodeId node, const DiskId& disk);

 private:
  DiskBook(Env& env, std::string directory) : env_(env), directory_(std::move(directory)) {}

  Env& env_;
  const std::string directory_;
  DiskId own_{};
  std::map<raft::NodeId, DiskId> peers_;
};

}  // namespace mr::coordinator
