// The coordinator's shell: one loop around the core, on one thread.
//
//   poll → decode → Step all that is ready → append + sync the records → send the replies
//
// A reply leaves only after every record of its batch is durable.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/net/channel.h"
#include "coordinator/core/coordinator_core.h"
#include "coordinator/raft/record_log.h"
#include "coordinator/server/blob_store.h"
#include "coordinator/server/process.h"
#include "coordinator/web/http_server.h"

namespace mr::coordinator {

// What the loop works with; all outlive it.
struct ServerParts {
  const Clock& clock;
  CoordinatorCore& core;
  RecordLog& log;
  BlobStore& blobs;
  net::RequestServer& requests;
  SignalQueue& signals;
  std::function<void()> reload = nullptr;  // at SIGHUP; may be empty
  HttpServer* http = nullptr;         // null: no web pages
  DevWorkers* dev_workers = nullptr;  // null: none
};

class Server {
 public:
  explicit Server(ServerParts parts);
  // Until a signal or idleness ends it. Errors: of the record log; nothing was answered that is not
  // durable.
  Status Run();

 private:
  void HandleSignals();
  void HandleRequests();
  void HandleRequest(const net::RequestServer::Incoming& incoming);
  void Put(const std::string& token, const wire::Request& request, const wire::PutBlobRequest& put);
  void Step(const Event& event);
  Status Flush();
  Status Tidy();
  void ReplyTo(const std::string& token, uint64_t request_id, wire::ResponseBody body);
  void PublishSnapshot();
  std::shared_ptr<const TaskList> TasksOf(const wire::JobView& job);
  void DumpState() const;

  ServerParts parts_;
  net::Poller poller_;
  bool stop_ = false;
  Time next_deadline_;
  std::vector<std::string> records_;  // of this batch, encoded
  std::vector<Reply> replies_;        // of this batch
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
