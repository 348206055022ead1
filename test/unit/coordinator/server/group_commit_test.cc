// Lesson 23, of the server's loop: what queued while the log was busy goes with one sync, and nobody waits for a number
// of others.
#include <gtest/gtest.h>

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

// Its first sync lasts until it is told to go on; one record more than `last` ends the server.
class SlowLog final : public RecordLog {
 public:
  SlowLog(size_t last, std::future<void> go_on) : last_(last), go_on_(std::move(go_on)) {}
  Status Append(std::span<const std::string> records) override {
    records_ += records.size();
    return {};
  }
  Status Sync() override {
    if (syncs_++ == 0) go_on_.wait();
    if (records_ > last_) return Fail(ErrorCode::kIo, "enough");
    return {};
  }
  std::string_view description() const override { return "counts"; }
  size_t syncs() const { return syncs_; }

 private:
  const size_t last_;
  const std::future<void> go_on_;
  size_t records_ = 0;
  size_t syncs_ = 0;
};

// One process of many that submit a job each.
class Clients {
 public:
  explicit Clients(const std::string& endpoint) {
    for (size_t i = 0; i < kClients; ++i) {
      sockets_.emplace_back(context_, zmq::socket_type::dealer);
      sockets_.back().set(zmq::sockopt::linger, 0);
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
      EXPECT_TRUE(sockets_[socket].recv(frame));
    } while (frame.more());
    return wire::Decode<wire::Response>(frame.to_string_view()).value_or(wire::Response{});
  }

 private:
  zmq::context_t context_;
  std::vector<zmq::socket_t> sockets_;
};

TEST(Server, Lesson23_ManyQueuedRequests_ShareFewSyncs) {
  const SystemClock clock;
  CoreOptions options;
  options.max_jobs = 2 * kRequests;
  CoordinatorCore core(options, clock.Read());
  (void)core.Step(clock.Read(), BlobStored{test::PluginHash(), 10});
  mr::test::MemoryEnv env;
  Result<BlobStore> blobs = BlobStore::Open(env, "/blobs", false);
  ASSERT_TRUE(blobs);
  net::NetContext context;
  const auto requests = net::RequestServer::Bind(context, {"tcp://127.0.0.1:0"});
  ASSERT_TRUE(requests);
  const auto signals = SignalQueue::Open();
  ASSERT_TRUE(signals);
  std::promise<void> all_sent;
  SlowLog log(kRequests, all_sent.get_future());
  Server server({clock, core, log, *blobs, **requests, **signals});
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

  EXPECT_EQ(ended.error().text, "enough");
  EXPECT_EQ(core.state().jobs.size(), kRequests + 1);
  // The first one alone, and what had queued by its end; a busy machine delivers in a few portions.
  EXPECT_LE(log.syncs(), kRequests / 20);
}

}  // namespace
}  // namespace mr::coordinator
