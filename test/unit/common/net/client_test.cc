#include "common/net/client.h"

#include <gmock/gmock.h>

#include <mutex>
#include <set>

#include "common/wire/codec.h"
#include "net_testing.h"

namespace mr::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string Answer(const wire::Request& request, wire::ResponseBody body, uint64_t epoch = 5) {
  return wire::Encode(
      wire::Response{.request_id = request.request_id, .epoch = epoch, .body = std::move(body)});
}

wire::Request Parse(const std::string& bytes) {
  auto request = wire::Decode<wire::Request>(bytes);
  EXPECT_TRUE(request.has_value());
  return request ? *request : wire::Request{};
}

wire::ClusterResponse ClusterAnswer(std::string version = "1") {
  wire::ClusterResponse answer;
  answer.cluster = "blue";
  answer.version = std::move(version);
  return answer;
}

std::unique_ptr<Client> MakeClient(NetContext& context, const std::string& endpoint) {
  auto client = Client::Connect(context, {endpoint}, "blue");
  EXPECT_TRUE(client.has_value());
  return std::move(*client);
}

TEST(Client, Ask_GetsTheAnswer) {
  NetContext context;
  ServerThread server(context, kAnyPort, [](const std::string& bytes) {
    const wire::Request request = Parse(bytes);
    EXPECT_EQ(request.cluster, "blue");
    EXPECT_NE(request.client, 0u);
    return Answer(request, ClusterAnswer());
  });
  auto client = MakeClient(context, server.endpoint());

  auto answer = client->Ask<wire::ClusterResponse>(wire::GetClusterRequest{}, seconds(10));

  ASSERT_TRUE(answer.has_value()) << answer.error().text;
  EXPECT_EQ(answer->cluster, "blue");
  EXPECT_EQ(client->epoch(), 5u);
}

TEST(Client, Ask_WrongKindOfAnswerIsInternal) {
  NetContext context;
  ServerThread server(context, kAnyPort, [](const std::string& bytes) {
    return Answer(Parse(bytes), wire::KillResponse{});
  });
  auto client = MakeClient(context, server.endpoint());
  auto answer = client->Ask<wire::ClusterResponse>(wire::GetClusterRequest{}, seconds(10));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::kInternal);
}

TEST(Client, Call_GivesTheCoordinatorsError) {
  NetContext context;
  ServerThread server(context, kAnyPort, [](const std::string& bytes) {
    return Answer(Parse(bytes), wire::ErrorResponse{ErrorCode::kNotFound, "no such job: j9"});
  });
  auto client = MakeClient(context, server.endpoint());
  auto answer = client->Call(wire::GetSpecRequest{JobId{9}}, seconds(10));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error(), (Error{ErrorCode::kNotFound, "no such job: j9"}));
}

TEST(Client, Call_OtherProtocolIsNamed) {
  NetContext context;
  ServerThread server(context, kAnyPort, [](const std::string& bytes) {
    return wire::Encode(wire::Response{.protocol = 77,
                                       .request_id = Parse(bytes).request_id,
                                       .epoch = 1,
                                       .body = ClusterAnswer()});
  });
  auto client = MakeClient(context, server.endpoint());
  auto answer = client->Call(wire::GetClusterRequest{}, seconds(10));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(answer.error().text, testing::HasSubstr("77"));
}

TEST(Client, Call_UnreadableAnswerIsAnError) {
  NetContext context;
  ServerThread server(context, kAnyPort,
                      [](const std::string&) { return std::string("\xc1 rubbish"); });
  auto client = MakeClient(context, server.endpoint());
  auto answer = client->Call(wire::GetClusterRequest{}, seconds(10));
  ASSERT_FALSE(answer.has_value());
  EXPECT_THAT(answer.error().text, testing::HasSubstr(server.endpoint()));
}

TEST(Client, Call_IgnoresAnswersToOtherRequests) {
  NetContext context;
  std::atomic<int> asked{0};
  ServerThread server(context, kAnyPort, [&asked](const std::string& bytes) {
    wire::Request request = Parse(bytes);
    if (asked++ == 0) request.request_id += 100;  // of somebody else
    return Answer(request, ClusterAnswer(std::to_string(asked)));
  });
  auto client = MakeClient(context, server.endpoint());
  auto answer = client->Ask<wire::ClusterResponse>(wire::GetClusterRequest{}, seconds(10));
  ASSERT_TRUE(answer.has_value()) << answer.error().text;
  EXPECT_EQ(answer->version, "2");
}

TEST(Client, Call_WithoutServerTimesOutAndSaysSo) {
  NetContext context;
  const DeadEndpoint nobody;
  const std::string& endpoint = nobody.text();
  auto client = MakeClient(context, endpoint);
  auto answer = client->Call(wire::GetClusterRequest{}, milliseconds(200));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(answer.error().text,
              testing::HasSubstr("cannot connect to the coordinator at " + endpoint));
}

TEST(Client, Call_SilentServerTimesOut) {
  NetContext context;
  ServerThread server(context, kAnyPort, [](const std::string&) { return std::nullopt; });
  auto client = MakeClient(context, server.endpoint());
  auto answer = client->Call(wire::GetClusterRequest{}, milliseconds(300));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(answer.error().text, testing::HasSubstr("no answer"));
}

TEST(Client, Call_InterruptGivesUpAtOnce) {
  NetContext context;
  ServerThread server(context, kAnyPort, [](const std::string&) { return std::nullopt; });
  auto client = MakeClient(context, server.endpoint());
  auto waker = Waker::Create();
  (*waker)->Wake();
  const Time started = SteadyNow();
  auto answer = client->Call(wire::GetClusterRequest{}, kPatience, (*waker)->descriptor());
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::kCancelled);
  EXPECT_LT(SteadyNow() - started, kPatience);
}

TEST(Client, Call_OutlivesAServerThatDiesWithTheRequest) {
  NetContext context;
  std::atomic<bool> taken{false};
  auto first = std::make_unique<ServerThread>(context, kAnyPort, [&taken](const std::string&) {
    taken = true;
    return std::nullopt;
  });
  const std::string endpoint = first->endpoint();
  auto client = MakeClient(context, endpoint);
  Result<wire::ResponseBody> answer;
  std::thread caller([&] { answer = client->Call(wire::GetClusterRequest{}, kPatience); });
  while (!taken) std::this_thread::yield();
  first.reset();

  ServerThread second(context, endpoint, [](const std::string& bytes) {
    return Answer(Parse(bytes), wire::ClusterResponse{}, 6);
  });
  caller.join();

  ASSERT_TRUE(answer.has_value()) << answer.error().text;
  EXPECT_EQ(client->epoch(), 6u);
}

// One request of every kind there is.
template <size_t... I>
std::vector<wire::RequestBody> EveryKind(std::index_sequence<I...>) {
  return {wire::RequestBody(std::in_place_index<I>)...};
}

TEST(Client, Lesson03_DroppedReplyIsAskedForAgainWithTheSameId) {
  NetContext context;
  std::mutex mutex;
  std::map<uint64_t, std::vector<wire::Request>> seen;  // by client
  ServerThread server(context, kAnyPort,
                      [&](const std::string& bytes) -> std::optional<std::string> {
                        const wire::Request request = Parse(bytes);
                        const std::lock_guard lock(mutex);
                        auto& of_client = seen[request.client];
                        of_client.push_back(request);
                        if (of_client.size() == 1)
                          return std::nullopt;  // it happened, but the reply is lost
                        return Answer(request, wire::ClusterResponse{});
                      });
  std::vector<wire::RequestBody> kinds =
      EveryKind(std::make_index_sequence<std::variant_size_v<wire::RequestBody>>());
  std::vector<std::thread> callers;
  for (wire::RequestBody& body : kinds) {
    if (auto* work = std::get_if<wire::WorkRequest>(&body)) work->hold_ms = 0;
    callers.emplace_back([&context, &server, &body] {
      auto client = MakeClient(context, server.endpoint());
      auto answer = client->Call(body, kPatience);
      EXPECT_TRUE(answer.has_value()) << "kind " << body.index();
    });
  }
  for (std::thread& caller : callers) caller.join();

  const std::lock_guard lock(mutex);
  ASSERT_EQ(seen.size(), kinds.size());
  for (const auto& [client, requests] : seen) {
    ASSERT_GE(requests.size(), 2u);
    EXPECT_EQ(requests[0], requests[1]);
  }
}

}  // namespace
}  // namespace mr::net
