// Lesson 23, of the server's loop: what queued while the log was busy goes with one sync, and nobody waits for a number
// of others.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "common/base/strings.h"
#include "common/wire/codec.h"
#include "coordinator/server/server.h"
#include "test/support/memory_env.h"
#include "test/unit/coordinator/support/script.h"

namespace mr::coordinator {
namespace {

constexpr size_t kClients = 125;
constexpr size_t kRequestsEach = 8;
constexpr size_t kRequests = kClients * kRequestsEach;

// The first write of commands lasts until it is told to go on; one record more than `last` ends the server.
class SlowStore final : public MemberStore {
 public:
  SlowStore(size_t last, std::future<void> go_on, size_t& writes)
      : last_(last), go_on_(std::move(go_on)), writes_(writes) {}
  Status Persist(const raft::Ready& ready) override {
    const auto commands = std::count_if(ready.entries.begin(), ready.entries.end(),
                                        [](const auto& entry) { return entry->kind == raft::EntryKind::kCommand; });
    if (commands == 0) return {};
    records_ += static_cast<size_t>(commands);
    if (writes_++ == 0) go_on_.wait();
    if (records_ > last_) return Fail(ErrorCode::kIo, "enough");
    return {};
  }
  bool WantsSnapshot() const override { return false; }
  Status SaveSnapshot(const raft::SnapshotMeta& /*meta*/, std::string_view /*bytes*/) override { return {}; }
  Status Idle() override { return {}; }

 private:
  const size_t last_;
  const std::future<void> go_on_;
  size_t records_ = 0;
  size_t& writes_;
};

// One process of many that submit a job each.
class Clients {
 public:
  explicit Clients(const std::string& endpoint) {
    for (size_t i = 0; i < kClients; ++i) {
      sockets_.emplace_back(context_, zmq::socket_type::dealer);
      sockets_.back().set(zmq::sockopt::linger, 0);
      sockets_.back().set(zmq::sockopt::rcvtimeo, 30'000);
      sockets_.back().connect(endpoint);
    }
  }
  void Submit(size_t number) {
    wire::Request request;
    request.client = 1;
    request.request_id = number + 1;
    request.body = wire::SubmitJobRequest{test::MakeSpec(1, 1, StrCat("/out", number)), false};
    zmq::socket_t& socket = sockets_[number % kClients];
    socket.send(zmq::message_t(), zmq::send_flags::sndmore);
    socket.send(zmq::buffer(wire::Encode(request)), zmq::send_flags::none);
  }
  // The answer to one of the requests of this socket.
  wire::Response Receive(size_t socket) {
    zmq::message_t frame;
    do {
      if (!sockets_[socket].recv(frame)) {
        ADD_FAILURE() << "no answer within 30 s";
        return {};
      }
    } while (frame.more());
    return wire::Decode<wire::Response>(frame.to_string_view()).value_or(wire::Response{});
  }

 private:
  zmq::context_t context_;
  std::vector<zmq::socket_t> sockets_;
};

TEST(Server, Lesson23_ManyQueuedRequests_ShareFewSyncs) {
  const SystemClock clock;
  State state;
  state.plugins[test::PluginHash()] = 10;
  CoordinatorState machine(/*alone=*/true);
  ASSERT_TRUE(machine.Load(EncodeState(state)));
  mr::test::MemoryEnv env;
  Result<BlobStore> blobs = BlobStore::Open(env, "/blobs", false);
  ASSERT_TRUE(blobs);
  net::NetContext context;
  const auto requests = net::RequestServer::Bind(context, {"tcp://127.0.0.1:0"});
  ASSERT_TRUE(requests);
  const auto signals = SignalQueue::Open();
  ASSERT_TRUE(signals);
  std::promise<void> all_sent;
  size_t writes = 0;
  auto replica = Replica::Open({}, std::make_unique<SlowStore>(kRequests, all_sent.get_future(), writes), {}, machine,
                               nullptr, nullptr, [](uint64_t /*bound*/) { return uint64_t{0}; });
  ASSERT_TRUE(replica);
  const auto options = [] {
    CoreOptions core;
    core.max_jobs = 2 * kRequests;
    return core;
  };
  Server server({clock, **replica, machine, *blobs, **requests, **signals, options});
  Status ended;
  std::thread loop([&] { ended = server.Run(); });

  Clients clients((*requests)->endpoints().front());
  for (size_t i = 0; i < kRequests; ++i) clients.Submit(i);
  all_sent.set_value();
  for (size_t i = 0; i < kRequests; ++i) {
    const wire::Response response = clients.Receive(i % kClients);
    EXPECT_TRUE(std::holds_alternative<wire::SubmitJobResponse>(response.body));
  }
  clients.Submit(kRequests);
  loop.join();

  ASSERT_FALSE(ended.has_value());
  EXPECT_TRUE(ended.error().text.starts_with("enough")) << ended.error().text;
  EXPECT_EQ(machine.state().jobs.size(), kRequests + 1);
  // The first one alone, and what had queued by its end; a busy machine delivers in a few portions.
  EXPECT_LE(writes, kRequests / 20);
}

}  // namespace
}  // namespace mr::coordinator
