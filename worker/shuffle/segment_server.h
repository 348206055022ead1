// The worker's side of the shuffle that gives: serves segments of this worker's map outputs to
// reducers, in a thread of its own. Messages: FORMAT.md.
//
// It never waits for a peer: each gets as many pieces as it has given credits for. What comes from
// the network is numbers and never a path; files outside of output_dirs cannot be named.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/io/env.h"
#include "common/net/channel.h"

namespace mr::worker {

class SegmentServer {
 public:
  // Serves <attempt>.run of any of `output_dirs`. `listen_endpoint` as for RequestServer::Bind;
  // `advertise_host` (may be empty) replaces the host in endpoint(), for listening on all
  // interfaces. `context` and `env` must outlive it.
  static Result<std::unique_ptr<SegmentServer>> Start(net::NetContext& context, Env& env,
                                                      const std::string& listen_endpoint,
                                                      const std::string& advertise_host,
                                                      const std::vector<std::string>& output_dirs);
  ~SegmentServer();  // stops and joins the thread

  // What reducers connect to; includes the public key when the context encrypts.
  const std::string& endpoint() const;
  uint64_t sent_bytes() const;  // since the start; any thread

  struct Impl;
  explicit SegmentServer(std::unique_ptr<Impl> impl);  // for Start

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace mr::worker
