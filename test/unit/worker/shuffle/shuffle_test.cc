// Segment server and fetcher together, over real sockets.
#include <gmock/gmock.h>

#include <atomic>
#include <deque>
#include <thread>

#include "common/net/data_channel.h"
#include "common/net/endpoint.h"
#include "shuffle_testing.h"
#include "worker/shuffle/protocol.h"

namespace mr::worker {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr std::chrono::seconds kPatience{20};

Time SteadyNow() { return SystemClock().Read().mono; }

TEST(Shuffle, Fetch_SeveralSourcesOfTwoServersInOrder) {
  net::NetContext net;
  TestWorker first(net);
  TestWorker second(net);
  TestWorker own(net);
  Reducer reducer(1);
  reducer.options.memory_bytes = 100 << 20;
  reducer.options.own_endpoint = own.server->endpoint();
  reducer.options.own_output_dirs = {own.outputs.path};
  std::vector<std::string> expected;
  std::vector<AttemptId> sources;
  for (uint32_t task = 0; task < 30; ++task) {
    TestWorker& worker = task % 3 == 0 ? first : task % 3 == 1 ? second : own;
    const AttemptId attempt = MapAttempt(task, task % 2);
    const bool empty = task % 5 == 0;
    WriteRun(worker.outputs.path, attempt, {2000, empty ? 0u : 3000u + task * 100, 500});
    reducer.From(attempt, worker.server->endpoint());
    if (empty) continue;
    expected.push_back(BytesInRun(worker.outputs.path, attempt, 1));
    sources.push_back(attempt);
  }

  auto segments = reducer.Fetch();

  ASSERT_TRUE(segments.has_value()) << segments.error().message;
  ASSERT_EQ(segments->size(), expected.size());
  uint64_t total = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ((*segments)[i].source, sources[i]);
    EXPECT_EQ((*segments)[i].bytes, expected[i].size());
    EXPECT_EQ(BytesOf((*segments)[i]), expected[i]);
    const bool local = sources[i].task.index % 3 == 2;
    EXPECT_EQ(!(*segments)[i].path.empty(), local);
    total += expected[i].size();
  }
  EXPECT_EQ(reducer.black_box.shuffle_bytes_done, total);
  EXPECT_GT(reducer.black_box.beat, 0u);
}

TEST(Shuffle, Fetch_NothingFromNobody) {
  Reducer reducer;
  auto segments = reducer.Fetch();
  ASSERT_TRUE(segments.has_value());
  EXPECT_TRUE(segments->empty());
}

TEST(Shuffle, Fetch_BigSegmentInManyPieces) {
  net::NetContext net;
  TestWorker worker(net);
  WriteRun(worker.outputs.path, MapAttempt(0), {12 << 20});
  Reducer reducer;
  reducer.options.memory_bytes = 64 << 20;
  reducer.options.window = 2;
  reducer.From(MapAttempt(0), worker.server->endpoint());

  auto segments = reducer.Fetch();

  ASSERT_TRUE(segments.has_value()) << segments.error().message;
  ASSERT_EQ(segments->size(), 1u);
  EXPECT_TRUE((*segments)[0].path.empty());
  EXPECT_TRUE(BytesOf((*segments)[0]) == BytesInRun(worker.outputs.path, MapAttempt(0), 0));
}

TEST(Shuffle, Fetch_SpillsWhatDoesNotFitIntoMemory) {
  net::NetContext net;
  TestWorker first(net);
  TestWorker second(net);
  Reducer reducer;
  reducer.options.memory_bytes = 3 << 20;
  for (uint32_t task = 0; task < 8; ++task) {
    TestWorker& worker = task % 2 == 0 ? first : second;
    WriteRun(worker.outputs.path, MapAttempt(task), {1 << 20});
    reducer.From(MapAttempt(task), worker.server->endpoint());
  }

  auto segments = reducer.Fetch();

  ASSERT_TRUE(segments.has_value()) << segments.error().message;
  ASSERT_EQ(segments->size(), 8u);
  uint64_t in_memory = 0;
  for (uint32_t task = 0; task < 8; ++task) {
    const Segment& segment = (*segments)[task];
    in_memory += segment.memory.size();
    const std::string& outputs = (task % 2 == 0 ? first : second).outputs.path;
    EXPECT_TRUE(BytesOf(segment) == BytesInRun(outputs, MapAttempt(task), 0)) << task;
  }
  EXPECT_GT(in_memory, 0u);
  EXPECT_LE(in_memory, 3u << 20);
  EXPECT_LE(PosixEnv().ListDirectory(reducer.scratch.path)->size(), 2u)
      << "one scratch file per server";
}

void ExpectFetchFailure(Reducer& reducer, const AttemptId& source, const std::string& reason) {
  auto segments = reducer.Fetch();
  ASSERT_FALSE(segments.has_value());
  EXPECT_EQ(segments.error().cause, wire::FailureCause::kFetch);
  EXPECT_EQ(segments.error().failed_source, source);
  EXPECT_THAT(segments.error().message, HasSubstr(ToString(source)));
  EXPECT_THAT(segments.error().message, HasSubstr(reason));
}

// What a reduce that began early hears, update by update; when nothing is left, it has waited in vain.
struct News {
  explicit News(Reducer& reducer) {
    reducer.work.complete = false;
    reducer.context.next_sources = [this](Duration) -> Result<std::optional<wire::SourceUpdate>> {
      if (waits++ > 1000) return Fail(ErrorCode::kTimeout, "waits for ever");
      if (updates.empty()) return std::nullopt;
      wire::SourceUpdate next = std::move(updates.front());
      updates.pop_front();
      return next;
    };
    reducer.context.sources_fetched = [this]() -> Status {
      ++fetched;
      return {};
    };
  }
  std::deque<wire::SourceUpdate> updates;
  int waits = 0;
  int fetched = 0;
};

TEST(Shuffle, Fetch_BeginsBeforeAllMapsAreDone) {
  net::NetContext net;
  TestWorker remote(net);
  TestWorker own(net);
  Reducer reducer;
  reducer.options.memory_bytes = 100 << 20;
  reducer.options.own_endpoint = own.server->endpoint();
  reducer.options.own_output_dirs = {own.outputs.path};
  std::vector<std::string> expected;
  for (uint32_t task = 0; task < 4; ++task) {
    WriteRun((task % 2 == 0 ? remote : own).outputs.path, MapAttempt(task), {5000 + task});
    expected.push_back(BytesInRun((task % 2 == 0 ? remote : own).outputs.path, MapAttempt(task), 0));
  }
  const auto at = [&](uint32_t task) {
    return wire::MapOutput{MapAttempt(task), {}, (task % 2 == 0 ? remote : own).server->endpoint()};
  };
  reducer.work.sources = {at(2)};
  News news(reducer);
  news.updates.push_back({{}, 1, {at(3)}, {}, false});
  news.updates.push_back({{}, 1, {at(3)}, {}, false});  // said twice
  news.updates.push_back({{}, 2, {at(0)}, {}, false});
  news.updates.push_back({{}, 3, {at(1)}, {}, true});

  auto segments = reducer.Fetch();

  ASSERT_TRUE(segments.has_value()) << segments.error().message;
  ASSERT_EQ(segments->size(), 4u);
  for (uint32_t task = 0; task < 4; ++task) {
    EXPECT_EQ((*segments)[task].source, MapAttempt(task)) << "in the order of the maps";
    EXPECT_EQ(BytesOf((*segments)[task]), expected[task]);
  }
  EXPECT_EQ(news.fetched, 1);
}

TEST(Shuffle, Fetch_SourceThatIsGoneIsAwaitedAtItsNewPlace) {
  net::NetContext net;
  TestWorker dead(net);
  TestWorker alive(net);
  WriteRun(alive.outputs.path, MapAttempt(0), {4000});
  WriteRun(alive.outputs.path, MapAttempt(1, 1), {6000});
  Reducer reducer;
  reducer.options.memory_bytes = 100 << 20;
  reducer.From(MapAttempt(0), alive.server->endpoint());
  reducer.From(MapAttempt(1, 0), dead.server->endpoint());  // which does not have it
  News news(reducer);
  reducer.work.complete = true;  // as it seemed when it began
  news.updates.push_back({{}, 3, {}, {1}, false});
  news.updates.push_back({{}, 4, {{MapAttempt(1, 1), {}, alive.server->endpoint()}}, {}, true});

  auto segments = reducer.Fetch();

  ASSERT_TRUE(segments.has_value()) << segments.error().message;
  ASSERT_EQ(segments->size(), 2u);
  EXPECT_EQ((*segments)[1].source, MapAttempt(1, 1));
  EXPECT_EQ(BytesOf((*segments)[0]), BytesInRun(alive.outputs.path, MapAttempt(0), 0));
  EXPECT_EQ(BytesOf((*segments)[1]), BytesInRun(alive.outputs.path, MapAttempt(1, 1), 0));
  EXPECT_EQ(reducer.black_box.shuffle_bytes_done, (*segments)[0].bytes + (*segments)[1].bytes) << "nothing counts twice";
}

TEST(Shuffle, Fetch_SourceThatNobodyCallsGoneStillFails) {
  net::NetContext net;
  TestWorker worker(net);
  Reducer reducer;
  reducer.From(MapAttempt(1), worker.server->endpoint());
  News news(reducer);
  news.updates.push_back({{}, 3, {}, {7}, false});
  ExpectFetchFailure(reducer, MapAttempt(1), "not there");
}

TEST(Shuffle, Fetch_UnknownAttemptIsNamed) {
  net::NetContext net;
  TestWorker worker(net);
  WriteRun(worker.outputs.path, MapAttempt(0), {5000});
  Reducer reducer;
  reducer.From(MapAttempt(0), worker.server->endpoint());
  reducer.From(MapAttempt(1), worker.server->endpoint());
  ExpectFetchFailure(reducer, MapAttempt(1), "not there");
}

TEST(Shuffle, Fetch_LocalOutputThatIsGoneIsNamed) {
  TemporaryDirectory outputs;
  Reducer reducer;
  reducer.options.own_endpoint = "tcp://127.0.0.1:9";
  reducer.options.own_output_dirs = {outputs.path};
  reducer.From(MapAttempt(3), "tcp://127.0.0.1:9");
  ExpectFetchFailure(reducer, MapAttempt(3), outputs.path);
}

TEST(Shuffle, Fetch_DamagedIndexAndMissingPartitionAreNamed) {
  net::NetContext net;
  TestWorker worker(net);
  ASSERT_TRUE(
      WriteFileAtomically(PosixEnv(), RunFilePath(worker.outputs.path, MapAttempt(0)), "no run")
          .has_value());
  WriteRun(worker.outputs.path, MapAttempt(1), {100});
  Reducer damaged;
  damaged.From(MapAttempt(0), worker.server->endpoint());
  ExpectFetchFailure(damaged, MapAttempt(0), "damaged");
  Reducer beyond(7);
  beyond.From(MapAttempt(1), worker.server->endpoint());
  ExpectFetchFailure(beyond, MapAttempt(1), "number 7");
}

TEST(Shuffle, Fetch_NobodyThereFailsAfterTheConnectTimeOut) {
  net::NetContext net;
  const std::string endpoint = TestWorker(net).server->endpoint();  // and gone
  Reducer reducer;
  reducer.options.connect_timeout = milliseconds(200);
  reducer.From(MapAttempt(0), endpoint);
  ExpectFetchFailure(reducer, MapAttempt(0), "no connection");
}

TEST(Shuffle, Fetch_SilentServerFailsAfterTheStallTimeOut) {
  net::NetContext net;
  auto silent = net::DataServer::Bind(net, kAnyPort);
  Reducer reducer;
  reducer.options.stall_timeout = milliseconds(700);
  reducer.From(MapAttempt(0), (*silent)->endpoint());
  ExpectFetchFailure(reducer, MapAttempt(0), "not answered");
}

TEST(Shuffle, Fetch_MalformedEndpointIsAFetchFailure) {
  Reducer reducer;
  reducer.From(MapAttempt(0), "nonsense");
  ExpectFetchFailure(reducer, MapAttempt(0), "nonsense");
}

// A server that sends the first `bytes` of a segment and then dies.
std::thread DyingServer(std::unique_ptr<net::DataServer> server, std::string start,
                        uint64_t segment_bytes) {
  return std::thread(
      [server = std::move(server), start = std::move(start), segment_bytes]() mutable {
        net::Poller poller;
        poller.Add(*server, 0);
        for (const Time end = SteadyNow() + kPatience; SteadyNow() < end;
             (void)poller.Wait(milliseconds(50))) {
          auto incoming = server->Receive();
          if (!incoming) continue;
          auto fetch = DecodeFetchMessage(incoming->bytes);
          ASSERT_TRUE(fetch.has_value());
          if (fetch->kind == ShuffleKind::kCredit) return;  // what was sent has been stored
          if (fetch->kind != ShuffleKind::kFetch) continue;
          ServerMessage piece;
          piece.kind = ShuffleKind::kPiece;
          piece.fetch_id = fetch->fetch_id;
          piece.parts = {
              {0, PartStatus::kBytes, segment_bytes, 0, static_cast<uint32_t>(start.size())}};
          ASSERT_TRUE(server->Send(incoming->peer, EncodeHeader(piece) + start).has_value());
        }
      });
}

TEST(Shuffle, Fetch_ResumesWhenTheServerComesBack) {
  net::NetContext net;
  TemporaryDirectory outputs;
  WriteRun(outputs.path, MapAttempt(0), {2 << 20});
  const std::string expected = BytesInRun(outputs.path, MapAttempt(0), 0);
  auto dying = net::DataServer::Bind(net, kAnyPort);
  const std::string endpoint = (*dying)->endpoint();
  // The start differs from the file's: only a fetch that resumes brings it to the end.
  const std::string marked(300'000, 'M');
  std::thread death = DyingServer(std::move(*dying), marked, expected.size());
  std::unique_ptr<SegmentServer> reborn;
  std::thread birth([&] {
    death.join();
    for (const Time end = SteadyNow() + kPatience; !reborn && SteadyNow() < end;) {
      if (auto server = SegmentServer::Start(net, PosixEnv(), endpoint, "", {outputs.path}))
        reborn = std::move(*server);
    }
  });
  Reducer reducer;
  reducer.options.memory_bytes = 10 << 20;
  reducer.From(MapAttempt(0), endpoint);

  auto segments = reducer.Fetch();
  birth.join();

  ASSERT_TRUE(segments.has_value()) << segments.error().message;
  ASSERT_EQ(segments->size(), 1u);
  EXPECT_TRUE(BytesOf((*segments)[0]) == marked + expected.substr(marked.size()));
  EXPECT_EQ(reducer.black_box.shuffle_bytes_done, expected.size());
}

TEST(Shuffle, Fetch_TwoReducersAtOnce) {
  net::NetContext net;
  TestWorker worker(net);
  constexpr uint32_t kTasks = 6;
  for (uint32_t task = 0; task < kTasks; ++task)
    WriteRun(worker.outputs.path, MapAttempt(task), {900'000, 700'000});
  Reducer reducers[2] = {Reducer(0), Reducer(1)};
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (uint32_t partition = 0; partition < 2; ++partition) {
    threads.emplace_back([&, partition] {
      Reducer& reducer = reducers[partition];
      reducer.options.memory_bytes = 1 << 20;
      for (uint32_t task = 0; task < kTasks; ++task)
        reducer.From(MapAttempt(task), worker.server->endpoint());
      auto segments = reducer.Fetch();
      if (!segments || segments->size() != kTasks) return;
      for (uint32_t task = 0; task < kTasks; ++task) {
        if (BytesOf((*segments)[task]) ==
            BytesInRun(worker.outputs.path, MapAttempt(task), partition))
          ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 2 * int{kTasks});
}

TEST(Shuffle, Fetch_ThousandsOfSmallSegments) {
  net::NetContext net;
  TestWorker worker(net);
  Reducer reducer;
  reducer.options.memory_bytes = 1 << 20;
  WriteRun(worker.outputs.path, MapAttempt(0), {50});
  const std::string run =
      *ReadWholeFile(PosixEnv(), RunFilePath(worker.outputs.path, MapAttempt(0)));
  constexpr uint32_t kTasks = 1500;  // more than one FETCH, more than the server keeps open
  for (uint32_t task = 0; task < kTasks; ++task) {
    if (task > 0) {
      auto copy = PosixEnv().CreateNew(RunFilePath(worker.outputs.path, MapAttempt(task)));
      ASSERT_TRUE((*copy)->Append(run).has_value());
    }
    reducer.From(MapAttempt(task), worker.server->endpoint());
  }
  auto segments = reducer.Fetch();
  ASSERT_TRUE(segments.has_value()) << segments.error().message;
  EXPECT_EQ(segments->size(), size_t{kTasks});
}

// ---- the server alone
// --------------------------------------------------------------------------------------

FetchMessage Message(ShuffleKind kind, uint32_t credits = 0) {
  FetchMessage message;
  message.kind = kind;
  message.fetch_id = 1;
  message.credits = credits;
  message.sources = {{MapAttempt(0), 0}};
  return message;
}

void SendMessage(net::DataChannel& channel, const FetchMessage& message) {
  const std::string bytes = Encode(message);
  net::Poller poller;
  poller.Add(channel, 0);
  for (const Time end = SteadyNow() + kPatience; !channel.Send(bytes) && SteadyNow() < end;) {
    (void)poller.Wait(milliseconds(20));
  }
}

// Kind of the next message.
std::optional<ShuffleKind> NextKind(net::DataChannel& channel) {
  std::optional<ShuffleKind> kind;
  net::Poller poller;
  poller.Add(channel, 0);
  for (const Time end = SteadyNow() + kPatience; !kind && SteadyNow() < end;
       (void)poller.Wait(milliseconds(20))) {
    channel.Receive([&](std::string_view bytes) { kind = DecodeServerMessage(bytes)->kind; });
  }
  return kind;
}

TEST(SegmentServer, Credits_BoundWhatASlowReaderIsSent) {
  net::NetContext net;
  TestWorker worker(net);
  WriteRun(worker.outputs.path, MapAttempt(0), {10 << 20});
  auto slow = net::DataChannel::Connect(net, worker.server->endpoint());
  SendMessage(**slow, Message(ShuffleKind::kFetch, 3));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(NextKind(**slow), ShuffleKind::kPiece);

  // Others are served meanwhile, …
  Reducer reducer;
  reducer.options.memory_bytes = 20 << 20;
  reducer.From(MapAttempt(0), worker.server->endpoint());
  ASSERT_TRUE(reducer.Fetch().has_value());
  // … and the slow one got nothing more: the answer to a ping comes next.
  SendMessage(**slow, Message(ShuffleKind::kPing));
  EXPECT_EQ(NextKind(**slow), ShuffleKind::kPong);
  SendMessage(**slow, Message(ShuffleKind::kCredit, 1));
  EXPECT_EQ(NextKind(**slow), ShuffleKind::kPiece);
  SendMessage(**slow, Message(ShuffleKind::kPing));
  EXPECT_EQ(NextKind(**slow), ShuffleKind::kPong);
}

TEST(SegmentServer, Credits_OfAGreedyPeerAreCut) {
  net::NetContext net;
  TestWorker worker(net);
  WriteRun(worker.outputs.path, MapAttempt(0), {14 << 20});
  auto greedy = net::DataChannel::Connect(net, worker.server->endpoint());
  SendMessage(**greedy, Message(ShuffleKind::kFetch, 1));
  ASSERT_EQ(NextKind(**greedy), ShuffleKind::kPiece);
  SendMessage(**greedy, Message(ShuffleKind::kCredit, 0xffffffffu));
  for (uint32_t i = 0; i < kMaxCredits; ++i) EXPECT_EQ(NextKind(**greedy), ShuffleKind::kPiece);
  SendMessage(**greedy, Message(ShuffleKind::kPing));
  EXPECT_EQ(NextKind(**greedy), ShuffleKind::kPong);
}

TEST(SegmentServer, HostileMessagesHurtNobody) {
  net::NetContext net;
  TestWorker worker(net);
  WriteRun(worker.outputs.path, MapAttempt(0), {5000});
  auto hostile = net::DataChannel::Connect(net, worker.server->endpoint());
  SendMessage(**hostile, Message(ShuffleKind::kPing));
  Random random(7);
  const std::string good = Encode(Message(ShuffleKind::kFetch, 4));
  for (int round = 0; round < 500; ++round) {
    std::string bytes = good;
    for (int flips = 0; flips < 3; ++flips)
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Next());
    (void)(*hostile)->Send(round % 3 == 0 ? bytes.substr(0, random.Below(bytes.size())) : bytes);
  }
  Reducer reducer;
  reducer.options.memory_bytes = 1 << 20;
  reducer.From(MapAttempt(0), worker.server->endpoint());
  auto segments = reducer.Fetch();
  ASSERT_TRUE(segments.has_value()) << segments.error().message;
  EXPECT_EQ(BytesOf((*segments)[0]), BytesInRun(worker.outputs.path, MapAttempt(0), 0));
}

TEST(SegmentServer, Start_AdvertisesTheHostThatOthersKnow) {
  net::NetContext net;
  TemporaryDirectory outputs;
  auto unnamed = SegmentServer::Start(net, PosixEnv(), "tcp://0.0.0.0:0", "", {outputs.path});
  ASSERT_FALSE(unnamed.has_value());
  EXPECT_EQ(unnamed.error().code, ErrorCode::kInvalidArgument);
  auto forwarded = SegmentServer::Start(net, PosixEnv(), "tcp://0.0.0.0:0", "gateway:4711", {outputs.path});
  ASSERT_TRUE(forwarded.has_value());
  EXPECT_EQ((*forwarded)->endpoint(), "tcp://gateway:4711");
  auto named = SegmentServer::Start(net, PosixEnv(), "tcp://0.0.0.0:0", "localhost", {outputs.path});
  ASSERT_TRUE(named.has_value());
  EXPECT_THAT((*named)->endpoint(), testing::StartsWith("tcp://localhost:"));
}

TEST(SegmentServer, Curve_ServesAllowedKeysOnly) {
  const net::KeyPair server_keys = *net::MakeKeyPair();
  const net::KeyPair client_keys = *net::MakeKeyPair();
  net::NetContext server_net(net::Security{server_keys, "", {client_keys.public_key}});
  TestWorker worker(server_net);
  WriteRun(worker.outputs.path, MapAttempt(0), {5000});
  EXPECT_THAT(worker.server->endpoint(), testing::EndsWith("#" + server_keys.public_key));

  net::NetContext client_net(net::Security{client_keys, "", {}});
  Reducer allowed;
  allowed.options.net = &client_net;
  allowed.options.memory_bytes = 1 << 20;
  allowed.From(MapAttempt(0), worker.server->endpoint());
  auto segments = allowed.Fetch();
  ASSERT_TRUE(segments.has_value()) << segments.error().message;
  EXPECT_EQ(BytesOf((*segments)[0]), BytesInRun(worker.outputs.path, MapAttempt(0), 0));

  net::NetContext stranger_net(net::Security{*net::MakeKeyPair(), "", {}});
  Reducer stranger;
  stranger.options.net = &stranger_net;
  stranger.options.connect_timeout = milliseconds(300);
  stranger.From(MapAttempt(0), worker.server->endpoint());
  ExpectFetchFailure(stranger, MapAttempt(0), "no connection");
}

// ---- open runs
// -----------------------------------------------------------------------------------------------

TEST(RunFileCache, Open_KeepsABoundedNumber) {
  TemporaryDirectory outputs;
  RunFileCache cache(PosixEnv(), {outputs.path}, 2);
  const Time now = SteadyNow();
  for (uint32_t task = 0; task < 4; ++task) {
    WriteRun(outputs.path, MapAttempt(task), {100});
    EXPECT_TRUE(cache.Open(MapAttempt(task), now).has_value());
  }
  EXPECT_EQ(cache.open_count(), 2u);
  const auto first = cache.Open(MapAttempt(3), now);
  EXPECT_EQ(*first, *cache.Open(MapAttempt(3), now)) << "opened twice";
}

TEST(RunFileCache, Open_FindsRunsInEachOfSeveralDirectories) {
  TemporaryDirectory a, b;
  RunFileCache cache(PosixEnv(), {a.path, b.path}, 10);
  const Time now = SteadyNow();
  WriteRun(a.path, MapAttempt(0), {100});
  WriteRun(b.path, MapAttempt(1), {200});
  EXPECT_EQ((*cache.Open(MapAttempt(0), now))->file->path(), RunFilePath(a.path, MapAttempt(0)));
  EXPECT_EQ((*cache.Open(MapAttempt(1), now))->file->path(), RunFilePath(b.path, MapAttempt(1)));
  EXPECT_EQ(cache.Open(MapAttempt(2), now).error().code, ErrorCode::kNotFound);
  cache.Sweep(now, milliseconds(100));
  EXPECT_EQ(cache.open_count(), 2u) << "both are still there";
  ASSERT_TRUE(PosixEnv().RemoveFile(RunFilePath(b.path, MapAttempt(1))).has_value());
  cache.Sweep(now, milliseconds(100));
  EXPECT_EQ(cache.open_count(), 1u);
}

TEST(RunFileCache, Sweep_ForgetsRemovedAndIdleRuns) {
  TemporaryDirectory outputs;
  RunFileCache cache(PosixEnv(), {outputs.path}, 10);
  const Time now = SteadyNow();
  for (uint32_t task = 0; task < 3; ++task) {
    WriteRun(outputs.path, MapAttempt(task), {100});
    ASSERT_TRUE(cache.Open(MapAttempt(task), now).has_value());
  }
  ASSERT_TRUE(PosixEnv().RemoveFile(RunFilePath(outputs.path, MapAttempt(1))).has_value());
  cache.Sweep(now, milliseconds(100));
  EXPECT_EQ(cache.open_count(), 2u);
  EXPECT_EQ(cache.Open(MapAttempt(1), now).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(cache.Open(MapAttempt(2), now + milliseconds(200)).has_value());
  cache.Sweep(now + milliseconds(200), milliseconds(100));
  EXPECT_EQ(cache.open_count(), 1u);
}

}  // namespace
}  // namespace mr::worker
