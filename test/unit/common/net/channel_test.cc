#include "common/net/channel.h"

#include <gmock/gmock.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "net_testing.h"

namespace mr::net {
namespace {

std::unique_ptr<RequestServer> MakeServer(NetContext& context,
                                          const std::string& endpoint = kAnyPort) {
  auto server = RequestServer::Bind(context, {endpoint});
  EXPECT_TRUE(server.has_value()) << (server ? "" : server.error().text);
  return std::move(*server);
}

std::unique_ptr<RequestChannel> MakeChannel(NetContext& context, const std::string& endpoint) {
  auto channel = RequestChannel::Connect(context, endpoint);
  EXPECT_TRUE(channel.has_value()) << (channel ? "" : channel.error().text);
  return std::move(*channel);
}

TEST(RequestServer, Reply_ReachesTheClient) {
  NetContext context;
  auto server = MakeServer(context);
  auto channel = MakeChannel(context, server->endpoints().front());

  ASSERT_TRUE(SendWhenConnected(*channel, "question").has_value());
  auto incoming = AwaitRequest(*server);
  ASSERT_TRUE(incoming.has_value());
  EXPECT_EQ(incoming->bytes, "question");
  ASSERT_TRUE(server->Reply(incoming->token, "answer").has_value());

  EXPECT_EQ(AwaitReply(*channel), "answer");
}

TEST(RequestServer, Bind_SeveralEndpoints) {
  const TemporaryDirectory directory;
  NetContext context;
  auto server = RequestServer::Bind(context, {kAnyPort, "ipc://" + directory.path + "/c"});
  ASSERT_TRUE(server.has_value());
  ASSERT_EQ((*server)->endpoints().size(), 2u);
  EXPECT_NE((*server)->endpoints()[0], kAnyPort);  // the port that was chosen
  for (const std::string& endpoint : (*server)->endpoints()) {
    auto channel = MakeChannel(context, endpoint);
    ASSERT_TRUE(SendWhenConnected(*channel, "hello").has_value());
    EXPECT_TRUE(AwaitRequest(**server).has_value()) << endpoint;
  }
}

TEST(RequestServer, Bind_RefusesAnAddressInUse) {
  const TemporaryDirectory directory;
  NetContext context;
  for (const std::string& endpoint : {std::string(kAnyPort), "ipc://" + directory.path + "/c"}) {
    auto first = MakeServer(context, endpoint);
    auto second = RequestServer::Bind(context, {first->endpoints().front()});
    ASSERT_FALSE(second.has_value()) << endpoint;
    EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
    EXPECT_THAT(second.error().text, testing::HasSubstr(first->endpoints().front()));
  }
}

TEST(RequestServer, Bind_RefusesMalformedEndpoints) {
  NetContext context;
  for (const char* endpoint :
       {"", "tcp://", "tcp://host", "tcp://h:99999", "udp://h:1", "ipc://", "inproc://x"}) {
    auto server = RequestServer::Bind(context, {endpoint});
    ASSERT_FALSE(server.has_value()) << endpoint;
    EXPECT_EQ(server.error().code, ErrorCode::kInvalidArgument) << endpoint;
    auto channel = RequestChannel::Connect(context, endpoint);
    ASSERT_FALSE(channel.has_value()) << endpoint;
    EXPECT_EQ(channel.error().code, ErrorCode::kInvalidArgument) << endpoint;
  }
}

TEST(RequestChannel, Send_WithoutServerIsUnavailable) {
  NetContext context;
  const DeadEndpoint nobody;
  auto channel = MakeChannel(context, nobody.text());
  const Status sent = channel->Send("x");
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().code, ErrorCode::kUnavailable);
}

TEST(RequestChannel, TakeLost_TellsOfABrokenConnection) {
  NetContext context;
  auto server = MakeServer(context);
  auto channel = MakeChannel(context, server->endpoints().front());
  Poller poller;
  poller.Add(*channel, 7);
  ASSERT_TRUE(SendWhenConnected(*channel, "asked").has_value());
  ASSERT_TRUE(AwaitRequest(*server).has_value());
  EXPECT_FALSE(channel->TakeLost());
  server.reset();
  bool lost = false;
  for (int i = 0; i < 100 && !lost; ++i) {
    const auto ready = poller.Wait(std::chrono::milliseconds(100));
    ASSERT_TRUE(ready.has_value());
    lost = channel->TakeLost();
  }
  EXPECT_TRUE(lost);
  EXPECT_FALSE(channel->TakeLost()) << "once";
}

TEST(Poller, Wait_TellsOfABrokenConnectionOnce) {
  NetContext context;
  auto server = MakeServer(context);
  auto channel = MakeChannel(context, server->endpoints().front());
  ASSERT_TRUE(SendWhenConnected(*channel, "asked").has_value());
  ASSERT_TRUE(AwaitRequest(*server).has_value());
  Poller poller;
  poller.Add(*channel, 7);
  server.reset();
  const auto told = poller.Wait(std::chrono::seconds(30));
  ASSERT_TRUE(told.has_value());
  EXPECT_THAT(*told, testing::ElementsAre(7));
  EXPECT_FALSE(channel->Receive().has_value());
  const auto silent = poller.Wait(std::chrono::milliseconds(1));
  ASSERT_TRUE(silent.has_value());
  EXPECT_TRUE(silent->empty()) << "whoever only receives would spin";
}

// An event of a connection whose channel is being closed must not stop the library's thread.
TEST(RequestChannel, Destructor_WhileItsConnectionBreaks) {
  NetContext context;
  auto steady = MakeServer(context);
  for (int round = 0; round < 300; ++round) {
    auto server = MakeServer(context);
    std::vector<std::unique_ptr<RequestChannel>> channels;
    for (int i = 0; i < 10; ++i) {
      channels.push_back(MakeChannel(context, server->endpoints().front()));
      ASSERT_TRUE(SendWhenConnected(*channels.back(), "asked").has_value()) << "round " << round;
    }
    std::thread killer([&server] { server.reset(); });
    channels.clear();
    killer.join();
  }
  auto channel = MakeChannel(context, steady->endpoints().front());
  ASSERT_TRUE(SendWhenConnected(*channel, "asked").has_value());
  EXPECT_TRUE(AwaitRequest(*steady).has_value());
}

// More than the library's own limit of sockets.
TEST(NetContext, HoldsManyChannels) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < 4096) GTEST_SKIP() << "only " << limit.rlim_cur << " descriptors are allowed here";
  NetContext context;
  const DeadEndpoint nobody;
  std::vector<std::unique_ptr<RequestChannel>> channels;
  for (int i = 0; i < 500; ++i) {
    auto channel = RequestChannel::Connect(context, nobody.text());
    ASSERT_TRUE(channel.has_value()) << i << ": " << channel.error().text;
    channels.push_back(std::move(*channel));
  }
}

// Who sends again before the reply cuts itself off; that is no news of the server.
TEST(RequestChannel, TakeLost_NotOfItsOwnDoing) {
  NetContext context;
  auto server = MakeServer(context);
  auto channel = MakeChannel(context, server->endpoints().front());
  ASSERT_TRUE(SendWhenConnected(*channel, "old").has_value());
  ASSERT_TRUE(AwaitRequest(*server).has_value());
  ASSERT_TRUE(SendWhenConnected(*channel, "new").has_value());
  auto request = AwaitRequest(*server);
  ASSERT_TRUE(request.has_value());
  ASSERT_TRUE(server->Reply(request->token, "fresh").has_value());
  EXPECT_EQ(AwaitReply(*channel), "fresh");
  EXPECT_FALSE(channel->TakeLost());
}

TEST(RequestChannel, Receive_NeverTakesAStaleReply) {
  NetContext context;
  auto server = MakeServer(context);
  auto channel = MakeChannel(context, server->endpoints().front());
  ASSERT_TRUE(SendWhenConnected(*channel, "old").has_value());
  auto old_request = AwaitRequest(*server);
  ASSERT_TRUE(old_request.has_value());
  ASSERT_TRUE(SendWhenConnected(*channel, "new").has_value());
  auto new_request = AwaitRequest(*server);
  ASSERT_TRUE(new_request.has_value());
  ASSERT_EQ(new_request->bytes, "new");

  (void)server->Reply(old_request->token, "late");  // may find its connection gone: as good
  ASSERT_TRUE(server->Reply(new_request->token, "fresh").has_value());

  EXPECT_EQ(AwaitReply(*channel), "fresh");
  EXPECT_EQ(channel->Receive(), std::nullopt);
}

TEST(RequestChannel, Receive_DoesNotBlockOnAStaleReplyAlone) {
  NetContext context;
  auto server = MakeServer(context);
  auto channel = MakeChannel(context, server->endpoints().front());
  ASSERT_TRUE(SendWhenConnected(*channel, "old").has_value());
  auto old_request = AwaitRequest(*server);
  ASSERT_TRUE(SendWhenConnected(*channel, "new").has_value());
  auto new_request = AwaitRequest(*server);
  ASSERT_TRUE(old_request && new_request);
  (void)server->Reply(old_request->token, "late");

  Poller poller;
  poller.Add(*channel, 0);
  (void)poller.Wait(std::chrono::milliseconds(200));  // may claim that there is something

  EXPECT_EQ(channel->Receive(), std::nullopt);
}

TEST(RequestServer, Reply_ToAClientThatIsGoneIsUnavailable) {
  NetContext context;
  auto server = MakeServer(context);
  auto channel = MakeChannel(context, server->endpoints().front());
  ASSERT_TRUE(SendWhenConnected(*channel, "x").has_value());
  auto incoming = AwaitRequest(*server);
  ASSERT_TRUE(incoming.has_value());
  channel.reset();

  Poller poller;
  poller.Add(*server, 0);
  Status replied;
  EXPECT_TRUE(Await(poller, [&] { return !(replied = server->Reply(incoming->token, "y")); }));
  EXPECT_EQ(replied.error().code, ErrorCode::kUnavailable);
}

TEST(RequestServer, Reply_ToAPeerThatNeverReadsIsUnavailable) {
  NetContext context;
  auto server = MakeServer(context);
  RawPeer peer(server->endpoints().front());
  peer.Handshake();
  ASSERT_TRUE(peer.Write(RawPeer::Frame("", true) + RawPeer::Frame("greedy", false)));
  auto incoming = AwaitRequest(*server);
  ASSERT_TRUE(incoming.has_value());

  const std::string big(1 << 20, 'b');
  Status replied;
  int accepted = 0;
  while (accepted < 200 && (replied = server->Reply(incoming->token, big))) ++accepted;

  ASSERT_LT(accepted, 200) << "its queue is not bounded";
  EXPECT_EQ(replied.error().code, ErrorCode::kUnavailable);
  ExpectServes(context, *server);
}

// Its host has gone, or it never spoke the protocol: the connection must not be held for ever. Takes half a minute of
// waiting for the server's ping.
TEST(RequestServer, ClosesTheConnectionOfOneThatDoesNotAnswerPings) {
  NetContext context;
  auto server = MakeServer(context);
  RawPeer peer(server->endpoints().front());
  peer.Handshake();
  peer.ReadToEnd();
  ExpectServes(context, *server);
}

// A time to live would cost the server a timer for each ping of each of its clients.
TEST(RequestChannel, Ping_HasNoTimeToLive) {
  DeadEndpoint endpoint;
  NetContext context;
  auto channel = MakeChannel(context, endpoint.text());
  RawPeer server(endpoint.Accept());
  server.Handshake("ROUTER");
  EXPECT_EQ(server.ReadShortFrame(), std::string("\x04PING\0\0", 7));
}

TEST(RequestServer, Receive_OversizedFrameHurtsOnlyItsSender) {
  NetContext context;
  auto server = MakeServer(context);
  RawPeer peer(server->endpoints().front());
  peer.Handshake();
  ASSERT_TRUE(peer.Write(RawPeer::Frame("", true) + RawPeer::Frame("x", false, uint64_t{1} << 40)));
  peer.ReadToEnd();  // the connection is closed
  ExpectServes(context, *server);
}

TEST(RequestServer, Receive_EndlessMessageHurtsOnlyItsSender) {
  NetContext context;
  auto server = MakeServer(context);
  RawPeer peer(server->endpoints().front());
  peer.Handshake();
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(peer.Write(RawPeer::Frame("more", true)));
  ExpectServes(context, *server);
}

TEST(RequestServer, Receive_DropsMalformedMessagesWhole) {
  NetContext context;
  auto server = MakeServer(context);
  RawPeer peer(server->endpoints().front());
  peer.Handshake();
  std::string many;
  for (int i = 0; i < 2000; ++i) many += RawPeer::Frame("part", true);
  ASSERT_TRUE(peer.Write(many + RawPeer::Frame("end", false)));   // too many parts
  ASSERT_TRUE(peer.Write(RawPeer::Frame("no envelope", false)));  // no empty part
  ASSERT_TRUE(peer.Write(RawPeer::Frame("", true) + RawPeer::Frame("a", true) +
                         RawPeer::Frame("b", false)));
  ASSERT_TRUE(peer.Write(RawPeer::Frame(std::string(300, 'i'), true) + RawPeer::Frame("", true) +
                         RawPeer::Frame("long id", false)));
  ASSERT_TRUE(peer.Write(RawPeer::Frame("", true) + RawPeer::Frame("good", false)));

  auto incoming = AwaitRequest(*server);

  ASSERT_TRUE(incoming.has_value());
  EXPECT_EQ(incoming->bytes, "good");
}

TEST(RequestServer, Receive_RandomBytesOnThePortHurtNobody) {
  NetContext context;
  auto server = MakeServer(context);
  uint32_t state = 1;
  for (int round = 0; round < 20; ++round) {
    RawPeer peer(server->endpoints().front());
    std::string noise;
    for (int i = 0; i < 3000; ++i)
      noise.push_back(static_cast<char>((state = state * 1664525u + 1013904223u) >> 24));
    if (round % 2 == 1) peer.Handshake();
    (void)peer.Write(noise);
  }
  ExpectServes(context, *server);
}

TEST(RequestServer, Reply_AnswersTwoHundredHeldRequests) {
  constexpr size_t kClients = 200;
  NetContext context;
  auto server = MakeServer(context);
  std::vector<std::unique_ptr<RequestChannel>> channels;
  Poller poller;
  poller.Add(*server, -1);
  for (size_t i = 0; i < kClients; ++i) {
    channels.push_back(MakeChannel(context, server->endpoints().front()));
    poller.Add(*channels.back(), static_cast<int>(i));
  }
  std::vector<bool> sent(kClients, false);
  std::vector<RequestServer::Incoming> held;
  ASSERT_TRUE(Await(poller, [&] {
    for (size_t i = 0; i < kClients; ++i) {
      if (!sent[i]) sent[i] = channels[i]->Send(std::to_string(i)).has_value();
    }
    while (auto incoming = server->Receive()) held.push_back(std::move(*incoming));
    return held.size() == kClients;
  }));

  for (const auto& request : held)
    ASSERT_TRUE(server->Reply(request.token, "to " + request.bytes).has_value());

  for (size_t i = 0; i < kClients; ++i)
    EXPECT_EQ(AwaitReply(*channels[i]), "to " + std::to_string(i));
}

TEST(Poller, Wait_ReportsSocketsAndDescriptors) {
  NetContext context;
  auto server = MakeServer(context);
  auto waker = Waker::Create();
  ASSERT_TRUE(waker.has_value());
  Poller poller;
  poller.Add(*server, 7);
  poller.AddFd((*waker)->descriptor(), 8);

  EXPECT_THAT(*poller.Wait(Duration::zero()), testing::IsEmpty());
  (*waker)->Wake();
  EXPECT_THAT(*poller.Wait(kPatience), testing::ElementsAre(8));
  EXPECT_THAT(*poller.Wait(kPatience), testing::ElementsAre(8)) << "level-triggered";
  (*waker)->Drain();
  auto channel = MakeChannel(context, server->endpoints().front());
  ASSERT_TRUE(SendWhenConnected(*channel, "x").has_value());
  EXPECT_THAT(*poller.Wait(kPatience), testing::ElementsAre(7));
  poller.Remove(7);
  EXPECT_THAT(*poller.Wait(Duration::zero()), testing::IsEmpty());
}

TEST(Poller, Wait_SaysOnceThatAChannelCanSend) {
  NetContext context;
  auto server = MakeServer(context);
  auto channel = MakeChannel(context, server->endpoints().front());
  Poller poller;
  poller.Add(*channel, 3);
  if (channel->Send("x").has_value()) GTEST_SKIP() << "connected before it could be refused";

  EXPECT_THAT(*poller.Wait(kPatience), testing::ElementsAre(3));
  EXPECT_THAT(*poller.Wait(Duration::zero()), testing::IsEmpty());
  EXPECT_TRUE(channel->Send("x").has_value());
}

TEST(Poller, Wait_TakesASignalAsTimeOut) {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;  // does not help with poll
  ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
  NetContext context;
  auto server = MakeServer(context);
  std::atomic<bool> done{false};
  Result<std::vector<int>> ready;
  std::thread waiter([&] {
    Poller poller;
    poller.Add(*server, 0);
    ready = poller.Wait(kPatience);
    done = true;
  });

  const Time started = SteadyNow();
  while (!done) {
    pthread_kill(waiter.native_handle(), SIGUSR1);
    std::this_thread::yield();
  }
  waiter.join();

  ASSERT_TRUE(ready.has_value());
  EXPECT_THAT(*ready, testing::IsEmpty());
  EXPECT_LT(SteadyNow() - started, kPatience);
}

TEST(NetContext, Shutdown_EndsEveryWait) {
  NetContext context;
  auto server = MakeServer(context);
  Result<std::vector<int>> ready;
  std::thread waiter([&] {
    Poller poller;
    poller.Add(*server, 0);
    ready = poller.Wait(kPatience);
  });

  context.Shutdown();
  waiter.join();

  ASSERT_FALSE(ready.has_value());
  EXPECT_EQ(ready.error().code, ErrorCode::kCancelled);
  EXPECT_FALSE(server->Receive().has_value());
}

TEST(NetContext, Destructor_DoesNotWaitForUnsentMessages) {
  const Time started = SteadyNow();
  {
    NetContext context;
    auto server = MakeServer(context);
    auto channel = MakeChannel(context, server->endpoints().front());
    ASSERT_TRUE(SendWhenConnected(*channel, std::string(1 << 20, 'x')).has_value());
  }
  EXPECT_LT(SteadyNow() - started, std::chrono::seconds(5));
}

// ---- CURVE
// -------------------------------------------------------------------------------------------------

Security ClientOf(const KeyPair& own, const KeyPair& server) {
  return {own, server.public_key, {}};
}

TEST(Security, Curve_AllowedKeyComesIn) {
  const KeyPair server_keys = *MakeKeyPair();
  const KeyPair client_keys = *MakeKeyPair();
  NetContext server_context(Security{server_keys, "", {client_keys.public_key}});
  NetContext client_context(ClientOf(client_keys, server_keys));
  auto server = MakeServer(server_context);
  auto channel = MakeChannel(client_context, server->endpoints().front());

  ASSERT_TRUE(SendWhenConnected(*channel, "secret question").has_value());
  auto incoming = AwaitRequest(*server);

  ASSERT_TRUE(incoming.has_value());
  EXPECT_EQ(incoming->bytes, "secret question");
  ASSERT_TRUE(server->Reply(incoming->token, "secret answer").has_value());
  EXPECT_EQ(AwaitReply(*channel), "secret answer");
}

// `channel` sends all the time while others, which begin later and have the right keys, connect and are heard:
// nothing of its own reaches the server.
void ExpectRefused(RequestServer& server, RequestChannel& channel, const Security& right) {
  NetContext context(right);
  for (int i = 0; i < 5; ++i) {
    auto guest = MakeChannel(context, server.endpoints().front());
    Poller poller;
    poller.Add(server, 0);
    poller.Add(channel, 1);
    EXPECT_TRUE(Await(poller, [&] {
      (void)channel.Send("let me in");
      (void)guest->Send("question");
      const auto incoming = server.Receive();
      EXPECT_EQ(incoming ? incoming->bytes : "question", "question");
      return incoming.has_value();
    }));
  }
}

TEST(Security, Curve_UnknownKeyIsRefused) {
  const KeyPair server_keys = *MakeKeyPair();
  NetContext server_context(Security{server_keys, "", {MakeKeyPair()->public_key}});
  NetContext client_context(ClientOf(*MakeKeyPair(), server_keys));
  auto server = MakeServer(server_context);
  auto channel = MakeChannel(client_context, server->endpoints().front());
  ExpectRefused(*server, *channel, ClientOf(server_keys, server_keys));
}

TEST(Security, Curve_PlainClientIsRefused) {
  const KeyPair server_keys = *MakeKeyPair();
  NetContext server_context(Security{server_keys, "", {}});
  NetContext client_context;
  auto server = MakeServer(server_context);
  auto channel = MakeChannel(client_context, server->endpoints().front());
  ExpectRefused(*server, *channel, ClientOf(server_keys, server_keys));
}

// Resident memory of this process.
uint64_t ResidentBytes() {
  uint64_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

// libzmq counts whole messages only, so one that never ends is kept in memory without any bound: no option helps. That is
// why a server on a network needs keys: a stranger does not get as far as sending a message.
TEST(Security, Curve_EndlessMessageOfAStrangerTakesNoMemory) {
  const KeyPair server_keys = *MakeKeyPair();
  NetContext server_context(Security{server_keys, "", {}});
  auto server = MakeServer(server_context);
  const uint64_t before = ResidentBytes();
  constexpr uint64_t kFlood = 256u << 20, kAllowed = 64u << 20;
  RawPeer peer(server->endpoints().front());
  std::string greeting("\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL", 16);
  greeting.resize(64, '\0');
  bool open = peer.Write(greeting);
  const std::string frame = RawPeer::Frame(std::string(60'000, 'x'), true);
  for (uint64_t sent = 0; open && sent < kFlood; sent += frame.size()) open = peer.Write(frame);

  EXPECT_FALSE(open) << "the stranger's connection was not closed";
  EXPECT_LT(ResidentBytes(), before + kAllowed);
  NetContext friend_context(ClientOf(server_keys, server_keys));
  ExpectServes(friend_context, *server);
}

TEST(Security, Curve_WrongServerKeyIsRefused) {
  const KeyPair client_keys = *MakeKeyPair();
  const KeyPair server_keys = *MakeKeyPair();
  NetContext server_context(Security{server_keys, "", {client_keys.public_key}});
  NetContext client_context(ClientOf(client_keys, *MakeKeyPair()));
  auto server = MakeServer(server_context);
  auto channel = MakeChannel(client_context, server->endpoints().front());
  ExpectRefused(*server, *channel, ClientOf(client_keys, server_keys));
}

TEST(Security, Curve_KeyBehindTheEndpointIsTaken) {
  const KeyPair server_keys = *MakeKeyPair();
  const KeyPair client_keys = *MakeKeyPair();
  NetContext server_context(Security{server_keys, "", {client_keys.public_key}});
  NetContext client_context(Security{client_keys, "", {}});
  auto server = MakeServer(server_context);
  const std::string endpoint = server->endpoints().front();
  auto channel = MakeChannel(client_context, endpoint + "#" + server_keys.public_key);

  ASSERT_TRUE(SendWhenConnected(*channel, "question").has_value());

  EXPECT_TRUE(AwaitRequest(*server).has_value());
  EXPECT_EQ(channel->endpoint(), endpoint);
}

TEST(Security, Curve_OtherKeyThanExpectedIsRefused) {
  NetContext context(ClientOf(*MakeKeyPair(), *MakeKeyPair()));
  const std::string found = MakeKeyPair()->public_key;
  const auto channel = RequestChannel::Connect(context, "tcp://127.0.0.1:1#" + found);
  ASSERT_FALSE(channel.has_value());
  EXPECT_EQ(channel.error().code, ErrorCode::kPermission);
  EXPECT_THAT(channel.error().text, testing::HasSubstr(found));
}

TEST(Security, Curve_ClientWithoutKeysIsTold) {
  NetContext context;
  const std::string key = MakeKeyPair()->public_key;
  const auto channel = RequestChannel::Connect(context, "tcp://127.0.0.1:1#" + key);
  ASSERT_FALSE(channel.has_value());
  EXPECT_EQ(channel.error().code, ErrorCode::kPermission);
  EXPECT_THAT(channel.error().text, testing::HasSubstr("--key-file"));
}

TEST(Security, Curve_ClientWithoutServerKeyIsTold) {
  NetContext context(Security{*MakeKeyPair(), "", {}});
  auto channel = RequestChannel::Connect(context, "tcp://127.0.0.1:1");
  ASSERT_FALSE(channel.has_value());
  EXPECT_EQ(channel.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(channel.error().text, testing::HasSubstr("public key"));
}

}  // namespace
}  // namespace mr::net
