// The coordinator's shell: one loop around the replicated log and, while this member leads, around the core, on one
// thread.
//
//   poll → decode → Step all that is ready → propose the records → Pump (durable, agreed on) → send the replies
//
// A reply leaves only after every record before it is agreed on, and, in a group, after a majority has said that this
// member still led when the question came. A coordinator alone agrees with itself: its disk is the majority.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/net/channel.h"
#include "coordinator/core/coordinator_core.h"
#include "coordinator/replica/replica.h"
#include "coordinator/server/blob_store.h"
#include "coordinator/server/coordinator_state.h"
#include "coordinator/server/plugin_exchange.h"
#include "coordinator/server/process.h"
#include "coordinator/web/http_server.h"

namespace mr::coordinator {

// What the loop works with; all outlive it.
struct ServerParts {
  const Clock& clock;
  Replica& replica;
  CoordinatorState& state;
  BlobStore& blobs;
  net::RequestServer& requests;
  SignalQueue& signals;
  // For a core that begins to lead; asked again after `reload`. The epoch is set by the loop.
  std::function<CoreOptions()> core_options;
  std::function<void()> reload = nullptr;  // at SIGHUP; may be empty
  HttpServer* http = nullptr;              // null: no web pages
  DevWorkers* dev_workers = nullptr;       // null: none
};

class Server {
 public:
  explicit Server(ServerParts parts);
  // Until a signal or idleness ends it. Errors: of the log; nothing was answered that is not agreed on.
  Status Run();

 private:
  // Replies that wait for the same entry.
  struct Batch {
    raft::Index upto;       // must be applied
    uint64_t read = 0;      // must be confirmed too; 0: nothing to confirm
    bool confirmed = false;
    std::vector<Reply> replies;
  };
  // A plugin that is whole here and not yet at a majority.
  struct WaitingPut {
    std::string token;
    uint64_t request_id = 0;
    std::string sha256;
    wire::PutBlobResponse response;
  };

  // server.cc
  Duration TimeToSleep() const;
  void HandleSignals();
  void HandleRequests();
  void HandleRequest(const net::RequestServer::Incoming& incoming);
  void Put(const std::string& token, const wire::Request& request, const wire::PutBlobRequest& put);
  void Step(const Event& event);
  Status Flush();
  void Release();
  Status Tidy();
  void Send(const std::string& token, const wire::Response& response);
  void Answer(const std::string& token, uint64_t request_id, wire::ResponseBody body);
  void DumpState() const;

  // server_group.cc
  Status HandlePeers();
  Status FollowLeadership();
  Status BeginToLead();
  void StopLeading(const std::string& why);
  void AnswerNotLeader(const std::string& token, uint64_t request_id);
  void FinishPuts();
  void KeepPlugins();
  void BeginToEnd();
  void ShowMembers(wire::ClusterResponse& cluster) const;

  // server_web.cc
  void PublishSnapshot();
  std::shared_ptr<const TaskList> TasksOf(const wire::JobView& job);

  bool alone() const { return parts_.replica.group().alone(); }
  uint64_t epoch() const { return core_ ? core_->options().epoch : 0; }

  ServerParts parts_;
  net::Poller poller_;
  std::unique_ptr<PluginExchange> exchange_;  // of a group
  std::optional<CoordinatorCore> core_;       // while this member leads
  bool stop_ = false;
  std::optional<Time> hand_over_until_;       // told to end: somebody else shall lead first
  Time next_deadline_;
  std::vector<std::string> records_;  // of this batch, encoded
  std::vector<Reply> replies_;        // of this batch
  std::deque<Batch> batches_;         // not released yet
  uint64_t last_read_ = 0;
  std::map<std::string, uint64_t> open_;  // requests that the core has and has not answered, by token
  std::list<WaitingPut> waiting_puts_;
  Time last_record_;
  bool idle_told_ = false;
  uint64_t steps_total_ = 0;
  uint64_t records_total_ = 0;
  uint64_t replies_total_ = 0;

  struct CachedTasks {
    uint64_t version = 0;
    std::shared_ptr<const TaskList> tasks;
  };
  std::map<JobId, CachedTasks> cached_tasks_;
  Time last_snapshot_;
  Time last_interest_;
};

}  // namespace mr::coordinator
